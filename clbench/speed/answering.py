"""Answers' tokens a second, beside `generate` of transformers in batches of 4 in the records' order."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.base.errors import RunError
from clbench.data.batches import left_pad
from clbench.evaluation.evaluator import Evaluator
from clbench.speed import timing
from clbench.speed.figure import Figure
from clbench.speed.subject import Subject
from clbench.speed.timing import Work

FEW = 4  # prompts a batch, as TRACE's scripts have it
OTHERS = f"generate, batches of {FEW}"
ENGINES = ("greedy", "hf", "continuous", "vllm")


def tokens_a_second(subject: Subject, *, prompts: int, limit: int, budget: float) -> list[Figure]:
    """Of greedy answers that all run into their limit, engine by engine, those that are missing here last.

    Args:
        subject: whose model is asked.
        prompts: how many of each task.
        limit: tokens of an answer.
        budget: seconds to spend, about.
    """
    asked = [list(one.ids[: -one.num_answer]) for batch in subject.steps(prompts) for one in batch]
    evaluators, missing = _engines(subject)
    works: dict[str, Work] = {name: _work(one, subject, asked, limit=limit) for name, one in evaluators.items()}
    works[OTHERS] = lambda: _theirs(subject, asked, limit=limit)
    times = timing.in_turn(works, device=subject.stage.run.device, budget=budget)
    tokens, note = len(asked) * limit, f"{len(asked)} prompts, {sum(map(len, asked))} tokens, answers of {limit}"
    figures = [
        _figure(subject, name, tokens / timing.median(times[name]), 1 / timing.ratio(times[name], times[OTHERS]), note)
        for name in evaluators
    ]
    return [*figures, *(_figure(subject, name, None, None, f"unmeasured: {why}") for name, why in missing.items())]


def _figure(subject: Subject, engine: str, value: float | None, ratio: float | None, note: str) -> Figure:
    beside = {} if ratio is None else {OTHERS: ratio}
    return Figure("answering", subject.shape.name, f"greedy answers, engine {engine}", value, "tokens/s", beside, note)


def _engines(subject: Subject) -> tuple[dict[str, Evaluator], dict[str, str]]:
    """Evaluators by engine, and why others cannot be had on this machine."""
    known, found, missing = subject.evaluator, {}, {}
    for name in ENGINES:
        runtime = known.runtime.model_copy(update={"engine": name})
        try:
            found[name] = Evaluator(known.accelerator, known.encoder, known.protocol, runtime)
        except RunError as error:
            missing[name] = str(error).partition(": ")[2].partition(";")[0]
    return found, missing


def _work(evaluator: Evaluator, subject: Subject, asked: Sequence[Sequence[int]], *, limit: int) -> Work:
    return lambda: _ours(evaluator, subject, asked, limit=limit)


def _ours(evaluator: Evaluator, subject: Subject, asked: Sequence[Sequence[int]], *, limit: int) -> list[list[int]]:
    model, found = subject.model.eval(), dict[int, list[int]]()
    for indices in evaluator.batches(model, asked, limit=limit):
        answers = evaluator.generate(model, [asked[index] for index in indices], limit=limit)
        found.update(zip(indices, (one.ids for one in answers), strict=True))
    return [found[index] for index in range(len(asked))]


def _theirs(subject: Subject, asked: Sequence[Sequence[int]], *, limit: int) -> list[list[int]]:
    import torch

    from clbench.training.losses import autocast

    run, model = subject.stage.run, subject.model.eval()
    found = []
    for start in range(0, len(asked), FEW):
        ids, mask = left_pad(asked[start : start + FEW], pad=subject.evaluator.encoder.pad)
        with torch.inference_mode(), autocast(run.protocol, run.device):
            output = model.generate(
                input_ids=ids.to(run.device), attention_mask=mask.to(run.device), max_new_tokens=limit, do_sample=False
            )
        found += output[:, ids.shape[1] :].tolist()
    return found
