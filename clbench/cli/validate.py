"""`clbench validate`: check files of tasks, streams, presets and groups of probes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clbench.spec.preset import Preset
    from clbench.spec.stream import StreamPlan
    from clbench.spec.task import Task
    from clbench.spec.taskfiles import Catalog, Document

FIRST = 20  # records of a file that are read


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    path: Annotated[Path | None, typer.Argument(help="A file or folder [default: all that are installed].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check files of tasks, streams, presets and groups of probes; every complaint names file and line.

    Example: clbench validate pets.yaml
    """
    from clbench.base.errors import ClbenchError
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry

    catalog = registry().catalog()
    tables = (catalog.task_paths, catalog.stream_paths, catalog.preset_paths, catalog.group_paths)
    paths = [one for table in tables for one in table.values()] if path is None else _files(path)
    problems = []
    for one in paths:
        try:
            check_file(one, catalog, options=path is not None)
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


def check_file(path: Path, catalog: Catalog, *, options: bool = True) -> None:
    """Read one file as what it is, with everything it refers to.

    Args:
        path: of the file.
        catalog: of all that is installed.
        options: whether a preset's options are checked too, for which its methods must be imported.

    Raises:
        ClbenchError: what is wrong with it.
    """
    from clbench.spec.preset import Preset
    from clbench.spec.probegroup import ProbeGroup
    from clbench.spec.stream import resolve
    from clbench.spec.taskfiles import build, read_task, read_yaml

    document = read_yaml(path)
    if "preset" in document.data:
        _check_preset(build(Preset, document), document, catalog, options=options)
        return
    if "group" in document.data:
        group = build(ProbeGroup, document)
        for index, name in enumerate(group.probes):
            with document.blame("probes", index):
                catalog.task(name)
        return
    names = catalog.names
    if "stream" not in document.data:
        _check_scorers(catalog.task(names[path]) if path in names else read_task(path), document, ())
        return
    loaded = catalog.stream(names[path]) if path in names else catalog.stream_file(path)
    for variant in loaded.stream.variants:
        with document.blame("variants", variant):
            plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=variant)
            _check_records(plan)
    for task in loaded.tasks.values():
        _check_scorers(task, document, ("tasks", task.name))


def _check_records(plan: StreamPlan) -> None:
    """The first records of each file that is there; others are below a folder that `--data` names when it is run."""
    from clbench.data.files import find
    from clbench.data.sources import load_split
    from clbench.spec.task import Files

    for task in plan.tasks:
        place = task.data.get(plan.source)
        if not isinstance(place, Files):
            continue
        for split in ("train", "eval", "test"):
            name = getattr(place, split)
            if name is not None and find(plan.base_dir / name).exists():
                load_split(plan, task, split=split, cap=FIRST)


def _check_preset(preset: Preset, document: Document, catalog: Catalog, *, options: bool) -> None:
    """Stream, methods and every setting exist and are in range; methods whose package is not here are left out."""
    from clbench.base.errors import UnknownNameError
    from clbench.plugins.registry import registry
    from clbench.spec.stream import resolve

    name, _, variant = preset.stream.partition(":")
    with document.blame("stream"):
        loaded = catalog.stream(name)
    with document.blame("settings"):
        changes = {section: preset.section(section) for section in ("protocol", "stream")}
        variant = variant or next(iter(loaded.stream.variants))
        resolve(loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=variant, changes=changes)
        for method in preset.plugin.split("+"):
            with contextlib.suppress(UnknownNameError):
                spec = registry().method(method).spec
                if options:
                    spec.create(preset.section(method))


def _check_scorers(task: Task, document: Document, at: tuple[str, ...]) -> None:
    from clbench.plugins.registry import registry
    from clbench.scoring import check_scorer

    for key, names in {"scorers": task.scorers.pairs().values(), "side": task.side}.items():
        with document.blame(*at, key):
            for name in names:
                check_scorer(registry().scorer(name), ranks=key == "scorers")


def _files(path: Path) -> list[Path]:
    from clbench.base import home
    from clbench.base.errors import FileError

    if home.is_file(path):
        return [path]
    found = [one for one in sorted(path.rglob("*.yaml")) if not one.name.startswith("_")]
    if not found:
        raise FileError(f"{path}: holds no task or stream files (*.yaml)")
    return found
