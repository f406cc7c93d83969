"""What is asked: probes by name, and a user's own file of questions and answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clbench.base import home
from clbench.base.errors import DataError, OptionError, pydantic_line
from clbench.data.formed import spread
from clbench.data.probes import ProbeData, load_probe
from clbench.data.records import read_examples, read_objects
from clbench.data.sources import TaskData
from clbench.forgetting.query import SCORER
from clbench.plugins.probes import planned
from clbench.plugins.registry import Registry
from clbench.scoring import load_scorer
from clbench.spec.stream import PlannedProbe
from clbench.spec.task import Files, Scorers, Task
from clbench.tiny.world import probe_records

DEFAULT = ("quick",)
MOST_TOKENS = 512


def load_probes(
    names: Sequence[str],
    files: Sequence[Path],
    registry: Registry,
    *,
    limit: int | None = None,
    scorer: str = SCORER,
    more: Sequence[TaskData] = (),
) -> list[TaskData]:
    """All records that are asked.

    Args:
        names: of probes; the group `quick` where nothing at all is named.
        files: of records of the user's own, each a probe; and at most one folder, of the named probes' local files.
        registry: with all task files and plugins.
        limit: records of each at most, evenly spread.
        scorer: of a user's own records.
        more: records that are loaded already.

    Raises:
        ClbenchError: an unknown name, data that cannot be had, or nothing to score.
    """
    folders = [path for path in files if path.is_dir()]
    if len(folders) > 1:
        raise OptionError(f"--data: {folders[0]} and {folders[1]} are both folders; give one, and files besides")
    own = [own_probe(path, limit=limit, scorer=scorer) for path in files if not path.is_dir()]
    wanted = names or (() if own or more else DEFAULT)
    named = list(planned(wanted, registry, limit=limit))
    base = folders[0] if folders else None
    found = [*_loaded(named, base), *own, *(_cut(data, limit) for data in more)]
    _check_names(found)
    for data in found:
        check_scorer(data.task, registry)
    return found


def _loaded(named: Iterable[PlannedProbe], folder: Path | None) -> Iterator[ProbeData]:
    for probe in {one.task.name: one for one in named}.values():
        try:
            yield load_probe(probe, world=probe_records, data_dir=folder)
        except DataError as error:
            if folder is None:
                raise DataError(
                    f"{error}; fetch its records (docs/probes.md says where) and give --data FOLDER"
                ) from error
            raise


def _cut(data: TaskData, limit: int | None) -> TaskData:
    from dataclasses import replace

    return replace(data, test=tuple(spread(data.test, limit)))


def _check_names(found: Sequence[TaskData]) -> None:
    names = [one.task.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{name!r}: is asked twice; name one of the two files or probes otherwise")


def check_scorer(task: Task, registry: Registry) -> None:
    """Before hours of asking, not after them: whether a probe can be scored.

    Raises:
        ClbenchError: its scorer is unknown, or runs programs, which nobody has allowed.
    """
    spec = registry.scorer(task.scorers.strict)
    load_scorer(spec)
    if spec.runs_programs:
        from clbench.sandbox import sandbox

        if not sandbox.allowed():
            raise OptionError(
                f"{task.name} runs what the model writes, in a sandbox (docs/sandbox.md): --allow-code allows it"
            )
        sandbox.check()


def own_probe(path: Path, *, limit: int | None = None, scorer: str = SCORER) -> ProbeData:
    """A file of the user's own: prompt and answer a record, in any of the usual columns; or with `choices`.

    With `choices`, a list of texts, `answer` is the right one or its number from 0, and the likeliest counts.

    Raises:
        DataError: with file and line.
    """
    if not home.is_file(path):
        raise DataError(f"--data {path}: there is no such file or folder")
    first = next(iter(read_objects(path)), ("", {}))[1]
    chosen = isinstance(first, dict) and "choices" in first
    task = _choice_task(path) if chosen else _written_task(path, scorer)
    plan = PlannedProbe(task, limit, given=True, base_dir=path.resolve().parent)
    return load_probe(plan, world=probe_records)


def _choice_task(path: Path) -> Task:
    form = {
        "prompt": "{{ prompt }}",
        "choices": "{{ choices }}",
        "answer": "{{ answer if answer is integer else choices.index(answer) }}",
    }
    return _task(path, forms=[form], measure="choice", scorers=Scorers(strict="likelihood"))


def _written_task(path: Path, scorer: str) -> Task:
    """Answers may be as long as the longest that is expected, and end with their line where none has several."""
    answers = [one.answer for one in read_examples(path, task="own", split="test")]
    longest = max(len(one.encode()) for one in answers)  # a token is a byte at least
    stop = () if any("\n" in one.strip() for one in answers) else ("\n",)
    return _task(path, scorers=Scorers(strict=scorer), max_new_tokens=min(MOST_TOKENS, longest + 8), stop=stop)


def _task(path: Path, **fields: Any) -> Task:
    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in path.stem.casefold())
    try:
        return Task(task=f"own/{name.strip('-') or 'data'}", data={"files": Files(test=path.name)}, **fields)
    except ValidationError as error:
        raise DataError(f"--data {path}: {pydantic_line(error)}") from error
