"""One side of a comparison is asked all probes, from the store where that has the answers already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from clbench.base.progress import Progress
from clbench.data.probes import ProbeData
from clbench.data.sources import TaskData
from clbench.evaluation.asking import asked_of, code
from clbench.forgetting.store import Store
from clbench.runs.predictions import Prediction

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers, OnBatch


class Side(Protocol):
    """A model that can be asked.

    Args:
        name: for people.
        lasting: whether what it answered once is what it will answer again, as its content is known.
    """

    name: str
    lasting: bool

    def identity(self) -> Mapping[str, Any]:
        """All that its answers depend on besides the records, as JSON values."""
        ...

    def answer(self, data: TaskData, *, on_batch: OnBatch, known: Answers) -> list[Prediction]:
        """Its answers to a task's records."""
        ...


@dataclass(slots=True)
class Asked:
    """A side's answers by name of the probe.

    Args:
        answers: in the order of the records.
        kept: how many of them were not asked for now, but kept from before.
    """

    answers: dict[str, list[Prediction]] = field(default_factory=dict)
    kept: int = 0


def ask_all(side: Side, probes: Sequence[TaskData], *, store: Store, progress: Progress, fresh: bool = False) -> Asked:
    """All answers of one side.

    Args:
        side: who is asked.
        probes: what.
        store: of answers.
        progress: of the asking.
        fresh: ask anew what is kept.
    """
    asked = Asked()
    for data in probes:
        key = key_of(side, data)
        if fresh:
            store.drop(key)
        prompts = None if _is_external(data) else [one.prompt for one in data.test]
        found = store.read(key, prompts=prompts)
        asked.kept += len(found or ())
        asked.answers[data.task.name] = _ask(side, data, key, store, progress) if found is None else found
    return asked


def forget_served(side: Side, probes: Sequence[TaskData], *, store: Store) -> None:
    """Answers of a side whose content nobody knows served one command; the next one asks anew."""
    if not side.lasting:
        for data in probes:
            store.drop(key_of(side, data))


def _ask(side: Side, data: TaskData, key: Mapping[str, Any], store: Store, progress: Progress) -> list[Prediction]:
    draft, task = store.draft(key), data.task.name.rpartition("/")[2]
    known = draft.read(len(data.test))

    def on_batch(answers: Answers) -> None:
        draft.add(answers)
        progress.advance(len(answers))

    with progress.task(f"{side.name}: {task}", total=len(data.test)):
        found = side.answer(data, on_batch=on_batch, known=known)
    store.save(key, found)
    return found


def key_of(side: Side, data: TaskData) -> dict[str, Any]:
    """All that a side's answers to a probe depend on; how they are scored is no part of it."""
    external = data.external.identity if isinstance(data, ProbeData) and data.external else None
    return {
        "model": dict(side.identity()),
        **asked_of(data),
        "external": [external, data.plan.examples] if external and isinstance(data, ProbeData) else None,
        "code": code(),
    }


def _is_external(data: TaskData) -> bool:
    return isinstance(data, ProbeData) and data.external is not None
