"""A model is asked a task's records: by generation, likelihood, loss, or by the library whose probe it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.hashing import digest, digest_each, file_digest
from clbench.data.probes import ProbeData, is_foreign
from clbench.data.sources import TaskData
from clbench.methods.asked import asked
from clbench.runs.predictions import Prediction

if TYPE_CHECKING:
    from clbench.data.example import Example
    from clbench.evaluation.evaluator import Answers, Evaluator, OnBatch

FORM = 1
_ROOMS = ("data", "evaluation", "models", "training")  # the code between a record and an answer
_LIBRARIES = ("torch", "transformers", "tokenizers")


def ask(
    evaluator: Evaluator,
    model: Any,
    data: TaskData,
    *,
    on_batch: OnBatch = lambda answers: None,
    known: Answers | None = None,
) -> list[Prediction]:
    """A model's answers to a task's test records, in their order.

    Args:
        evaluator: prompts to answers.
        model: causal LM.
        data: of a task that is not measured by its loss.
        on_batch: given each batch's answers.
        known: answers from before an interruption.
    """
    task, probe = data.task, is_foreign(data)
    if isinstance(data, ProbeData) and data.external is not None:
        return _external(evaluator, model, data)
    if known and known.keys() >= {*range(len(data.test))}:
        return evaluator.recall(model, data.test, known, on_batch=on_batch)
    if task.measure == "choice":
        return evaluator.choose(model, data.test, probe=probe, on_batch=on_batch, known=known)
    return evaluator.predict(
        model,
        data.test,
        max_new_tokens=task.max_new_tokens,
        stop=task.stop,
        probe=probe,
        on_batch=on_batch,
        known=known,
    )


def _external(evaluator: Evaluator, model: Any, data: ProbeData) -> list[Prediction]:
    assert data.external is not None
    model.eval()
    judged = data.external.measure(
        getattr(model, "module", model),
        evaluator.encoder.tokenizer,
        batch_size=evaluator.runtime.eval_batch,
        limit=data.plan.examples,
    )
    return [Prediction(one.prompt, one.prediction(), one.answer) for one in judged]


def record_losses(evaluator: Evaluator, model: Any, examples: Sequence[Example]) -> list[tuple[float, int]]:
    """Loss of each example's answer and end-of-text token: its sum in nats, and over how many tokens.

    `Evaluator.mean_loss` is the sum of the sums over all tokens. One by one, as no padding can then play a part.
    """
    import torch

    from clbench.training.losses import autocast

    model.eval()
    found = []
    for one in evaluator.encoder.wholes(examples):
        ids = torch.tensor([one.ids], device=evaluator.accelerator.device)
        prompt = one.ids[: -one.num_answer]
        told = asked(lambda prompt=prompt: [prompt])
        with torch.inference_mode(), autocast(evaluator.protocol, evaluator.accelerator.device), told:
            logits = model(input_ids=ids, use_cache=False).logits[0, -one.num_answer - 1 : -1].float()
        picked = logits.gather(-1, ids[0, -one.num_answer :, None])[:, 0] - logits.logsumexp(-1)
        found.append((-float(picked.double().sum()), one.num_answer))
    return found


def asked_of(data: TaskData) -> dict[str, Any]:
    """What a task's answers depend on besides the model and how it is asked; how they are scored is no part of it."""
    task = data.task
    return {
        "records": digest_each(json.loads(json.dumps([*one.to_json(), one.start])) for one in data.test),
        "task": task.name,
        "asked": [task.measure, task.max_new_tokens, list(task.stop), is_foreign(data)],
    }


@cache
def code() -> str:
    """Hash of the code that turns records into answers, and the versions of the libraries below it."""
    from importlib.metadata import version

    package = Path(__file__).parent.parent
    paths = sorted(path for room in _ROOMS for path in (package / room).rglob("*.py"))
    files = {path.relative_to(package).as_posix(): file_digest(path) for path in paths}
    return digest([FORM, files, {name: version(name) for name in _LIBRARIES}])
