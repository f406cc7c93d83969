"""`clbench show`: one run's R, metrics, costs and warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


def show(
    run: Annotated[str, typer.Argument(help="Run id (or its beginning), a run directory, or a record file.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check the run's files; exit 3 if some cannot be.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder of local data files, to check against.", envvar="CLBENCH_DATA")
    ] = None,
    stream: Annotated[Path | None, typer.Option(help="With --verify: the stream's file, if it is your own.")] = None,
    model: Annotated[str | None, typer.Option(help="With --verify: the base model, to ask it again.")] = None,
    with_plugin: Annotated[
        list[str] | None,
        typer.Option(help="With --verify: a plugin to load, such as one that scores; may be repeated."),
    ] = None,
    rerun: Annotated[str | None, typer.Option(help="With --verify: another run of the same command.")] = None,
    pack: Annotated[bool, typer.Option("--pack", help="Write the run's archive beside its record.")] = False,
    sign: Annotated[str | None, typer.Option(help="With --verify or --pack: your name, for the board.")] = None,
    bwt: Annotated[str | None, typer.Option(help="Definitions of BWT, such as gem,trace,treelora.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    leaderboards_dir: Annotated[Path | None, typer.Option(help="Where boards are [default: leaderboards].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show a run: R with its base row, metrics, costs, warnings.

    Example: clbench show trace-mini_mofo --verify
    """
    from dataclasses import asdict

    from clbench.base import home
    from clbench.base.errors import OptionError, RecordError
    from clbench.boards.corpuswide import CorpusScore, corpus_lines, corpus_scores
    from clbench.cli.shared import output, results, verifying
    from clbench.plugins.registry import registry
    from clbench.runs.record import read_record
    from clbench.runs.rundir import find_run

    folders = (runs_dir or home.runs_dir(), leaderboards_dir or home.leaderboards_dir())
    wanted = verifying.Wanted(run, *folders, data, stream, model, with_plugin or (), rerun, sign)
    if not (verify or pack) and (stream or model or with_plugin or rerun or sign):
        raise OptionError(
            "--stream, --model, --with-plugin, --rerun and --sign go with --verify (or --sign with --pack)"
        )
    if pack:
        verifying.pack(wanted)
    if verify:
        verifying.verify(wanted, as_json=json)
    if pack or verify:
        return
    corpus: list[CorpusScore] | str = []
    if run.endswith(".json"):
        record, state = read_record(Path(run)), {"status": "finished"}
    else:
        run_dir = find_run(run, runs_dir=runs_dir or home.runs_dir())
        state, record = run_dir.state(), run_dir.finished()
        if record is None:
            reason = f": {state['error']}" if state.get("error") else ""
            raise RecordError(
                f"run {run_dir.run_id} is {state.get('status', 'not finished')}{reason}; the same command runs it"
            )
        corpus = corpus_scores(run_dir, record, scorer=registry().scorer)
    if json:
        shown = results.record_json(record, state=state, bwt=bwt)
        output.print_json({**shown, "corpus_scores": corpus if isinstance(corpus, str) else [*map(asdict, corpus)]})
    else:
        results.print_record(record, bwt=bwt)
        results.print_spent(record)
        for line in corpus_lines(corpus):
            output.console().print(line, markup=False, soft_wrap=True)
