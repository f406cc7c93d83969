"""Answers' tokens a second, beside `generate` of transformers in batches of 4 in the records' order."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.data.batches import left_pad
from clbench.speed import timing
from clbench.speed.figure import Figure
from clbench.speed.subject import Subject

OTHERS = 4  # prompts a batch, as TRACE's scripts have it


def tokens_a_second(subject: Subject, *, prompts: int, limit: int, budget: float) -> Figure:
    """Of greedy answers that all run into their limit.

    Args:
        subject: whose model is asked.
        prompts: how many of each task.
        limit: tokens of an answer.
        budget: seconds to spend, about.
    """
    asked = [list(one.ids[: -one.num_answer]) for batch in subject.steps(prompts) for one in batch]
    works = {"ours": lambda: _ours(subject, asked, limit=limit), "theirs": lambda: _theirs(subject, asked, limit=limit)}
    times = timing.in_turn(works, device=subject.stage.run.device, budget=budget)
    beside = {f"generate, batches of {OTHERS}": 1 / timing.ratio(times["ours"], times["theirs"])}
    value = len(asked) * limit / timing.median(times["ours"])
    note = f"{len(asked)} prompts, {sum(map(len, asked))} tokens, answers of {limit}"
    return Figure("answering", subject.shape.name, "greedy answers", value, "tokens/s", beside, note)


def _ours(subject: Subject, asked: Sequence[Sequence[int]], *, limit: int) -> list[list[int]]:
    evaluator, model = subject.evaluator, subject.model.eval()
    found: dict[int, list[int]] = {}
    for indices in evaluator.batches(model, asked, limit=limit):
        answers = evaluator.generate(model, [asked[index] for index in indices], limit=limit)
        found.update(zip(indices, (one.ids for one in answers), strict=True))
    return [found[index] for index in range(len(asked))]


def _theirs(subject: Subject, asked: Sequence[Sequence[int]], *, limit: int) -> list[list[int]]:
    import torch

    from clbench.training.losses import autocast

    run, model = subject.stage.run, subject.model.eval()
    found = []
    for start in range(0, len(asked), OTHERS):
        ids, mask = left_pad(asked[start : start + OTHERS], pad=subject.evaluator.encoder.pad)
        with torch.inference_mode(), autocast(run.protocol, run.device):
            output = model.generate(
                input_ids=ids.to(run.device), attention_mask=mask.to(run.device), max_new_tokens=limit, do_sample=False
            )
        found += output[:, ids.shape[1] :].tolist()
    return found
