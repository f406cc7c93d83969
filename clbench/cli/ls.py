"""`clbench ls`: what there is, and which package brings it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clbench.runs.rundir import RunDir


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
    settings = "settings"
    published = "published"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ls")(ls)


def ls(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; everything but runs when left out.")] = None,
    name: Annotated[str | None, typer.Argument(help="With methods: one whose options to list; A+B composes.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List what there is: streams, tasks, methods, metrics, models, presets, probes, runs, settings, papers' numbers.

    Example: clbench ls methods mofo
    """
    from clbench.base import home
    from clbench.base.errors import OptionError
    from clbench.cli.shared import output

    if name is not None:
        if kind is not Kind.methods:
            raise OptionError(f"ls {kind.value if kind else ''} {name}: only methods have more to list, their options")
        return _print_method(name, json=json)
    kinds = [kind] if kind else [one for one in Kind if one not in (Kind.runs, Kind.settings, Kind.published)]
    found = {one.value: _rows(one, runs_dir or home.runs_dir()) for one in kinds}
    if json:
        output.print_json(found[kind.value] if kind else found)
        return
    for title, rows in found.items():
        if rows:
            output.print_table(rows, headings=rows[0], title=title)
        else:
            output.console().print(f"no {title} yet")


def _print_method(name: str, *, json: bool) -> None:
    """What a method is, where it comes from, and its options."""
    from clbench.api.describing import method_options
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry

    entries = registry().composition(name).entries
    rows = method_options(name)
    if json:
        output.print_json(rows)
        return
    for one in entries:
        source = f" ({one.spec.source})" if one.spec.source else ""
        line = f"{one.spec.name}: {one.spec.summary}{source}; {one.plugin.package} {one.plugin.version}"
        output.console().print(line, markup=False, soft_wrap=True)
    output.print_table(rows, headings=rows[0])


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
        Kind.settings: _settings,
        Kind.published: _published,
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
    return scorers + summaries + _columns()


def _columns() -> list[dict[str, Any]]:
    """What `compare --metric` and `leaderboard --metric` take besides summaries."""
    from clbench.base.docstrings import arguments
    from clbench.runs.record import Costs, FootprintPart

    return [
        {"name": f"{family}.{name}", "kind": "column", "package": "clbench", "summary": said.get(name, "")}
        for family, part in (("cost", Costs), ("footprint", FootprintPart))
        for said in (arguments(part.__doc__),)
        for name, field in part.model_fields.items()
        if field.annotation is not str
    ]


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


def _settings() -> list[dict[str, Any]]:
    from clbench.api.describing import settings

    return list(settings())


def _published() -> list[dict[str, Any]]:
    from clbench.boards.published import published

    return [
        {
            "table": table.name,
            "method": row.method,
            "model": row.model,
            "OP": row.op,
            "BWT": "–" if row.bwt is None else row.bwt,
            "change": "–" if row.change is None else row.change,
            "source": table.source,
        }
        for table in published()
        for row in table.rows
    ]


def _runs(runs_dir: Path) -> list[dict[str, Any]]:
    from clbench.runs.rundir import list_runs

    return [_run(run) for run in list_runs(runs_dir)]


def _run(run: RunDir) -> dict[str, Any]:
    """One run; its day is that of the last change, and a run that is not finished has no score."""
    import datetime

    from clbench.base.errors import ClbenchError
    from clbench.metrics.definitions.performance import op

    state = run.state()
    config = state.get("config", {})
    path = next(one for one in (run.record_path, run.path / "run.json") if one.is_file())
    day = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date().isoformat()
    try:
        record = run.finished()
        score = f"{op(record.matrix(record.board.protocol['scorer'])):.3f}" if record else "–"
    except ClbenchError:
        score = "–"
    return {
        "name": run.run_id,
        "status": state.get("status", ""),
        "method": config.get("method", {}).get("name", ""),
        "stream": config.get("stream"),
        "seed": config.get("seed", "–"),
        "OP": score,
        "date": day,
    }
