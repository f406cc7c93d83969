"""Records of any columns, from files or the Hub, made into examples by their task's forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.fewshot import held_out, with_shots
from clbench.data.files import Row, find, open_rows
from clbench.data.hub import read_hub
from clbench.data.records import pick
from clbench.spec.forms import Filled, choose_form
from clbench.spec.task import Files, Hub, Task

SURROGATE = re.compile("[\ud800-\udfff]")


def load_formed(
    task: Task,
    place: Files | Hub,
    *,
    split: str,
    base_dir: Path,
    cap: int | None = None,
    shuffle: int | None = None,
) -> list[Example]:
    """The examples of one split; those of the test split with the task's shots before them.

    Args:
        task: with forms.
        place: files below `base_dir`, or a data set.
        split: `train`, `eval` or `test`.
        base_dir: what paths are relative to.
        cap: how many at most; where none of them serves as a shot, no more are read.
        shuffle: seed of their order; as they stand when None.

    Raises:
        DataError: a file, split, column or choice is missing or malformed; with where it stands.
    """
    read = partial(rows, task, place, base_dir=base_dir)
    if split != "test":
        bare = task.model_copy(update={"shots": 0, "preamble": ""})
        return with_shots(bare, fill(task, pick(partial(read, split=split), cap, shuffle)), pool=())
    if not task.shots:
        return with_shots(task, fill(task, pick(partial(read, split=split), cap, shuffle)), pool=())
    questions = fill(task, read(split=split))
    if isinstance(place, Files) and place.worked:
        made = with_shots(task, questions, pool=(), worked=_worked(questions, place.worked, base_dir=base_dir))
    elif place.shots is None:
        pool, asked = held_out(task, questions)
        made = with_shots(task, asked, pool=pool)
    else:
        made = with_shots(task, questions, pool=fill(task, read(split="shots")))
    return list(pick(made.__iter__, cap, shuffle))


def rows(task: Task, place: Files | Hub, *, split: str, base_dir: Path) -> Iterator[Row]:
    """The records of one split as they stand in their source; without those that the forms do not keep.

    Raises:
        DataError: none is named, or it cannot be read.
    """
    name = getattr(place, split)
    if name is None:
        raise DataError(f"task {task.name!r}: data names no {split} split")
    found = read_hub(place, name) if isinstance(place, Hub) else open_rows(find(base_dir / name), split=split).rows
    return _kept(task, found) if any(form.keep for form in task.forms) else found


def _kept(task: Task, found: Iterable[Row]) -> Iterator[Row]:
    """Those that are the task's, as its forms say."""
    for where, record in found:
        if choose_form(task.forms, record, where=where).keeps(record, where=where):
            yield where, record


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
