"""`clbench check`: whether a method keeps the rules; see `clbench.testing`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clbench.base.progress import Progress
    from clbench.testing.subject import Subject


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    name: Annotated[str, typer.Argument(help="Method; A+B composes.")],
    option: Annotated[list[str] | None, typer.Option("-o", help="Method option, such as mofo.fraction=0.1.")] = None,
    identity: Annotated[
        list[str] | None, typer.Option(help="Option with which it is plain fine-tuning, such as mofo.fraction=1.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--property", help="Look at this property only; may be repeated.")
    ] = None,
    architecture: Annotated[
        list[str] | None,
        typer.Option(help="Try it on tiny models of this architecture instead, such as gpt2, or all; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Check a method on a small stream: it resumes, repeats, counts what it keeps, reads nothing forbidden.

    With --architecture: whether it runs on other architectures, or what it says where it cannot.

    Example: clbench check sequential --property loads
    """
    from clbench import testing
    from clbench.base.errors import OptionError
    from clbench.base.progress import make_progress
    from clbench.cli.shared import output

    subject = testing.make_subject(
        name, options=_flat(option or [], "-o"), identity=_flat(identity, "--identity") if identity else None
    )
    progress = make_progress(quiet=quiet)
    if architecture:
        if identity or only:
            raise OptionError("--architecture looks at no property: leave out --property and --identity")
        return _try_on(subject, architecture, progress=progress, json=json)
    found = []
    with progress.shown(), progress.task(f"check {name}", total=testing.number_of_properties(only)):
        for outcome in testing.outcomes(subject, properties=only):
            found.append(outcome)
            progress.advance(note=f"{outcome.name} {outcome.status}")
    if output.debugging():
        sys.stderr.writelines(dict.fromkeys(one.traceback for one in found))  # several fail by the same
    if json:
        output.print_json({"method": name, "properties": [asdict(one) for one in found]})
    else:
        _print(name, found)
    if any(one.status == "failed" for one in found):
        raise typer.Exit(1)


def _try_on(subject: Subject, names: list[str], *, progress: Progress, json: bool) -> None:
    """A row an architecture; a refusal in one line is no failure."""
    from clbench.cli.shared import output
    from clbench.testing import architectures

    families = architectures.choose(names)
    found = []
    with progress.shown(), progress.task(f"check {subject.name}", total=len(families)):
        for attempt in architectures.attempts(subject, families):
            found.append(attempt)
            progress.advance(note=f"{attempt.family} {attempt.status}")
    if json:
        output.print_json({"method": subject.name, "architectures": [asdict(one) for one in found]})
    else:
        rows = [{"architecture": one.family, "": one.status, "why": one.reason} for one in found]
        output.print_table(rows, headings=rows[0], title=f"check {subject.name}")
    if any(one.status == "fails" for one in found):
        raise typer.Exit(1)


def _flat(texts: list[str], option: str) -> dict[str, Any]:
    from clbench.engine.words import parse_assignments

    parsed = parse_assignments(texts, option=option)
    return {f"{method}.{key}": value for method, options in parsed.items() for key, value in options.items()}


def _print(name: str, found: list[Any]) -> None:
    from clbench.cli.shared import output

    rows = [{"property": one.name, "": one.status, "meaning, or why not": one.reason or one.meaning} for one in found]
    output.print_table(rows, headings=rows[0], title=f"check {name}")
    counts = [f"{sum(one.status == status for one in found)} {status}" for status in ("passed", "failed", "skipped")]
    output.console().print(", ".join(counts))
