"""`clbench data add`: one function a kind of archive, and how what was found is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clbench.data.archives.audit import TaskAudit
    from clbench.data.archives.register import Register

USES = {"o-lora": "cl-4, cl-5, cl-15", "sapt": "superni, cl-15, cl-4", "easycl": "cl-15, cl-4, absa"}


def add_trace(path: Path, *, variant: str | None, sha256: str | None, json: bool) -> None:
    """TRACE's archive: several variants of eight tasks."""
    from clbench.cli.shared import output
    from clbench.data.archives import trace
    from clbench.data.archives.audit import audit_folder
    from clbench.plugins.registry import registry

    catalog = registry().catalog()
    tasks = [catalog.task(one) for one in catalog.stream("trace").stream.task_names]
    root = path if path.is_dir() else trace.unpack(path, sha256=sha256)
    with _kept_if_good(trace.REGISTER, root, given=path):
        found = trace.locate(root, tasks=[str(task.data["trace"]) for task in tasks], variant=variant)
        audits = {key: audit_folder(folder, tasks=tasks, variant=key) for key, folder in found.items()}
    trace.register(found)
    if json:
        output.print_json({key: _json(folder, audits[key]) for key, folder in found.items()})
        return
    for key, folder in found.items():
        _print_table(audits[key], title=f"trace:{key} registered from {folder}", splits=trace.SPLITS)
        _print_lines(f"  {one.task}: {finding}" for one in audits[key] for finding in one.findings)
        _print_lines([f"use it by --stream trace:{key}"])


def add_suites(path: Path, *, variant: str | None, sha256: str | None, json: bool) -> None:
    """O-LoRA's, SAPT's or EasyCL's archive, or a folder of several of them."""
    from clbench.cli.shared import output
    from clbench.data.archives import suites
    from clbench.data.archives.layout import SPLITS
    from clbench.data.archives.traps import audit_suite
    from clbench.data.archives.unpacking import unpack

    root = path if path.is_dir() else unpack(path, kind=suites.KIND, expected=sha256)
    with _kept_if_good(suites.REGISTER, root, given=path):
        found = suites.locate(root, suite=variant)
        audits = {key: audit_suite(key, folder) for key, folder in found.items()}
        suites.register(found)
    if json:
        hashes = suites.REGISTER.entries()
        shown = {key: _json(folder, audits[key]) | {"sha256": hashes[key]["files"]} for key, folder in found.items()}
        output.print_json(shown)
        return
    for key, folder in found.items():
        _print_table(audits[key], title=f"{suites.KIND}:{key} registered from {folder}", splits=SPLITS)
        _print_lines(_grouped(audits[key]))
        _print_lines([f"use it by --stream NAME:{key}, for {USES[key]}"])


KINDS: Mapping[str, Callable[..., None]] = {"trace": add_trace, "cl-benchmark": add_suites}
"""What `clbench data add` takes."""


@contextmanager
def _kept_if_good(register: Register, root: Path, *, given: Path) -> Iterator[None]:
    """Removes what was unpacked where it turns out to be unusable."""
    from clbench.base.errors import ClbenchError

    try:
        yield
    except ClbenchError:
        if root != given:
            register.discard(root)
        raise


def _json(folder: Path, audits: Sequence[TaskAudit]) -> dict[str, Any]:
    return {
        "path": str(folder),
        "tasks": [{"task": one.task, "records": one.counts, "findings": one.findings} for one in audits],
    }


def _print_table(audits: Sequence[TaskAudit], *, title: str, splits: Sequence[str]) -> None:
    from clbench.cli.shared import output

    rows = [{"task": one.task, **{split: str(count) for split, count in one.counts.items()}} for one in audits]
    output.print_table(rows, headings=["task", *splits], title=title)


def _grouped(audits: Sequence[TaskAudit]) -> Iterator[str]:
    """A line for each finding: what is true of many tasks is said once."""
    tasks: dict[str, list[str]] = {}
    for one in audits:
        for finding in one.findings:
            tasks.setdefault(finding, []).append(one.task)
    for finding, names in tasks.items():
        listed = f"all {len(names)} tasks" if len(names) == len(audits) > 1 else ", ".join(names)
        yield f"  {listed}: {finding}"


def _print_lines(lines: Iterator[str] | Sequence[str]) -> None:
    from clbench.cli.shared import output

    screen = output.console()
    for line in lines:
        screen.print(line, markup=False, soft_wrap=True)
