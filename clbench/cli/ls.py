"""`clbench ls`: what there is, and which package brings it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    """What can be listed."""

    streams = "streams"
    tasks = "tasks"
    methods = "methods"
    metrics = "metrics"
    models = "models"
    presets = "presets"
    probes = "probes"
    runs = "runs"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ls")(ls)


def ls(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; everything but runs when left out.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List streams, tasks, methods, metrics, models, presets, probes or runs."""
    from clbench.base import home
    from clbench.cli import output

    kinds = [kind] if kind else [one for one in Kind if one is not Kind.runs]
    found = {one.value: _rows(one, runs_dir or home.runs_dir()) for one in kinds}
    if json:
        output.print_json(found[kind.value] if kind else found)
        return
    for name, rows in found.items():
        if rows:
            output.print_table(rows, headings=rows[0], title=name)
        else:
            output.console().print(f"no {name} yet")


def _rows(kind: Kind, runs_dir: Path) -> list[dict[str, Any]]:
    return {
        Kind.streams: _streams,
        Kind.tasks: _tasks,
        Kind.methods: _methods,
        Kind.metrics: _metrics,
        Kind.models: _models,
        Kind.presets: _presets,
        Kind.probes: _probes,
        Kind.runs: lambda: _runs(runs_dir),
    }[kind]()


def _streams() -> list[dict[str, Any]]:
    from clbench.data.sources import installed
    from clbench.engine.words import default_variant
    from clbench.plugins.registry import registry

    rows = []
    catalog = registry().catalog()
    for name in catalog.stream_paths:
        stream = catalog.stream(name).stream
        for variant, one in stream.variants.items():
            here = installed(one.source, one.folder)
            state = ("default" if variant == default_variant(stream) else "installed") if here else "not installed"
            summary = one.summary or stream.summary
            rows.append({"name": f"{name}:{variant}", "tasks": len(stream.tasks), "data": state, "summary": summary})
    return rows


def _tasks() -> list[dict[str, Any]]:
    from clbench.plugins.registry import registry

    catalog = registry().catalog()
    return [
        {
            "name": task.name,
            "language": task.language,
            "scorer": "loss" if task.measure == "loss" else task.scorers.strict,
            "summary": task.summary,
        }
        for task in map(catalog.task, catalog.task_paths)
    ]


def _methods() -> list[dict[str, Any]]:
    from clbench.plugins.registry import registry

    return [
        {"name": name, "package": one.plugin.package, "version": one.plugin.version, "summary": one.spec.summary}
        for name, one in registry().methods.entries.items()
    ]


def _metrics() -> list[dict[str, Any]]:
    from clbench.plugins.registry import registry

    scorers = [
        {"name": name, "kind": "scorer", "package": one.plugin.package, "summary": one.spec.summary}
        for name, one in registry().scorers.entries.items()
    ]
    summaries = [
        {"name": name, "kind": "summary of R", "package": one.plugin.package, "summary": one.spec.summary}
        for name, one in registry().summaries.entries.items()
    ]
    return scorers + summaries


def _models() -> list[dict[str, Any]]:
    return [
        {"name": "clbench/tiny", "summary": "bundled: a small Llama, no download"},
        {"name": "path/to/folder", "summary": "any causal LM saved by save_pretrained"},
        {"name": "org/name", "summary": "any causal LM of the Hub"},
    ]


def _presets() -> list[dict[str, Any]]:
    from clbench.plugins.registry import registry

    catalog = registry().catalog()
    return [
        {
            "name": preset.name,
            "stream": preset.stream,
            "plugin": preset.plugin,
            "settings": ", ".join(f"{key}={one.value}" for key, one in preset.settings.items()),
            "unpublished": ", ".join(preset.unpublished()) or "–",
            "summary": preset.summary,
        }
        for preset in map(catalog.preset, catalog.preset_paths)
    ]


def _probes() -> list[dict[str, Any]]:
    from clbench.plugins.registry import registry

    catalog = registry().catalog()
    groups = [
        {"name": group.group, "kind": f"{len(group.probes)} probes", "summary": group.summary}
        for group in map(catalog.group, catalog.group_paths)
    ]
    tasks = [catalog.task(path) for path in catalog.task_paths if path.startswith("probes/")]
    kinds = {"generate": "answers", "choice": "likelihood of choices", "loss": "loss"}
    return groups + [
        {"name": task.name.removeprefix("probes/"), "kind": kinds[task.measure], "summary": task.summary}
        for task in tasks
    ]


def _runs(runs_dir: Path) -> list[dict[str, Any]]:
    from clbench.runs.rundir import list_runs

    rows = []
    for run in list_runs(runs_dir):
        state = run.state()
        config = state.get("config", {})
        method = config.get("method", {}).get("name", "")
        rows.append(
            {"name": run.run_id, "status": state.get("status", ""), "method": method, "stream": config.get("stream")}
        )
    return rows
