"""What is asked: probes by name, and a user's own file of questions and answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clbench.base.errors import DataError, OptionError
from clbench.data.files import find
from clbench.data.formed import spread
from clbench.data.probes import ProbeData, load_probe
from clbench.data.sources import TaskData
from clbench.plugins.own import SCORER, own_task
from clbench.plugins.probes import planned
from clbench.plugins.registry import Registry
from clbench.scoring import load_scorer
from clbench.spec.stream import PlannedProbe
from clbench.spec.task import Files, Task
from clbench.tiny.world import probe_records

DEFAULT = ("quick",)


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
    probes = list({one.task.name: one for one in named}.values())
    for probe in probes:
        try:
            yield load_probe(probe, world=probe_records, data_dir=folder)
        except DataError as error:
            files = list(_missing(probes, folder))
            if files and str(error).endswith("--data FOLDER"):
                told = f"{error} with {', '.join(files)} in it (docs/probes.md says where to fetch each)"
                raise DataError(told) from error
            raise


def _missing(probes: Sequence[PlannedProbe], folder: Path | None) -> Iterator[str]:
    """All local files that the probes would read and that are not there, so that they can be fetched at once."""
    for probe in probes:
        files = probe.task.data.get("files")
        if probe.base_dir is None and isinstance(files, Files):
            names = [one for one in (files.test, files.shots, files.worked) if one is not None]
            yield from (name for name in names if folder is None or not find(folder / name).exists())


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
    """A file of the user's own: see `clbench.plugins.own`.

    Raises:
        DataError: with file and line.
    """
    task = own_task(path, scorer=scorer)
    return load_probe(PlannedProbe(task, limit, given=True, base_dir=path.resolve().parent), world=probe_records)
