"""`clbench new`: a package to begin with, of a method or a stream, that works at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be begun."""

    method = "method"
    stream = "stream"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new")(new)


def new(
    kind: Annotated[Kind, typer.Argument(help="What to begin.")],
    name: Annotated[str, typer.Argument(help="Its name, such as my-method.")],
    folder: Annotated[Path | None, typer.Argument(help="New or empty [default: clbench-NAME].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write an installable package of a method or a stream, with tests and README; your idea takes the example's place.

    Example: clbench new method my-method
    """
    from clbench.api.scaffolding import new_method, new_stream
    from clbench.base.errors import OptionError
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry

    known = registry()
    taken = known.methods.entries if kind is Kind.method else known.catalog().stream_paths
    if name in taken:
        raise OptionError(f"there is a {kind.value} {name!r} already; choose another name")
    written = (new_method if kind is Kind.method else new_stream)(name, folder)
    if json:
        output.print_json({"path": str(written)})
        return
    then = f"clbench check {name}" if kind is Kind.method else f"clbench run --stream {name} --plugin sequential"
    output.console().print(f"{written}: pip install -e {written}, then {then}", markup=False, soft_wrap=True)
