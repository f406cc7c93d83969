"""`clbench watch`: how runs come along, from what they write: also those of other processes and hosts."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.progress import clock

if TYPE_CHECKING:
    from rich.table import Table

    from clbench.runs.progressing import Progressing
    from clbench.runs.rundir import RunDir

BLOCKS = "▁▂▃▄▅▆▇█"
SECONDS = 1.0  # between two looks
MOST = 40  # runs that are all shown; of more only those that go on or failed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(watch)


def watch(
    what: Annotated[
        str | None, typer.Argument(help="Run-id or its beginning, or a plan file; all runs if left out.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the table once.")] = False,
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Watch runs: phase, loss, tokens a second, time gone and left. Ends when nothing is running any more.

    Example: clbench watch --once
    """
    from dataclasses import asdict

    from clbench.base import home
    from clbench.cli.shared import output
    from clbench.runs.progressing import progressing

    runs = _runs(what, runs_dir or home.runs_dir())
    if json:
        output.print_json({run.run_id: asdict(progressing(run)) for run in runs})
        return
    screen = output.console()
    if once or not screen.is_terminal:
        screen.print(table(_looks(runs)))
        return
    _live(screen, lambda: _looks(runs))


def _runs(what: str | None, runs_dir: Path) -> list[RunDir]:
    from clbench.runs.rundir import find_run, list_runs

    if what is None:
        return list_runs(runs_dir)
    if what.endswith((".yaml", ".yml")):
        from clbench.cli.shared import planned
        from clbench.plans.jobs import jobs_of
        from clbench.plugins.registry import registry

        plan = planned.plan_given(Path(what), {"runs_dir": runs_dir})
        return [job.run_dir for job in jobs_of(planned.arms_given(plan, registry(), shard=None))]
    return [find_run(what, runs_dir=runs_dir)]


def _looks(runs: Sequence[RunDir]) -> list[tuple[str, Progressing]]:
    from clbench.runs.progressing import progressing

    return [(run.run_id, progressing(run)) for run in runs]


def _live(screen: Any, look: Callable[[], list[tuple[str, Progressing]]]) -> None:
    """Until nothing is running, or the user has seen enough."""
    from rich.live import Live

    with Live(table(found := look()), console=screen, auto_refresh=False) as live:
        while any(one.state == "running" for _, one in found):
            time.sleep(SECONDS)
            live.update(table(found := look()), refresh=True)


def table(found: Sequence[tuple[str, Progressing]]) -> Table:
    """A row a run: those that are running whole, of the others the end."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD)
    for heading in ("run", "state"):
        made.add_column(heading, overflow="fold")  # in a narrow terminal a name goes on in the next line
    for heading in ("loss", "tokens/s", "gone", "left"):
        made.add_column(heading, no_wrap=True)
    many = len(found) > MOST
    for name, one in found:
        if many and one.state in ("finished", "not begun"):
            continue
        state = f"{one.phase or one.state} ({one.phases}/{one.of or '?'})" if one.state == "running" else one.state
        loss = f"{sparkline(one.losses, width=12)} {one.losses[-1]:.3f}" if one.losses else ""
        speed = f"{one.tokens_per_second:,.0f}" if one.tokens_per_second else ""
        remaining = clock(one.remaining) if one.state == "running" else ""
        cells = (name, f"{state}{': ' if one.reason else ''}{one.reason}", loss, speed, clock(one.seconds), remaining)
        made.add_row(*(Text(cell) for cell in cells))
    counts = Counter(one.state for _, one in found)
    made.caption = ", ".join(f"{number} {state}" for state, number in counts.items())
    return made


@contextlib.contextmanager
def beside(runs: Sequence[RunDir]) -> Iterator[None]:
    """The table below whatever else is said, where a terminal shows it."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: table(_looks(runs)), console=console, refresh_per_second=1, transient=True):
        yield


def sparkline(values: Sequence[float], *, width: int) -> str:
    """The course of some numbers, in `width` characters at most: means of parts of equal length."""
    if not values:
        return ""
    size = min(width, len(values))
    parts = [values[len(values) * k // size : len(values) * (k + 1) // size] for k in range(size)]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    return "".join(BLOCKS[round((one - low) / (high - low) * 7) if high > low else 3] for one in means)
