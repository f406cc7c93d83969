"""`clbench validate`: check task and stream files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clbench.taskfiles import Catalog


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    path: Annotated[Path | None, typer.Argument(help="A file or folder [default: all that are installed].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check task and stream files; every complaint names file and line."""
    from clbench.cli import output
    from clbench.errors import ClbenchError
    from clbench.registry import registry
    from clbench.taskfiles import read_yaml

    catalog = registry().catalog()
    paths = [*catalog.task_paths.values(), *catalog.stream_paths.values()] if path is None else _files(path)
    problems = []
    for one in paths:
        try:
            check_file(one, catalog, is_stream="stream" in read_yaml(one).data)
        except ClbenchError as error:
            problems.append(str(error))
    if json:
        output.print_json({"files": len(paths), "problems": problems})
    else:
        for problem in problems:
            output.console().print(problem, markup=False, soft_wrap=True)
        output.console().print(f"{len(paths)} files, {len(problems)} with problems")
    if problems:
        raise typer.Exit(2)


def check_file(path: Path, catalog: Catalog, *, is_stream: bool) -> None:
    """Read one file as what it is, with everything it refers to.

    Raises:
        ClbenchError: what is wrong with it.
    """
    from clbench.registry import registry
    from clbench.stream import resolve
    from clbench.taskfiles import read_task

    if is_stream:
        loaded = catalog.stream_file(path)
        tasks = list(loaded.tasks.values())
        for variant in loaded.stream.variants:
            resolve(loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=variant)
    else:
        tasks = [read_task(path)]
    for task in tasks:
        for scorer in {*task.scorers.pairs().values(), *task.side}:
            registry().scorer(scorer)


def _files(path: Path) -> list[Path]:
    from clbench.errors import FileError

    if path.is_file():
        return [path]
    found = [one for one in sorted(path.rglob("*.yaml")) if not one.name.startswith("_")]
    if not found:
        raise FileError(f"{path}: holds no task or stream files (*.yaml)")
    return found
