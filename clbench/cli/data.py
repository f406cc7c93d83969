"""`clbench data`: register and verify the official TRACE archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clbench.data.audit import TaskAudit


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("add")(add)
    group.command("ls")(ls)
    app.add_typer(group, name="data", help="Register and verify archives of data.")


def add(
    name: Annotated[str, typer.Argument(help="Which archive: trace.")],
    path: Annotated[Path, typer.Argument(help="Its zip, its folder, or the folder of one variant.")],
    variant: Annotated[str | None, typer.Option(help="Only this variant; or what a lone folder of tasks is.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The hash a zip must have [default: the official one].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Register an archive, verify it, and report what is known to be odd in it."""
    from clbench.base.errors import ClbenchError, DataError, unknown_name
    from clbench.cli import output
    from clbench.data import archive
    from clbench.data.audit import audit_folder
    from clbench.plugins.registry import registry

    if name != "trace":
        raise unknown_name("archive", name, ["trace"])
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    catalog = registry().catalog()
    tasks = [catalog.task(one) for one in catalog.stream("trace").stream.task_names]
    root = path if path.is_dir() else archive.unpack(path, sha256=sha256)
    try:
        found = archive.locate(root, tasks=[str(task.data["trace"]) for task in tasks], variant=variant)
        audits = {key: audit_folder(folder, tasks=tasks, variant=key) for key, folder in found.items()}
    except ClbenchError:
        if root != path:
            archive.discard(root)
        raise
    archive.register(found)
    if json:
        output.print_json({key: _json(folder, audits[key]) for key, folder in found.items()})
        return
    for key, folder in found.items():
        _print(key, folder, audits[key])


def _json(folder: Path, audits: list[TaskAudit]) -> dict[str, Any]:
    return {
        "path": str(folder),
        "tasks": [{"task": one.task, "records": one.counts, "findings": one.findings} for one in audits],
    }


def _print(variant: str, folder: Path, audits: list[TaskAudit]) -> None:
    from clbench.cli import output

    rows = [{"task": one.task, **{split: str(count) for split, count in one.counts.items()}} for one in audits]
    output.print_table(
        rows, headings=["task", "train", "eval", "test"], title=f"trace:{variant} registered from {folder}"
    )
    screen = output.console()
    for one in audits:
        for finding in one.findings:
            screen.print(f"  {one.task}: {finding}", markup=False, soft_wrap=True)
    screen.print(f"use it by --stream trace:{variant}", markup=False)


def ls(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List registered archives."""
    from clbench.cli import output
    from clbench.data import archive

    entries = archive.registered()
    rows = [
        {"data": f"trace:{variant}", "files": len(entry["files"]), "path": entry["path"]}  # type: ignore[arg-type]
        for variant, entry in entries.items()
    ]
    if json:
        output.print_json(rows)
    elif rows:
        output.print_table(rows, headings=rows[0])
    else:
        output.console().print("no archive is registered; `clbench data add trace PATH` registers one")
