"""What is on disk, read back: runs, boards, comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clbench.api.result import Result, row_of
from clbench.api.table import framed
from clbench.base import home
from clbench.base.errors import ClbenchError, OptionError, RecordError
from clbench.boards.compare import METRICS, against
from clbench.boards.compare import compare as compare_rows
from clbench.boards.loading import board_folders, load_board
from clbench.boards.render import baseline_of, rank
from clbench.boards.style import default_style
from clbench.boards.values import Row, Values, rows_of
from clbench.metrics.statistics import Estimate, t_quantile
from clbench.plugins.registry import registry
from clbench.runs.record import Record, read_record
from clbench.runs.rundir import find_run, list_runs

Place = str | Path


def load(run: Place, *, runs_dir: Place | None = None) -> Result:
    """A finished run.

    Args:
        run: its id or the beginning of it, its folder, or a record file.
        runs_dir: where run directories are.

    Raises:
        RecordError: there is none, or it is not finished.
    """
    if str(run).endswith(".json"):
        path = Path(run)
        return Result(read_record(path), path.parent if (path.parent / "run.json").is_file() else None)
    run_dir = find_run(str(run), runs_dir=Path(runs_dir or home.runs_dir()))
    record = run_dir.finished()
    if record is None:
        state = run_dir.state()
        reason = f": {state['error']}" if state.get("error") else ""
        raise RecordError(
            f"run {run_dir.run_id} is {state.get('status', 'not finished')}{reason}; the same command runs it"
        )
    return Result(record, run_dir.path)


def load_model(
    run: Place, *, row: int | None = None, model: str | None = None, runs_dir: Place | None = None, device: str = "cpu"
) -> tuple[Any, Any]:
    """What a finished run trained: the model, whatever layers its method has given it, and the tokenizer.

    The run must have kept it (`save_model=`, or `settings={"runtime": {"keep_checkpoints": True}}`).

    Args:
        run: its id or the beginning of it, or its folder.
        row: after which task; the last one when None.
        model: the base model, where its name does not find it.
        runs_dir: where run directories are.
        device: where it is put.

    Raises:
        ClbenchError: the run kept no model, its base model is not here, or its method is not installed.
    """
    from clbench.engine.exporting import load_trained

    run_dir = find_run(str(run), runs_dir=Path(runs_dir or home.runs_dir()))
    found = load_trained(run_dir, registry(), row=row, model=model, device=device).loaded
    return found.model, found.tokenizer


def runs(folder: Place | None = None) -> Any:
    """All runs of a folder: a pandas data frame, or a `Table` where there is no pandas.

    Args:
        folder: of run directories.
    """
    return framed([_run(one) for one in list_runs(Path(folder or home.runs_dir()))], index="run")


def _run(run_dir: Any) -> dict[str, Any]:
    """A row; of a run that is not finished, or cannot be read, what is wrong with it."""
    empty = dict.fromkeys(("method", "seed", "order", "board", "op", "bwt.gem", "learning_accuracy", "retention.facts"))
    try:
        record = run_dir.finished()
        status = "finished" if record else str(run_dir.state().get("status", "not finished"))
    except ClbenchError as error:
        record, status = None, f"unreadable: {error}"
    row = row_of(Result(record, run_dir.path)) if record else {"run": run_dir.run_id, **empty}
    return {"run": row.pop("run"), "status": status, **row}


def board(name: Place | None = None, *, leaderboards_dir: Place | None = None) -> Any:
    """A board's rows, best first, each number with the bounds of its 95 % interval over the row's runs.

    Args:
        name: of the board; or the folder of boards, where it holds but one.
        leaderboards_dir: where boards are.

    Returns:
        A pandas data frame, or a `Table` where there is no pandas. `op.low` and `op.high` bound `op` (t-interval),
        those of `vs.…` the paired difference from the baseline. What one run cannot tell is None.

    Raises:
        RecordError: there is no such board, or several.
    """
    records = board_records(name, Path(leaderboards_dir or home.leaderboards_dir()))
    style, summaries = default_style(), registry().summary_specs()
    values, rows = Values(summaries, records), rows_of(records)
    baseline = baseline_of(rows, style.baseline)
    rows.sort(key=lambda row: rank(values.estimate(row, style.rank_by, baseline=baseline), row))
    return framed([_board_row(row, values, baseline, [one.key for one in style.columns]) for row in rows])


def _board_row(row: Row, values: Values, baseline: Row | None, keys: Sequence[str]) -> dict[str, Any]:
    package = ", ".join(f"{name} {version}" for name, version in sorted(row.packages.items()))
    found: dict[str, Any] = {"method": row.label, "package": package, "n": len(row.records)}
    for key in keys:
        estimate = values.estimate(row, key, baseline=baseline)
        half = _half(estimate, paired=key.startswith("vs."))
        found[key] = estimate.mean if estimate else None
        if key.partition(".")[0] not in ("cost", "footprint"):
            found[f"{key}.low"] = estimate.mean - half if estimate and half is not None else None
            found[f"{key}.high"] = estimate.mean + half if estimate and half is not None else None
    return found


def _half(estimate: Estimate | None, *, paired: bool) -> float | None:
    """Half the width of a 95 % interval; a paired difference has it already."""
    if estimate is None or estimate.spread is None or paired:
        return estimate and estimate.spread
    return t_quantile(0.975, freedom=estimate.n - 1) * estimate.spread / math.sqrt(estimate.n)


def compare(
    *pairs: str,
    baseline: str | None = None,
    board: Place | None = None,
    metrics: Sequence[str] | None = None,
    leaderboards_dir: Place | None = None,
) -> Any:
    """Paired differences of methods on the same seeds and orders, with 95 % intervals.

    Args:
        pairs: `METHOD:BASELINE`, as their rows are called.
        baseline: where no pairs are given, what every row is compared with; left out: sequential fine-tuning.
        board: its name; not needed where there is one only.
        metrics: columns of the board.
        leaderboards_dir: where boards are.

    Returns:
        A pandas data frame, or a `Table` where there is no pandas: a row for each pair and metric. `p.holm` is
        corrected over all of them; `verdict` is `cannot tell` where it is 0.05 or more, and so wherever the interval
        from `low` to `high` holds zero; `needed` is how many pairs would find such a difference with 80 % power.

    Raises:
        ClbenchError: no such board, row or metric, or no seed and order that both ran.
    """
    if pairs and baseline:
        raise OptionError("baseline: leave it out where pairs are given, or the pairs")
    given = [parse_pair(one) for one in pairs]
    records = board_records(board, Path(leaderboards_dir or home.leaderboards_dir()))
    chosen = given or against(records, baseline or default_style().baseline)
    found = compare_rows(
        records,
        pairs=chosen,
        summaries=registry().summary_specs(),
        metrics=metrics or METRICS,
    )
    return framed(
        [
            {
                "method": one.method,
                "baseline": one.baseline,
                "metric": one.metric,
                "n": one.difference.n,
                "value": one.value.mean,
                "base": one.base.mean,
                "difference": one.difference.mean,
                "half_width": one.difference.spread,
                "low": one.t_interval and one.t_interval.low,
                "high": one.t_interval and one.t_interval.high,
                "bootstrap.low": one.bootstrap and one.bootstrap.low,
                "bootstrap.high": one.bootstrap and one.bootstrap.high,
                "p": one.p,
                "p.holm": one.p_holm,
                "verdict": one.verdict,
                "needed": one.needed,
            }
            for one in found
        ]
    )


def parse_pair(text: str) -> tuple[str, str]:
    """`mofo:sequential`, parted.

    Raises:
        OptionError: it is of another form.
    """
    method, colon, baseline = text.partition(":")
    if not (colon and method and baseline):
        raise OptionError(f"{text!r}: must be of the form METHOD:BASELINE, such as mofo:sequential")
    return method, baseline


def board_records(name: Place | None, leaderboards: Path) -> list[Record]:
    """The records of one board that count.

    Args:
        name: of the board, or the folder of boards where it holds but one; None: the only one there is.
        leaderboards: folder of boards.

    Raises:
        RecordError: there is none, or there are several.
    """
    if name is not None and home.is_dir(Path(name) / "results"):
        leaderboards, name = Path(name), None
    folders = board_folders(leaderboards, board=None if name is None else str(name))
    if len(folders) != 1:
        names = ", ".join(path.name for path in folders) or "none"
        raise RecordError(f"--board is missing: there is {names} in {leaderboards}")
    return load_board(folders[0], leaderboards=leaderboards).records
