"""`clbench show --verify`: a record checked in a process that loads no plugin but clbench's own and those named.

A plugin's module runs when it is registered, and could change what scores; so the run's own method is not here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from clbench.boards.signatures import Tier
    from clbench.runs.rundir import RunDir
    from clbench.verification.verify import Check

BEARING = ("consistency", "predictions", "scores", "configuration", "data")  # what `rescored` says of a row


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be checked, and how far.

    Args:
        run: run id, run directory or record file.
        runs_dir: where run directories are.
        leaderboards: where boards are.
        data: folder of local data files.
        stream: file of a stream that is not installed.
        model: name or folder of the base model.
        plugins: those to load.
        rerun: another run of the same command.
        sign: who signs for what is found.
    """

    run: str
    runs_dir: Path
    leaderboards: Path
    data: Path | None = None
    stream: Path | None = None
    model: str | None = None
    plugins: Sequence[str] = ()
    rerun: str | None = None
    sign: str | None = None


def verify(wanted: Wanted, *, as_json: bool) -> None:
    """Print every check; exit 1 where something is wrong, 3 where something could not be checked."""
    from clbench.cli.shared import output

    with _folder(wanted) as run_dir:
        found = checked(wanted, run_dir)
        signed = _signed(wanted, run_dir, found) if wanted.sign else ""
    if as_json:
        output.print_json([asdict(check) for check in found])
    else:
        for line in (*_lines(found), *([signed] if signed else ())):
            output.console().print(line, markup=False, soft_wrap=True)
    outcomes = {check.outcome for check in found}
    if code := 1 if "wrong" in outcomes else 3 if "not checked" in outcomes else 0:
        raise typer.Exit(code)


def pack(wanted: Wanted) -> None:
    """Write a run's archive beside its record on the board, signed by whoever reports it."""
    from clbench.boards import signatures
    from clbench.cli.shared import output
    from clbench.runs.boardcopy import compact
    from clbench.runs.rundir import find_run
    from clbench.verification import archive
    from clbench.verification.verify import finished

    run_dir = find_run(wanted.run, runs_dir=wanted.runs_dir)
    record = finished(run_dir)
    path = record.path(wanted.leaderboards)
    if not path.is_file():
        compact.save(record, path)
    done = archive.pack(run_dir, archive.archive_path(path))
    if wanted.sign:
        signatures.sign(path, tier="reported", who=wanted.sign)
    output.console().print(str(done), markup=False, soft_wrap=True)


@contextlib.contextmanager
def _folder(wanted: Wanted) -> Iterator[RunDir]:
    from clbench.runs.rundir import find_run
    from clbench.verification.archive import unpacked

    if wanted.run.endswith(".json") and Path(wanted.run).name != "record.json":
        with unpacked(Path(wanted.run)) as run_dir:
            yield run_dir
    else:
        name = str(Path(wanted.run).parent) if wanted.run.endswith(".json") else wanted.run
        yield find_run(name, runs_dir=wanted.runs_dir)


def checked(wanted: Wanted, run_dir: RunDir) -> list[Check]:
    """Every check of a run."""
    from clbench.base.errors import RecordError
    from clbench.plugins.manager import load_plugins
    from clbench.plugins.registry import Registry
    from clbench.runs.rundir import find_run
    from clbench.verification import processor
    from clbench.verification.origins import Origins
    from clbench.verification.rederive import Rederived
    from clbench.verification.rerun import differences
    from clbench.verification.verify import Check, checks, finished, verify

    try:
        record = finished(run_dir)
    except RecordError as error:
        if not run_dir.record_path.is_file():
            raise
        return [Check("record", "wrong", str(error))]
    origins = Origins(record, Registry(load_plugins(only=wanted.plugins)), wanted.data, wanted.stream)
    found = [Check("record", "ok"), *verify(run_dir, origins=origins, leaderboards=wanted.leaderboards)]
    found += checks(Rederived(run_dir, origins, wanted.model).steps())
    if said := processor.remark(record):
        found.append(Check("processor", "ok", said))
    if wanted.rerun is not None:
        second = finished(find_run(wanted.rerun, runs_dir=wanted.runs_dir))
        other = differences(record, second)
        said = f"{', '.join(other)}: the two runs differ{processor.unlike(record, second)}" if other else ""
        found = found if other else [_as_in_rerun(check) for check in found]
        found.append(Check("rerun", "wrong" if other else "ok", said))
    return found


def _as_in_rerun(check: Check) -> Check:
    """What could not be checked of one run alone, and is the same in two."""
    from dataclasses import replace

    from clbench.verification.rerun import COVERED

    covered = check.outcome == "not checked" and check.name in COVERED
    return replace(check, outcome="ok", detail="the same in both runs") if covered else check


def _signed(wanted: Wanted, run_dir: RunDir, found: Sequence[Check]) -> str:
    """Sign for the tier that the checks bear out."""
    from clbench.base.errors import RecordError
    from clbench.boards import signatures
    from clbench.verification.verify import finished

    outcomes = {check.name: check.outcome for check in found}
    missing = [name for name in BEARING if outcomes.get(name) != "ok"]
    wrong = [name for name, outcome in outcomes.items() if outcome == "wrong"]
    if wrong or missing:
        raise RecordError(f"--sign: nothing is signed, as {', '.join(wrong or missing)} could not be borne out")
    tier: Tier = "rerun" if outcomes.get("rerun") == "ok" else "rescored"
    record = finished(run_dir)
    path = Path(wanted.run) if wanted.run.endswith(".json") else record.path(wanted.leaderboards)
    if path.name == "record.json":
        path = record.path(wanted.leaderboards)
    own = signatures.sign(path, tier=tier, who=wanted.sign or "")
    return f"signed: {own.tier} by {own.text}"


def _lines(found: Sequence[Check]) -> Iterator[str]:
    for check in found:
        yield f"{check.outcome:<12} {check.name}{': ' if check.detail else ''}{check.detail}"
    missing = [check.name for check in found if check.outcome == "not checked"]
    if not any(check.outcome == "wrong" for check in found):
        yield f"not verified: {', '.join(missing)} could not be checked" if missing else "verified"
