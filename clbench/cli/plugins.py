"""`clbench plugins`: every plugin, or why it did not load."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plugins")(plugins)


def plugins(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List plugins: package, version, plugin API, hooks, or why one did not load.

    Example: clbench plugins
    """
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry

    known = registry()
    records = list(known.plugins.records.values())
    conflicts = {
        name: [owner.label for owner in owners]
        for table in (known.methods, known.scorers, known.summaries)
        for name, owners in table.conflicts.items()
    }
    if json:
        output.print_json({"plugins": [asdict(record) for record in records], "conflicts": conflicts})
        return
    rows = [
        {
            "plugin": record.name,
            "package": record.package,
            "version": record.version,
            "api": record.api,
            "status": record.status,
            "hooks, or why not": record.error or ", ".join(hook.removeprefix("clbench_") for hook in record.hooks),
        }
        for record in records
    ]
    output.print_table(rows, headings=rows[0])
    for name, owners in conflicts.items():
        output.console().print(f"{name!r} is claimed by {' and '.join(owners)}: nobody has it", markup=False)
