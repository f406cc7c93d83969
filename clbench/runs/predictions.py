"""Predictions: with R all that a run stores of its results. Any score can be computed from them, at any time.

One JSONL file for each cell of R: `predictions/<row>/<task>.jsonl`, a `{"prompt", "prediction", "answer"}` a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

from clbench.base import atomic
from clbench.base.errors import DataError, RecordError, short
from clbench.base.hashing import file_digest
from clbench.data.records import read_objects
from clbench.metrics.uncertainty import standard_error
from clbench.scoring import choices, load_scorer, record_scores
from clbench.scoring.spec import CorpusScorer, ScorerSpec
from clbench.spec.task import Task

_KEYS = ("prompt", "prediction", "answer")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered.

    Args:
        prompt: what it was given, whole.
        prediction: what it wrote, untouched.
        answer: what was expected.
        truncated: whether it ran into `max_new_tokens`.
    """

    prompt: str
    prediction: str
    answer: str
    truncated: bool = False


def predictions_path(run_dir: Path, *, row: int, task: Task) -> Path:
    """Where a run keeps the predictions of one cell of R."""
    return run_dir / "predictions" / f"{row:02d}" / f"{task.slug}.jsonl"


def save(path: Path, predictions: Sequence[Prediction]) -> str:
    """Write a file of predictions, atomically; gives the SHA-256 of what was written."""
    text = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in predictions)
    atomic.write_text(path, text)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read(path: Path, *, prompts: bool = True) -> list[Prediction]:
    """Read a file of predictions.

    Args:
        path: JSONL.
        prompts: whether each must have its prompt, as all of a run's do; others' may lack it where nothing reads it.

    Raises:
        DataError: with file and line.
    """
    needed = _KEYS if prompts else _KEYS[1:]
    predictions = [_parse(value, where=where, needed=needed) for where, value in read_objects(path)]
    if not predictions:
        raise DataError(f"{path}: holds no predictions")
    return predictions


def _parse(value: object, *, where: str, needed: Sequence[str]) -> Prediction:
    if not isinstance(value, dict):
        raise DataError(f"{where}: must be an object with the keys {_named(needed)}, got {short(value)}")
    if missing := [key for key in needed if key not in value]:
        raise DataError(f"{where}: needs the keys {_named(needed)}, and lacks {missing[0]!r}: {short(value)}")
    texts = [value.get(key, "") for key in _KEYS]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: prompt, prediction and answer must be text, got {short(value)}")
    return Prediction(*texts, truncated=value.get("truncated") is True)


def _named(keys: Sequence[str]) -> str:
    return f"{', '.join(map(repr, keys[:-1]))} and {keys[-1]!r}"


def needs_prompts(task: Task, *, scorer: Callable[[str], ScorerSpec]) -> bool:
    """Whether one of a task's scorers reads the prompt."""
    return any(scorer(name).reads_prompt for name in {*task.scorers.pairs().values(), *task.side})


def file_hashes(run_dir: Path) -> dict[str, str]:
    """SHA-256 of every file of predictions, by its path in the run's folder."""
    paths = sorted((run_dir / "predictions").rglob("*.jsonl"))
    return {path.relative_to(run_dir).as_posix(): file_digest(path) for path in paths}


def check_files(run_dir: Path, written: Mapping[str, str]) -> None:
    """Whether the files of finished rows are what the run wrote.

    Args:
        run_dir: the run's folder.
        written: SHA-256 by path, taken when each was written.

    Raises:
        RecordError: one is missing or another.
    """
    for name, expected in written.items():
        path = run_dir / name
        if not path.is_file() or file_digest(path) != expected:
            raise RecordError(
                f"{path}: is missing, or not what this run wrote there (SHA-256 {expected[:12]}…); "
                "put it back, or run again with --fresh"
            )


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one task under its scorers, 0–1.

    Args:
        roles: `strict` and `lenient`.
        errors: their standard errors; None where there is but one record.
        side: further scorers, by name.
        empty: predictions without any text.
        truncated: predictions that ran into the limit.
        tied: records of which several choices are the likeliest, under the strict scorer.
        num_records: all.
    """

    roles: dict[str, float]
    errors: dict[str, float | None]
    side: dict[str, float]
    empty: int
    truncated: int
    tied: int
    num_records: int


def score(task: Task, predictions: Sequence[Prediction], *, scorer: Callable[[str], ScorerSpec]) -> Scores:
    """Score saved predictions; needs no model.

    Args:
        task: says by which scorers.
        predictions: of one task.
        scorer: a scorer's spec by name.
    """
    found = {name: score_records(task, predictions, scorer=scorer(name)) for name in task.scorers.pairs().values()}
    return Scores(
        roles={role: fmean(found[name]) for role, name in task.scorers.pairs().items()},
        errors={role: standard_error(found[name]) for role, name in task.scorers.pairs().items()},
        side={name: side_score(task, predictions, scorer(name)) for name in task.side},
        empty=sum(not task.extract(one.prediction) for one in predictions),
        truncated=sum(one.truncated for one in predictions),
        tied=sum(choices.is_tied(one.prediction, scorer=task.scorers.strict) for one in predictions),
        num_records=len(predictions),
    )


def side_score(task: Task, predictions: Sequence[Prediction], spec: ScorerSpec) -> float:
    """One number of all predictions: a corpus scorer's, or the mean over records."""
    if not spec.corpus:
        return fmean(score_records(task, predictions, scorer=spec))
    parts = [_extracted(task, one) for one in predictions]
    judge = cast("CorpusScorer", load_scorer(spec))
    return judge(predictions=[one.prediction for one in parts], answers=[one.answer for one in parts])


def counted(task: Task, scores: Scores) -> dict[str, int]:
    """What a record's warnings say of a task's answers, where there are such."""
    numbers = {"empty": scores.empty, "truncated": scores.truncated, "tied": scores.tied}
    return {f"{task.name}: {kind} answers in evaluation": number for kind, number in numbers.items() if number}


def score_records(task: Task, predictions: Sequence[Prediction], *, scorer: ScorerSpec) -> list[float]:
    """The scores of saved predictions under one scorer, record by record."""
    return record_scores(load_scorer(scorer), [_extracted(task, one) for one in predictions])


def _extracted(task: Task, one: Prediction) -> Prediction:
    return Prediction(one.prompt, task.extract(one.prediction), task.extract(one.answer), one.truncated)
