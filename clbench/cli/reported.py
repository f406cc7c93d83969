"""`clbench reported`: result files of others as a table, with what can be said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reported")(reported)


def reported(
    paths: Annotated[list[Path], typer.Argument(help="Result files of PEFT's method comparison, or their folder.")],
    out: Annotated[Path | None, typer.Option(help="A markdown file for the table.")] = None,
    picture: Annotated[Path | None, typer.Option(help="A picture of the fronts: .pdf, .svg or .png.")] = None,
    records: Annotated[int, typer.Option(help="Test records that each was asked.", min=1)] = 1319,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show results of others: errors, groups that cannot be told apart, what no other beats; never ranked with ours.

    Example: clbench reported results --out reported.md
    """
    from dataclasses import asdict

    from clbench.base import atomic
    from clbench.base.errors import DataError
    from clbench.boards.reported import markdown, placed, read_reported
    from clbench.cli.shared import output

    if missing := [path for path in paths if not path.exists()]:
        raise DataError(f"{missing[0]}: there is no such file or folder")
    rows = placed(read_reported(paths, records=records))
    text = markdown(rows, source=", ".join(path.name for path in paths))
    if out:
        atomic.write_text(out, text)
    if picture:
        from clbench.report.figures.reported import draw_reported

        atomic.write_bytes(picture, draw_reported(rows, form=picture.suffix.removeprefix(".").lower()))
    if json:
        output.print_json([{**asdict(one), "error": one.row.error} for one in rows])
    elif not out:
        output.console().print(text, markup=False, soft_wrap=True)
    for written in (out, picture):
        if written and not json:
            output.console().print(str(written), markup=False, soft_wrap=True)
