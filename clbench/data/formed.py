"""Records of any columns, from files or the Hub, made into examples by their task's forms."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.fewshot import held_out, with_shots
from clbench.data.hub import read_hub
from clbench.data.records import read_objects
from clbench.spec.forms import Filled, choose_form
from clbench.spec.task import Files, Hub, Task

SURROGATE = re.compile("[\ud800-\udfff]")
Row = tuple[str, Any]  # where it stands, and the record


def load_formed(task: Task, place: Files | Hub, *, split: str, base_dir: Path) -> list[Example]:
    """All examples of one split; those of the test split with the task's shots before them.

    Args:
        task: with forms.
        place: files below `base_dir`, or a data set.
        split: `train`, `eval` or `test`.
        base_dir: what paths are relative to.

    Raises:
        DataError: a file, split, column or choice is missing or malformed; with where it stands.
    """
    questions = fill(task, rows(task, place, split=split, base_dir=base_dir))
    if split != "test":
        return with_shots(task.model_copy(update={"shots": 0, "preamble": ""}), questions, pool=())
    if not task.shots:
        return with_shots(task, questions, pool=())
    if isinstance(place, Files) and place.worked:
        return with_shots(task, questions, pool=(), worked=_worked(questions, place.worked, base_dir=base_dir))
    if place.shots is None:
        pool, questions = held_out(task, questions)
    else:
        pool = fill(task, rows(task, place, split="shots", base_dir=base_dir))
    return with_shots(task, questions, pool=pool)


def rows(task: Task, place: Files | Hub, *, split: str, base_dir: Path) -> list[Row]:
    """The records of one split as they stand in their source.

    Raises:
        DataError: none is named, or it cannot be read.
    """
    name = getattr(place, split)
    if name is None:
        raise DataError(f"task {task.name!r}: data names no {split} split")
    return read_hub(place, name) if isinstance(place, Hub) else list(read_objects(local_file(base_dir / name)))


def local_file(path: Path) -> Path:
    """A file, or the one beside it that holds the same as JSON or as lines of JSON."""
    other = path.with_suffix({".json": ".jsonl", ".jsonl": ".json"}.get(path.suffix, path.suffix))
    return other if not path.is_file() and other.is_file() else path


def fill(task: Task, found: Iterable[Row]) -> list[Filled]:
    """Records by the task's forms.

    Raises:
        DataError: with where it stands; or there are none.
    """
    filled = [_filled(task, record, where=where) for where, record in found]
    if not filled:
        raise DataError(f"task {task.name!r}: its data hold no records")
    return filled


def _filled(task: Task, record: Any, *, where: str) -> Filled:
    made = choose_form(task.forms, record, where=where).fill(record, where=where)
    if any(SURROGATE.search(text) for text in (made.prompt, made.answer, made.ending, made.group, *made.choices)):
        raise DataError(f"{where}: is no valid text: it holds half of a surrogate pair")
    if not made.prompt and not made.choices:
        raise DataError(f"{where}: the prompt is empty")
    return made


def _worked(questions: Sequence[Filled], pattern: str, *, base_dir: Path) -> dict[str, str]:
    texts = {}
    for group in {one.group for one in questions}:
        path = base_dir / pattern.replace("{group}", re.sub(r"[^\w-]", "_", group))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read; the prompts of group {group!r} begin with it") from error
        before, line, after = text.partition("\n-----\n")
        texts[group] = after if line else before
    return texts


def spread(examples: Sequence[Example], size: int | None) -> list[Example]:
    """At most `size` examples, evenly spread over all, so that every subject has its share."""
    if size is None or size >= len(examples):
        return list(examples)
    return [examples[index * len(examples) // size] for index in range(size)]


def shuffled(examples: Sequence[Example], seed: int | None) -> list[Example]:
    """The examples in an order of their own, the same on every machine; as they stand when there is no seed."""
    found = list(examples)
    if seed is not None:
        random.Random(f"clbench records {seed}").shuffle(found)
    return found
