"""`clbench submit` and `clbench verify-submission`: a result handed in, and looked into on the other side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DATA = Annotated[
    Path | None, typer.Option(help="Folder of local data files, to check against.", envvar="CLBENCH_DATA")
]
_STREAM = Annotated[Path | None, typer.Option(help="The stream's file, if it is your own.")]
_PLUGINS = Annotated[
    list[str] | None, typer.Option(help="A plugin to load for the checks, such as one that scores; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("submit")(submit)
    app.command("verify-submission")(verify_submission)


def submit(
    run: Annotated[str, typer.Argument(help="Run id (or its beginning), or a run directory.")],
    who: Annotated[str, typer.Option(help="Your name, for the board.")],
    out: Annotated[Path | None, typer.Option(help="New folder [default: submission-RUN].")] = None,
    data: _DATA = None,
    stream: _STREAM = None,
    with_plugin: _PLUGINS = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check a run, and pack its record and predictions with their hashes for a pull request.

    Example: clbench submit trace-mini_mofo --who "Ada Lovelace" --out submission
    """
    from clbench.base import home
    from clbench.base.errors import RecordError
    from clbench.cli.shared import output, verifying
    from clbench.runs.rundir import find_run
    from clbench.verification import submission

    folder = runs_dir or home.runs_dir()
    run_dir = find_run(run, runs_dir=folder)
    wanted = verifying.Wanted(
        str(run_dir.path), folder, home.leaderboards_dir(), data, stream, plugins=with_plugin or ()
    )
    wrong = [one for one in verifying.checked(wanted, run_dir) if one.outcome == "wrong"]
    if wrong:
        told = "; ".join(f"{one.name}: {one.detail}" for one in wrong)
        raise RecordError(f"run {run_dir.run_id} is not handed in, as it does not fit its files ({told})")
    path = out or Path(f"submission-{run_dir.run_id}")
    record = submission.write(run_dir, path, who=who)
    if json:
        output.print_json({"path": str(path), "record": str(record)})
        return
    said = f"{path}: put its results/ into leaderboards/, run `clbench leaderboard`, and open a pull request"
    output.console().print(said, markup=False, soft_wrap=True)


def verify_submission(
    folder: Annotated[Path, typer.Argument(help="What `clbench submit` wrote.")],
    data: _DATA = None,
    stream: _STREAM = None,
    model: Annotated[str | None, typer.Option(help="The base model, to ask it again.")] = None,
    with_plugin: _PLUGINS = None,
    sign: Annotated[str | None, typer.Option(help="Your name, to sign for what was checked.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check what somebody hands in: that it is whole, and that its numbers follow from its predictions.

    Exit 1 where something is wrong, 3 where something could not be checked.

    Example: clbench verify-submission submission
    """
    from clbench.base import home
    from clbench.cli.shared import verifying
    from clbench.verification import submission

    record = submission.read(folder)
    verifying.verify(
        verifying.Wanted(str(record), home.runs_dir(), folder, data, stream, model, with_plugin or (), sign=sign),
        as_json=json,
    )
