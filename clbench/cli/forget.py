"""`clbench forget`: what a fine-tuning lost, with errors, p-values and verdicts; exit code 4 where anything is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.errors import OptionError
from clbench.cli.shared import options

if TYPE_CHECKING:
    from clbench.data.sources import TaskData
    from clbench.forgetting.query import Query
    from clbench.forgetting.result import Forgotten
    from clbench.spec.protocol import Protocol

LOST = 4


Option = typer.Option


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.forgetting.query import Query

    app.command("forget")(options.with_fields(Query, forget))


def forget(
    models: Annotated[
        list[str],
        typer.Argument(metavar="[BASE] TUNED", help="What --model takes; an adapter knows its base; openai:URL#NAME."),
    ],
    *,
    given: dict[str, Any],
    stream: Annotated[
        str | None, Option(help="Ask a stream's test records, too: a name, NAME:VARIANT, a file.")
    ] = None,
    allow_code: Annotated[bool, Option("--allow-code", help="Let probes run what models write, in a sandbox.")] = False,
    allow_task_code: Annotated[
        bool, Option("--allow-task-code", help="Let your lm-eval task files run their Python.")
    ] = False,
    suggest: Annotated[
        bool, Option("--suggest", help="Print the two commands that try methods on what --trained-on names.")
    ] = False,
    general: Annotated[Path | None, Option(help="With --suggest: records that replay would rehearse.")] = None,
    markdown: Annotated[Path | None, Option(help="Write the result for a pull request here.")] = None,
    junit: Annotated[Path | None, Option(help="Write JUnit XML here.")] = None,
    html: Annotated[Path | None, Option(help="Write one HTML page here.")] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
) -> None:
    """Ask two models the same records: what did the second one lose? Exit code 4 if anything.

    Example: clbench forget clbench/tiny my-model --probe facts --probe skills
    """
    from clbench.base import consent
    from clbench.base.progress import make_progress
    from clbench.forgetting.forget import compare
    from clbench.forgetting.query import Query
    from clbench.forgetting.suggesting import suggestion
    from clbench.sandbox import sandbox

    if len(models) > 2:
        raise OptionError(f"clbench forget takes two models, BASE and TUNED, got {len(models)}")
    query = Query.of(**given)
    if allow_code:
        sandbox.allow()
    if allow_task_code:
        consent.allow_task_code()
    more, protocol = _stream(stream, query)
    ideas = list(suggestion(models, query, general=general, stream=stream is not None)) if suggest else []
    progress = make_progress(quiet=quiet)
    with progress.shown():
        found = compare(query, models[0], *models[1:] or [None], more=more, protocol=protocol, progress=progress)
    _write(found, markdown=markdown, junit=junit, html=html)
    _show(found, ideas, as_json=json)
    if found.lost:
        raise typer.Exit(LOST)


def _stream(name: str | None, query: Query) -> tuple[list[TaskData], Protocol | None]:
    """The records of a stream's tasks, and the lengths under which they are asked."""
    if name is None:
        return [], None
    from clbench.data.sources import load_stream_data
    from clbench.engine.words import find_stream
    from clbench.plugins.registry import registry
    from clbench.spec.stream import resolve
    from clbench.spec.wording import many

    folder = next((path for path in map(Path, many(query.data)) if path.is_dir()), None)
    loaded, variant = find_stream(name, registry(), local=folder is not None)
    plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=folder or loaded.base_dir, variant=variant)
    return load_stream_data(plan, plugins=registry().plugins), plan.protocol


def _write(found: Forgotten, *, markdown: Path | None, junit: Path | None, html: Path | None) -> None:
    from clbench.base.atomic import write_text
    from clbench.forgetting.written import to_junit, to_markdown
    from clbench.report.forgetting import render

    for path, form in ((markdown, to_markdown), (junit, to_junit), (html, render)):
        if path is not None:
            write_text(path, form(found))


def _show(found: Forgotten, ideas: list[str], *, as_json: bool) -> None:
    from clbench.cli.shared import output
    from clbench.forgetting import written

    if as_json:
        output.print_json(found.to_json() | ({"suggested": ideas} if ideas else {}))
        return
    rows: list[dict[str, Any]] = [written.cells(one) for one in found.verdicts]
    title = f"{found.tuned['name']} against {found.base['name']}"
    output.print_table(rows, headings=written.HEADINGS, title=title)
    for average in found.averages:
        rows = [written.cells(one) for one in average.verdicts]
        title = f"{average.share:g} of the way from {found.base['name']} to {found.tuned['name']}"
        output.print_table(rows, headings=written.HEADINGS, title=title)
    for line in (
        written.legend(found),
        *written.details(found),
        *written.changed(found),
        written.outcome(found),
        *ideas,
    ):
        output.console().print(line, markup=False, soft_wrap=True)
