"""A task or group of lm-eval, asked of a model as it is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from clbench.base.errors import ClbenchError, DataError, RunError
from clbench.spec.external import Judged
from clbench_lm_eval.guard import SEEDS, own_randomness, own_tokenizer, quiet, untouched
from clbench_lm_eval.identity import identity, text_of
from clbench_lm_eval.metric import Metric
from clbench_lm_eval.names import Asked, probe_name


class LmEvalProbe:
    """A `clbench.spec.external.ExternalProbe`.

    Args:
        asked: as the user wrote it.
        task: name of the task or group in lm-eval.
        tasks: lm-eval's objects of all its tasks, by name, with their data.
        metric: what a question is scored by.
    """

    def __init__(self, asked: Asked, task: str, tasks: Mapping[str, Any], metric: Metric) -> None:
        self.asked, self.task, self.tasks, self.metric = asked, task, dict(tasks), metric
        self.name = probe_name(task, asked)
        self.summary = f"lm-eval's {task} ({_count(tasks)}), scored by {metric.name}, mean over all questions"
        self.sizes = {name: len(one.eval_docs) for name, one in self.tasks.items()}
        self.identity: dict[str, Any] = identity(task, self.tasks, metric)

    def measure(self, model: Any, tokenizer: Any, *, batch_size: int, limit: int | None) -> list[Judged]:
        """Ask a model: `limit` questions evenly spread over all, in the order of lm-eval.

        Args:
            model: causal LM of transformers, on its device; adapters and wrapped modules are part of it.
            tokenizer: its tokenizer.
            batch_size: prompts a batch.
            limit: how many questions at most; all when None.

        Raises:
            ClbenchError: lm-eval fails, or a question's score is not from 0 to 1.
        """
        import torch

        chosen = spread(self.sizes, limit)
        try:
            with quiet(), own_randomness(), untouched(model):
                found = self._evaluate(model, own_tokenizer(tokenizer), batch_size=batch_size, chosen=chosen)
                return [self._judged(one) for one in found]
        except (ClbenchError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise RunError(f"{self.asked.option}: lm-eval failed: {line}") from error

    def _evaluate(
        self, model: Any, tokenizer: Any, *, batch_size: int, chosen: dict[str, list[int]] | None
    ) -> Iterator[dict[str, Any]]:
        """Samples of lm-eval. Its `simple_evaluate` would seed the process and list its packages, each time."""
        from lm_eval.evaluator import evaluate
        from lm_eval.models.huggingface import HFLM

        wrap: Any = HFLM  # its decorator hides its arguments
        lm = wrap(pretrained=model, backend="causal", tokenizer=tokenizer, batch_size=batch_size)
        tasks = {name: self.tasks[name] for name in chosen or self.tasks}
        for task in tasks.values():
            task.set_fewshot_seed(seed=SEEDS["shots"])  # the same examples in every row of R
        try:
            found: Any = evaluate(lm=lm, task_dict={"tasks": tasks}, samples=chosen, bootstrap_iters=0)
        finally:
            for task in tasks.values():
                task._instances = None
        assert found is not None
        samples = [one for name in tasks for one in found["samples"][name]]
        return (one for one in samples if one["filter"] == self.metric.filter)

    def _judged(self, sample: Mapping[str, Any]) -> Judged:
        score = sample.get(self.metric.name)
        try:
            value = float(score)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            value = -1.0
        if not 0 <= value <= 1:
            key = ",".join(self.metric)
            raise DataError(
                f"{self.asked.option}: {key} of a question is {score!r}, and a probe needs a number from 0 to 1"
            )
        return Judged(
            prompt=str(sample["arguments"][0][0]),
            response=text_of(sample["filtered_resps"]),
            answer=text_of(sample["target"]),
            score=value,
        )


def spread(sizes: Mapping[str, int], limit: int | None) -> dict[str, list[int]] | None:
    """Which questions of each task are asked, evenly spread over all tasks one after the other.

    Args:
        sizes: questions by task.
        limit: how many at most.

    Returns:
        Numbers of questions, ascending, tasks without any left out; None when all are asked.
    """
    total = sum(sizes.values())
    if limit is None or limit >= total:
        return None
    wanted = [index * total // limit for index in range(limit)]
    found = {}
    for (name, size), end in zip(sizes.items(), accumulate(sizes.values()), strict=True):
        found[name] = [index - end + size for index in wanted if end - size <= index < end]
    return {name: indices for name, indices in found.items() if indices}


def _count(tasks: Mapping[str, Any]) -> str:
    return "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
