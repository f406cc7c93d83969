"""How runs, their matrices and their rows are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ClbenchError
from clbench.base.spending import KINDS
from clbench.boards.index import Index, identity
from clbench.boards.loading import load_entries
from clbench.boards.render import board_rows
from clbench.boards.style import default_style
from clbench.cli.shared import output
from clbench.metrics.summaries import compute, nested
from clbench.plugins.registry import registry

if TYPE_CHECKING:
    from clbench.engine.carrying import Outcome
    from clbench.metrics.matrix import ResultMatrix
    from clbench.runs.record import Record
    from clbench.runs.runconfig import RunConfig

ALIASES = {"trace": "trace-printed"}
SHOWN = ("op", "bwt.gem", "bwt.trace-printed", "forgetting.chaudhry", "learning_accuracy", "fwt.gem")
SHOWN_WITH_PROBES = ("retention.facts", "delta.general-ability", "delta.general-trace")


def headline(config: RunConfig) -> str:
    """The first line of a run: which stream, variant, protocol and model."""
    plan = config.plan
    origin = {"mini": "generated records", "trace": "official archive", "files": "your files"}.get(
        plan.source, plan.source
    )
    changed = ", ".join(f"{key}={value}" for key, value in plan.changes.items())
    protocol = f"{plan.protocol.name}{' with ' + changed if changed else ''}"
    scored = ", scored on validation records (no result, a board of its own)" if plan.split == "eval" else ""
    return (
        f"stream {plan.label} ({origin}), {len(plan.tasks)} tasks, protocol {protocol}, "
        f"model {config.model.name}{scored}"
    )


def print_headline(config: RunConfig) -> None:
    """The first lines of a run: what it is, and how its files were read where not as they stand."""
    screen = output.console()
    for line in (headline(config), *config.data_notes()):
        screen.print(line, markup=False, soft_wrap=True)


def plan_text(row: Mapping[str, Any]) -> str:
    """One run's estimate in words."""
    gib = 2**30
    return (
        f"{row['run']}\n"
        f"  {row['parameters']:,} parameters; {row['steps']:,} optimizer steps over {row['train_tokens']:,} tokens; "
        f"{row['prompts']:,} prompts to answer with at most {row['max_generated_tokens']:,} tokens\n"
        f"  memory: {row['state_bytes'] / gib:.2f} GiB held ({row['weight_bytes'] / gib:.2f} weights, "
        f"{row['gradient_bytes'] / gib:.2f} gradients, {row['moment_bytes'] / gib:.2f} AdamW's moments), a micro-batch "
        f"about {row['activation_bytes'] / gib:.2f} GiB (smaller ones where that is not free), "
        f"drift {row['drift_bytes'] / gib:.2f} GiB, the copy that is saved {row['copy_bytes'] / gib:.2f} GiB\n"
        f"  disk: two checkpoints of {row['checkpoint_bytes'] / gib:.2f} GiB while it runs\n"
        f"  board {row['board']}"
    )


def metrics_of(matrix: ResultMatrix) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every summary of R, and why some are missing."""
    return compute(matrix, registry().summary_specs())


def select(values: Mapping[str, float | None], *, bwt: str | None) -> dict[str, float | None]:
    """The summaries to show: a few, with those definitions of BWT that were asked for.

    Raises:
        ClbenchError: an unknown definition.
    """
    if bwt is None:
        extra = [name for name in SHOWN_WITH_PROBES if values.get(name) is not None]
        return {name: values[name] for name in (*SHOWN, *extra)}
    names = [f"bwt.{ALIASES.get(part.strip(), part.strip())}" for part in bwt.split(",")]
    for name in names:
        if name not in values:
            known = ", ".join(key.removeprefix("bwt.") for key in values if key.startswith("bwt."))
            raise ClbenchError(f"--bwt: no definition {name.removeprefix('bwt.')!r}; there is {known}")
    return {"op": values["op"], **{name: values[name] for name in names}}


def print_outcome(outcome: Outcome, *, leaderboards_dir: Path) -> None:
    """R, OP and BWT of one run, where everything is, and what to know of it."""
    record, screen = outcome.record, output.console()
    if outcome.repeated:
        screen.print(f"{record.run} is finished; nothing was done (--fresh runs it again)", markup=False)
    print_record(record, bwt=None)
    if outcome.run_dir.path.is_dir():
        screen.print(f"run directory {outcome.run_dir.path}", markup=False, soft_wrap=True)
    screen.print(f"record {record.path(leaderboards_dir)}", markup=False, soft_wrap=True)


def print_record(record: Record, *, bwt: str | None) -> None:
    """R and its summaries."""
    screen = output.console()
    values, missing = metrics_of(record.matrix())
    lines = output.metric_lines(select(values, bwt=bwt), missing)
    output.print_matrix(
        record.matrix(),
        title=f"R of {record.method.label} (strict), seed {record.seed}, {record.order}; ± is one standard error",
        errors=_errors(record) if record.errors else None,
        ceilings=record.ceilings_below_one("strict"),
    )
    for line in (*lines, *_probe_lines(record)):
        screen.print(line, markup=False)
    costs = record.costs
    screen.print(
        f"{costs.steps:,} steps, {costs.train_tokens:,} tokens; training {costs.train_seconds:.1f} s, "
        f"evaluation {costs.eval_seconds:.1f} s on {costs.device}",
        markup=False,
    )
    for message, count in record.warnings.items():
        screen.print(f"note: {message}{f' ({count})' if count > 1 else ''}", markup=False, soft_wrap=True)


def print_spent(record: Record) -> None:
    """Where a run's time went, and how much of a GPU it used; nothing of records from before it was counted."""
    costs, spent = record.costs, record.costs.spent
    if not spent:
        return
    whole = sum(spent.values())
    named = {kind: spent[kind] for kind in KINDS if kind in spent}
    seconds = {"": "seconds", **{kind: f"{value:,.1f}" for kind, value in named.items()}}
    shares = {"": "share", **{kind: f"{value / whole:.0%}" for kind, value in named.items()}}
    output.print_table([seconds, shares], headings=seconds, title=f"where {whole:,.1f} s went")
    if costs.share_of_peak is not None:
        driver = record.provenance.get("driver")
        told = f"{costs.device}{f', driver {driver}' if driver else ''}"
        output.console().print(f"{told}: training used {costs.share_of_peak:.0%} of its arithmetic", markup=False)


