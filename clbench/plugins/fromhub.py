"""Data sets of the Hub as tasks: their splits, and what becomes of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, OptionError
from clbench.data.formed import load_formed
from clbench.data.hub import read_hub, splits_of
from clbench.data.shapeforms import form_of
from clbench.plugins.imported import LOOK, Imported, scored, task_name
from clbench.spec.task import Hub, Task

TESTS = ("test", "validation", "valid", "dev", "eval")  # splits to score on, the first that there is


def from_hub(ids: Iterable[str], *, form: dict[str, str] | None, scorer: str) -> Imported:
    """A task for each data set.

    Args:
        ids: `ORG/NAME`, `ORG/NAME:CONFIG`; folders that `datasets` reads do as well.
        form: templates of prompt and answer, where columns are not among the usual ones.
        scorer: of the answers.

    Raises:
        DataError: one cannot be read, has no split to learn from or to score on, or columns of other names.
        OptionError: two of them would have one name.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for one in ids:
        path, _, config = one.partition(":")
        name = task_name(Path(path).name + (f"-{config}" if config else ""))
        if name in tasks:
            raise OptionError(f"{one}: there is a task {name!r} already; import it into a stream of its own")
        tasks[name] = _task(Hub(path=path, config=config or None), form, where=one, scorer=scorer)
    return Imported(tasks)


def _task(hub: Hub, form: dict[str, str] | None, *, where: str, scorer: str) -> dict[str, Any]:
    there = splits_of(hub)
    test = next((one for one in TESTS if one in there), None)
    if "train" not in there or test is None:
        raise DataError(f"{where}: has the splits {', '.join(there)}; a task needs train, and test or validation")
    place = hub.model_copy(update={"train": "train", "test": test})
    first = next((row for _, row in islice(read_hub(place, test), 1)), {})
    form = form or form_of(first)
    if form is None:
        columns = ", ".join(name for name in first if name != "config")
        raise DataError(f"{where}: its columns are {columns}; say by --prompt and --answer what becomes of them")
    block: dict[str, Any] = {"data": {"hub": place.model_dump(exclude_none=True)}, "forms": [form]}
    task = Task.model_validate({"task": "own/a", "scorers": {"strict": scorer}, **block})
    return block | scored(load_formed(task, place, split="test", base_dir=Path(), cap=LOOK), scorer=scorer)
