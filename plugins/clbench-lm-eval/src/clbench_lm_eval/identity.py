"""What a probe's scores depend on, as JSON values that are the same on every machine."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from clbench.base.hashing import digest
from clbench_lm_eval.metric import Metric

# Where data come from says a path or an address; what they are says `questions`.
PLACES = {"dataset_path", "dataset_kwargs", "metadata"}
PROMPTS = 8  # of each task, hashed as they are asked: few-shot examples and all


def identity(name: str, tasks: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    """Version, metric, and for each task its version, shots, and hashes.

    Args:
        name: of the task or group.
        tasks: of lm-eval, by name, loaded and seeded.
        metric: what a question is scored by.
    """
    import lm_eval

    return {
        "library": "lm-eval",
        "version": lm_eval.__version__,
        "task": name,
        "metric": metric.name,
        "filter": metric.filter,
        "mean": "over all questions",
        "tasks": {key: _task(task) for key, task in tasks.items()},
    }


def _task(task: Any) -> dict[str, Any]:
    documents = task.eval_docs
    size = len(documents)
    task.build_all_requests(samples=sorted({index * size // PROMPTS for index in range(PROMPTS)}))
    prompts = [one.args for one in task.instances]
    task._instances = None
    config = {key: value for key, value in task.dump_config().items() if key not in PLACES}
    return {
        "version": str(task.VERSION),
        "shots": task.get_config("num_fewshot"),
        "config": _hash(config),
        "questions": _hash(list(documents)),
        "prompts": _hash(prompts),
    }


def _hash(value: Any) -> str:
    return digest(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(value, ensure_ascii=False, default=_source)))


def _source(value: Any) -> str:
    """A function as its text; all else as Python writes it."""
    try:
        return inspect.getsource(value)
    except (TypeError, OSError):
        return str(value)


def text_of(value: Any) -> str:
    """An answer of lm-eval: text as it is, a list of one as its member, all else as JSON."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