def _errors(record: Record) -> list[list[float | None]]:
    """Standard errors of rows 0 … T: of the tasks and then of the probes."""
    return [
        [*row, *(values[i] for values in record.probe_errors.values())] for i, row in enumerate(record.errors["strict"])
    ]


def _probe_lines(record: Record) -> list[str]:
    """What the stream did to each probe, and what test records and probes share with the training data."""
    lines = []
    for name, change in record.probe_changes.items():
        error = "" if change.error is None else f" ±{change.error:.4f}"
        lines.append(f"change of {name.removeprefix('probes/'):<16} {change.value:+.4f}{error}")
    return [*lines, *_overlap_lines(record)]


def _overlap_lines(record: Record) -> list[str]:
    lines = []
    for name, found in record.overlap.items():
        if found.touched:
            shared = f"share {found.n} words in a row with training data"
            lines.append(f"overlap: {found.touched} of {found.of} test records of {name} {shared}")
        if found.equal_prompts:
            lines.append(
                f"overlap: {found.equal_prompts} of {found.of} test records of {name} have a training record's prompt, "
                f"{found.equal_pairs} its answer too"
            )
    clean = sum(not (found.touched or found.equal_prompts) for found in record.overlap.values())
    if clean:
        lines.append(f"overlap: none with training data in the test records of {clean} other tasks and probes")
    return lines


def print_board(name: str, *, leaderboards_dir: Path) -> None:
    """A board's rows, without what fits no terminal."""
    style, summaries = default_style(), registry().summary_specs()
    loaded = load_entries(
        leaderboards_dir / "results" / name,
        leaderboards=leaderboards_dir,
        summaries=summaries,
        keys=style.keys,
        index=Index.open(leaderboards_dir, board=name, code=identity(summaries, style.keys)),
        catalog=registry().catalog,
    )
    rows = board_rows(loaded.entries, style=style, summaries=summaries)
    shown = [heading for heading in rows[0] if heading in _TERMINAL] if rows else []
    path = leaderboards_dir / f"{name}.md"
    output.print_table(rows, headings=shown, title=f"board {path}")
    for problem in loaded.problems:
        output.console().print(f"left out: {problem}", markup=False, soft_wrap=True)


_TERMINAL = ("Method", "n", "OP ↑", "ΔOP vs sequential", "BWT (gem, ÷T−1) ↑", "LA ↑", "Train s", "Eval s")


def record_json(record: Record, *, state: Mapping[str, Any], bwt: str | None = None) -> dict[str, Any]:
    """A record as `clbench show --json` prints it; with all definitions of BWT, or those asked for."""
    values, missing = metrics_of(record.matrix())
    if bwt is not None:
        chosen = select(values, bwt=bwt)
        values = {name: value for name, value in values.items() if name in chosen or not name.startswith("bwt.")}
    return {
        "run": record.run,
        "status": state.get("status", "finished"),
        "config": state.get("config", {}),
        "matrix": {"tasks": list(record.tasks), "probes": list(record.probes), "rows": _rows_with_probes(record)},
        "metrics": nested(values),
        "missing": missing,
        "errors": _errors(record) if record.errors else [],
        "probe_changes": {name: change.model_dump() for name, change in record.probe_changes.items()},
        "overlap": {name: one.model_dump(mode="json") for name, one in record.overlap.items()},
        "ceilings": {name: one.model_dump(mode="json") for name, one in record.ceilings.items()},
        "costs": record.costs.model_dump(mode="json"),
        "footprint": record.footprint.model_dump(mode="json"),
        "drift": record.drift,
        "warnings": [{"message": message, "count": count} for message, count in record.warnings.items()],
    }


def _rows_with_probes(record: Record) -> list[list[float | None]]:
    """R from its base row on; each row the tasks' scores, then the probes'."""
    probes = record.probes.values()
    return [[*row, *(values[i] for values in probes)] for i, row in enumerate(record.scores["strict"])]


def outcome_json(outcome: Outcome, leaderboards_dir: Path) -> dict[str, Any]:
    """One run of `clbench run --json`."""
    shown = record_json(outcome.record, state=outcome.run_dir.state())
    shown["board"] = str(leaderboards_dir / f"{outcome.record.board.name}.md")
    shown["record"] = str(outcome.record.path(leaderboards_dir))
    shown["run_dir"] = str(outcome.run_dir.path) if outcome.run_dir.path.is_dir() else None
    shown["repeated"] = outcome.repeated
    return shown


def rows_json(matrix: ResultMatrix) -> Sequence[Sequence[float | None]]:
    """R with its base row, as a list of lists."""
    base = matrix.base or (None,) * matrix.num_tasks
    return [list(row) for row in (base, *matrix.rows)]
