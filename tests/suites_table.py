"""What other suites have, beside this one: `python tests/suites_table.py` writes docs/other-suites.md from its YAML."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from clbench.methods.sharing import alone, bears_parts
from clbench.plugins.registry import registry

DOCS = Path(__file__).parent.parent / "docs"
SOURCE, PAGE = DOCS / "other-suites.yaml", DOCS / "other-suites.md"
HEAD = """# Other suites, beside this one

Written by `python tests/suites_table.py` from `docs/other-suites.yaml`, where each claim has its source. Each
repository was read at the commit that stands here; a file in a cell is what the claim rests on. `–`: not there. What a
name here means is in [methods](models.md), [tasks](tasks.md) and [results](results.md).
"""


def content() -> dict[str, Any]:
    """The claims."""
    return yaml.safe_load(SOURCE.read_text(encoding="utf-8"))


def page(claims: Mapping[str, Any]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_suites(claims), *_tables(claims), *_processes(), *_faults(claims)])


def _suites(claims: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| suite | repository | commit |", "| --- | --- | --- |")
    for name, one in claims["suites"].items():
        yield f"| {name} | {one['repository']} | `{one['commit']}` |"
    yield ""


def _tables(claims: Mapping[str, Any]) -> Iterator[str]:
    """Methods, streams, metrics: a row each, a column a suite."""
    suites = list(claims["suites"])
    for part, title in {"methods": "Methods", "streams": "Streams"}.items():
        yield from (f"## {title}\n", _row(part.rstrip("s"), "clbench", *suites), _row(*["---"] * (len(suites) + 2)))
        for what, where in claims[part].items():
            here = where.get("clbench", "")
            known = here and here in _names(part)
            yield _row(what, f"`{here}`" if known else "–", *(_cell(where.get(suite)) for suite in suites))
        yield ""
    yield from ("## Metrics\n", _row("here", *suites), _row(*["---"] * (len(suites) + 1)))
    for what, where in claims["metrics"].items():
        yield _row(f"`{what}`", *(where.get(suite, "–") for suite in suites))
    yield ""


def _names(part: str) -> list[str]:
    found = registry()
    return list(found.methods.entries) if part == "methods" else list(found.catalog().stream_paths)


def _cell(claim: str | None) -> str:
    if not claim:
        return "–"
    return f"`{claim.rpartition('/')[2]}`" if "`" not in claim and " " not in claim else claim


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _processes() -> Iterator[str]:
    """What each method's own declaration says, and `tests/engine/test_processes.py` finds."""
    yield "## Several processes\n"
    yield "`accelerate launch`: with copies of the model (DDP), or with parts of it, one in each process (FSDP 2, by"
    yield "`--use_fsdp`). Works: losses, scores, drift and warnings are those of one process, as"
    yield "`tests/engine/test_processes.py` shows for every method on two processes of a CPU. Refused: before anything"
    yield "is loaded, with the reason.\n"
    yield from ("| method | one process | DDP | FSDP 2 |", "| --- | --- | --- | --- |")
    for spec in (entry.spec for entry in registry().methods.entries.values()):
        refused = f"refused: {spec.limit}"
        ddp, fsdp = (refused if alone(spec) else "works"), ("works" if bears_parts(spec) else refused)
        yield _row(f"`{spec.name}`", "works", ddp, fsdp)
    yield ""


def _faults(claims: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        "## Faults that change numbers\n",
        "| suite | what | where | how we know |",
        "| --- | --- | --- | --- |",
    )
    for one in claims["faults"]:
        yield _row(one["suite"], one["what"], f"`{one['where']}`", f"we {one['seen']}")
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(content()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
