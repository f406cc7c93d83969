"""Sources of records: generated (`mini`), archives (`trace`, `o-lora` …), files (`files`), the Hub (`hub`), plugins'.

Each gives a task's split as examples and a hash of what it read; the hashes make a board's identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import DataError, did_you_mean
from clbench.base.hashing import digest, digest_each
from clbench.data import mini
from clbench.data.archives import suites, trace
from clbench.data.example import Example
from clbench.data.files import find
from clbench.data.formed import load_formed
from clbench.data.records import Reading, pick, read_examples, shuffled
from clbench.data.validation import hold
from clbench.spec.task import Files, Hub, Task

if TYPE_CHECKING:
    from clbench.plugins.manager import Plugins
    from clbench.spec.stream import StreamPlan

MINI_TRAIN, MINI_TEST = 320, 64  # records when a stream does not say


@dataclass(frozen=True, slots=True)
class TaskData:
    """A task's records.

    Args:
        task: the task.
        train: to learn from.
        test: to score on, or the validation records in their place; never reaches a method.
        hash: of both splits' content.
        notes: how the files were read, where not as they stand.
    """

    task: Task
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    hash: str
    notes: tuple[str, ...] = ()


def load_stream_data(plan: StreamPlan, *, plugins: Plugins | None = None) -> list[TaskData]:
    """All tasks' records, in the plan's order, cut to its caps.

    Raises:
        DataError: a split is missing, malformed, empty, or has an empty training answer.
    """
    return [_task_data(plan, task, plugins=plugins) for task in plan.tasks]


def data_hash(data: list[TaskData]) -> str:
    """One hash over all tasks, whatever their order."""
    return digest(sorted((one.task.name, one.hash) for one in data))


def _task_data(plan: StreamPlan, task: Task, *, plugins: Plugins | None) -> TaskData:
    notes: list[str] = []
    train = load_split(plan, task, split="train", cap=plan.train_examples, plugins=plugins, notes=notes)
    if plan.split == "eval":
        train, test = _validation(plan, task, train, plugins=plugins, notes=notes)
    else:
        test = load_split(plan, task, split="test", cap=plan.test_examples, plugins=plugins, notes=notes)
    for number, example in enumerate(train, 1):
        if not example.answer:
            raise DataError(
                f"task {task.name!r}: training record {number} has an empty answer; there is nothing to learn"
            )
    found = digest_each((one.content() for split in (train, test) for one in split), number=len(train))
    return TaskData(task, tuple(train), tuple(test), found, tuple(notes))


def _validation(
    plan: StreamPlan, task: Task, train: list[Example], *, plugins: Plugins | None, notes: list[str]
) -> tuple[list[Example], list[Example]]:
    """What is trained on, and what is scored in place of the test records."""
    size = plan.test_examples if plan.source == "mini" else None  # where records have no end
    own = load_split(plan, task, split="eval", cap=size, plugins=plugins, notes=notes) if _has_own(plan, task) else None
    test = load_split(plan, task, split="test", plugins=plugins)
    held = hold(train, own=own, test=test, task=task.name, cap=plan.test_examples)
    if plan.source in suites.SUITES and suites.dev_of(plan.source, str(task.data[plan.source])) == "test":
        notes.append(f"{task.name}: the dev file of {plan.source}'s archive is its test file, and is not read")
    notes += held.notes
    return held.train, held.validation


def _has_own(plan: StreamPlan, task: Task) -> bool:
    """Whether a task's data have a validation split."""
    locator = task.data[plan.source]
    if isinstance(locator, Files):
        return locator.eval is not None
    if plan.source in suites.SUITES and isinstance(locator, str):
        return suites.dev_of(plan.source, locator) == "own"
    if plan.source == "trace":
        assert isinstance(locator, str)
        return trace.has_split(plan.folder, task=locator, split="eval")
    return plan.source == "mini"


def load_split(
    plan: StreamPlan,
    task: Task,
    *,
    split: str,
    cap: int | None = None,
    plugins: Plugins | None = None,
    notes: list[str] | None = None,
) -> list[Example]:
    """The first `cap` records of one split (all when None); no more are held in memory.

    Args:
        plan: says which source, and in which order training records come.
        task: whose records.
        split: `train`, `eval` or `test`.
        cap: how many at most.
        plugins: with sources of their own.
        notes: gets a line for what was read in another way than as it stands.
    """
    locator = task.data[plan.source]
    shuffle = plan.shuffle if split == "train" else None
    if isinstance(locator, Hub) or (isinstance(locator, Files) and task.forms):
        return load_formed(task, locator, split=split, base_dir=plan.base_dir, cap=cap, shuffle=shuffle)
    if isinstance(locator, str) and plan.source in suites.SUITES:
        records = suites.read(plan.source, locator, split=split, task=task.name)
        return list(pick(records.__iter__, cap, shuffle))
    if isinstance(locator, Files) or plan.source == "trace":
        path = _file(plan, task, locator, split=split)
        reading = Reading()
        found = read_examples(path, task=task.name, split=split, cap=cap, shuffle=shuffle, reading=reading)
        if notes is not None:
            notes += reading.notes(f"{task.name}, {path.name}")
        return found
    return shuffled(_made(plan, task, locator, split=split, cap=cap, plugins=plugins), shuffle)[:cap]


def _file(plan: StreamPlan, task: Task, locator: Files | str, *, split: str) -> Path:
    if not isinstance(locator, Files):
        return trace.split_path(plan.folder, task=locator, split=split)
    name = getattr(locator, split)
    if name is None:
        raise DataError(f"task {task.name!r}: data.files names no {split} file")
    return find(plan.base_dir / name)


def _made(
    plan: StreamPlan, task: Task, locator: str, *, split: str, cap: int | None, plugins: Plugins | None
) -> list[Example]:
    """Records that come from no file of ours: generated, or a plugin's."""
    if plan.source != "mini":
        return _plugin_split(plan, task, locator, split=split, plugins=plugins)
    size = cap or (MINI_TRAIN if split == "train" else MINI_TEST)
    records = _mini(locator, split=split, size=size)
    return [Example(task.name, prompt=record["prompt"], answer=record["answer"]) for record in records]


def _mini(form: str, *, split: str, size: int) -> list[dict[str, str]]:
    if form not in mini.FORMS:
        raise DataError(f"no generated form {form!r}{did_you_mean(form, mini.FORMS)}")
    return mini.records(form, split=split, size=size)


def _plugin_split(plan: StreamPlan, task: Task, locator: str, *, split: str, plugins: Plugins | None) -> list[Example]:
    found = plugins and plugins.manager.hook.clbench_load_dataset(source=plan.source, locator=locator, split=split)
    if not found:
        raise DataError(
            f"task {task.name!r}: no source {plan.source!r}; there is mini, trace, "
            f"{', '.join(suites.SUITES)}, files, hub and what plugins bring"
        )
    return [Example(task.name, prompt=record["prompt"], answer=record["answer"]) for record in found]


def installed(variant_source: str, folder: str) -> bool:
    """Whether a variant's data are here."""
    if variant_source in suites.SUITES:
        return variant_source in suites.REGISTER.entries()
    return variant_source != "trace" or trace.variant_of(folder) in trace.REGISTER.entries()
