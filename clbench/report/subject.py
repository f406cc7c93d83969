"""One run that a report is about: finished, or as far as it has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from clbench.base.errors import ClbenchError, MatrixError, RecordError
from clbench.boards.corpuswide import CorpusScore, corpus_scores
from clbench.boards.lost import Lost, bwt_error, lost_of, then_and_now
from clbench.metrics.matrix import ResultMatrix, read_matrix
from clbench.runs.events import NO_CURVE, TrainingCurve, training_curve
from clbench.runs.record import Board, MethodPart, Record
from clbench.runs.rundir import RunDir
from clbench.scoring.spec import ScorerSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """One run.

    Args:
        run: its id.
        status: `finished`, or what `run.json` says.
        board: what it may be compared with.
        method: the method.
        seed: of all randomness.
        order: name of the order.
        matrix: R as the protocol scores.
        record: of a finished run.
        curve: its optimizer steps, as far as its log is there.
        lost: its lost answers by task, or why they cannot be told; empty where nobody looked.
        corpus: scores of all answers at once, or why they cannot be told.
        bwt_error: standard error of its BWT over the test records, where all those answers are there.
    """

    run: str
    status: str
    board: Board
    method: MethodPart
    seed: int
    order: str
    matrix: ResultMatrix
    record: Record | None = None
    curve: TrainingCurve = NO_CURVE
    lost: Mapping[str, Sequence[Lost] | str] = field(default_factory=dict)
    corpus: Sequence[CorpusScore] | str = ()
    bwt_error: float | None = None


def of_record(record: Record, *, curve: TrainingCurve = NO_CURVE) -> Subject:
    """A finished run.

    Args:
        record: of it.
        curve: its optimizer steps, where they are known.
    """
    return Subject(
        run=record.run,
        status="finished",
        board=record.board,
        method=record.method,
        seed=record.seed,
        order=record.order,
        matrix=record.matrix(record.board.protocol["scorer"]),
        record=record,
        curve=curve,
    )


def of_run_dir(run_dir: RunDir) -> Subject:
    """A run directory; one that is not finished gives what it has measured so far.

    Raises:
        RecordError: it has measured nothing yet, or `run.json` is not what clbench writes.
    """
    record, curve = run_dir.finished(), training_curve(run_dir.path / "events.jsonl")
    if record is not None:
        return of_record(record, curve=curve)
    state = run_dir.state()
    try:
        config = state["config"]
        board = Board.model_validate({key: value for key, value in config["board"].items() if key != "name"})
        method = MethodPart.model_validate(config["method"])
        seed, order, status = int(config["seed"]), str(config["order"]["name"]), str(state["status"])
    except (KeyError, TypeError, AttributeError, ValueError, ValidationError) as error:
        raise RecordError(
            f"run {run_dir.run_id} is not finished, and its run.json says too little ({type(error).__name__}); "
            "run the same command again"
        ) from error
    return Subject(run_dir.run_id, status, board, method, seed, order, _so_far(run_dir), curve=curve)


def _so_far(run_dir: RunDir) -> ResultMatrix:
    path = run_dir.path / "matrix.json"
    if not path.is_file():
        raise RecordError(f"run {run_dir.run_id} is not finished and has measured nothing yet")
    try:
        return read_matrix(path)
    except MatrixError as error:
        raise RecordError(str(error)) from error


def with_lost_answers(subject: Subject, run_dir: RunDir, *, scorer: Callable[[str], ScorerSpec]) -> Subject:
    """A run with the answers that it lost, as far as its predictions are there.

    Args:
        subject: the run.
        run_dir: its folder.
        scorer: a scorer's spec by name.
    """
    record = subject.record
    if record is None or record.method.regime in ("frozen", "single"):
        return subject
    lost: dict[str, Sequence[Lost] | str] = {}
    both: dict[str, Sequence[Lost]] = {}
    for name in record.tasks[:-1]:
        try:
            both[name] = then_and_now(run_dir, record, name, scorer=scorer)
            lost[name] = lost_of(both[name])
        except (ClbenchError, KeyError, TypeError, ValidationError) as error:
            lost[name] = f"cannot be told ({error})"
    error = bwt_error(both) if len(both) == len(lost) else None
    return replace(subject, lost=lost, corpus=corpus_scores(run_dir, record, scorer=scorer), bwt_error=error)
