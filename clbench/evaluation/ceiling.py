"""The score of a model whose tokens are all right: what a tokenizer and the limits let anybody reach.

Each answer's tokens, as they are trained, are cut where the evaluation cuts, read as the evaluation reads, and scored.
Where that gives less than 1, the task cannot be solved with this model, or not as it is asked: line breaks that a
tokenizer has no tokens for, letters that it folds, answers longer than the limit. (Or its scorer gives less than 1 to
the answers themselves, as SARI does, which is no fault of a tokenizer and needs no note.) It costs no forward pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from clbench.base.errors import ModelError, short
from clbench.data.detokenising import until
from clbench.data.example import Example
from clbench.data.probes import is_foreign
from clbench.data.tokenising import Encoder, Parts
from clbench.evaluation.likelihood import continuations
from clbench.runs.predictions import Prediction, score_records
from clbench.runs.record import Ceiling
from clbench.scoring import choices
from clbench.scoring.spec import ScorerSpec
from clbench.spec.task import Task

if TYPE_CHECKING:
    from clbench.runs.runconfig import RunConfig

Role = Literal["strict", "lenient"]
ROLES: tuple[Role, ...] = ("strict", "lenient")
NAMED = 5  # records that a note names


def ceilings(
    config: RunConfig, encoder: Encoder, *, window: int, scorer: Callable[[str], ScorerSpec]
) -> dict[str, Ceiling]:
    """Of every task, and of every probe whose answers are written out.

    Args:
        config: of the run.
        encoder: text to tokens.
        window: tokens that the model can take, which bounds what is asked of another world.
        scorer: a scorer's spec by name.

    Raises:
        ModelError: the tokenizer gives no answer of a task back in a form that scores above 0.
    """
    found = {}
    for one in (*config.data, *config.probes):
        asked = bool(one.test) and is_written(one.task, scorer)
        if not asked or (one.task.measure == "choice" and not one.train):
            continue  # choices of a probe are many, and long
        most = window // 2 if is_foreign(one) else config.plan.protocol.max_answer_tokens
        limit = min(one.task.max_new_tokens, most)
        made = found[one.task.name] = ceiling(encoder, one.test, task=one.task, limit=limit, scorer=scorer)
        if one.train and not made.scores["strict"]:
            _refuse_if_lost(encoder, one.test, task=one.task, scorer=scorer)
    return found


def is_written(task: Task, scorer: Callable[[str], ScorerSpec]) -> bool:
    """Whether a task's answers are what a model is to write: they are no losses, and no tests of programs."""
    known = [scorer(name) for name in set(task.scorers.pairs().values())]
    return task.measure in ("generate", "choice") and not any(spec.runs_programs for spec in known)


def ceiling(
    encoder: Encoder, examples: Sequence[Example], *, task: Task, limit: int, scorer: Callable[[str], ScorerSpec]
) -> Ceiling:
    """Of one task.

    Args:
        encoder: text to tokens.
        examples: that are asked.
        task: says how they are scored.
        limit: tokens that an answer may have.
        scorer: a scorer's spec by name.
    """
    if task.measure == "choice":
        return _of_choices(encoder, examples, task=task, scorer=scorer)
    parts = encoder.parts([(encoder.asked(one), one.answer) for one in examples])
    written = [_read(encoder, part, one, task=task, limit=limit) for part, one in zip(parts, examples, strict=True)]
    scores = _scores(task, written, scorer=scorer)
    changed = [place for place, one in enumerate(written) if one.prediction != one.answer]
    given = _scores(task, [_given(examples[place]) for place in changed], scorer=scorer)
    reasons: dict[str, list[int]] = defaultdict(list)
    for place, best in zip(changed, zip(*given.values(), strict=True), strict=True):
        if any(values[place] < value for values, value in zip(scores.values(), best, strict=True)):
            reason = _reason(encoder, parts[place], written[place], limit=limit)
            reasons[reason].append(place + 1)
    return _summed(scores, reasons)


def _read(encoder: Encoder, part: Parts, one: Example, *, task: Task, limit: int) -> Prediction:
    text = encoder.detokenizer.answer(part.answer[:limit], after=part.prompt, prompt=encoder.asked(one))
    return Prediction(one.prompt, until(text, task.stop), one.answer)


def _given(one: Example) -> Prediction:
    return Prediction(one.prompt, one.answer, one.answer)


def _scores(
    task: Task, written: Sequence[Prediction], *, scorer: Callable[[str], ScorerSpec]
) -> dict[Role, list[float]]:
    """By role, record by record."""
    pairs = task.scorers.pairs()
    if not written:
        return {role: [] for role in ROLES}
    found = {name: score_records(task, written, scorer=scorer(name)) for name in set(pairs.values())}
    return {role: found[pairs[role]] for role in ROLES}


def _summed(scores: Mapping[Role, Sequence[float]], reasons: Mapping[str, Sequence[int]]) -> Ceiling:
    return Ceiling(
        scores={role: min(fmean(values), 1.0) for role, values in scores.items()},
        records=len(scores["strict"]),
        reasons={reason: len(numbers) for reason, numbers in reasons.items()},
        named={reason: tuple(numbers[:NAMED]) for reason, numbers in reasons.items()},
    )


def _reason(encoder: Encoder, part: Parts, said: Prediction, *, limit: int) -> str:
    """Why a record is not solved by its own tokens."""
    if len(part.answer) > limit:
        return f"longer than {limit} tokens"
    if getattr(encoder.tokenizer, "unk_token_id", None) in part.answer:
        return "of characters that the tokenizer does not know"
    if "\n" in said.answer and "\n" not in said.prediction:
        return "without their line breaks"
    return "changed by the tokenizer"


def _refuse_if_lost(
    encoder: Encoder, examples: Sequence[Example], *, task: Task, scorer: Callable[[str], ScorerSpec]
) -> None:
    """A task is refused where its answers would score and their tokens do not, however long they may be."""
    parts = encoder.parts([(encoder.asked(one), one.answer) for one in examples])
    whole = [_read(encoder, *pair, task=task, limit=len(pair[0].answer)) for pair in zip(parts, examples, strict=True)]
    ideal = [_given(one) for one in examples]
    if any(_scores(task, whole, scorer=scorer)["strict"]) or not any(_scores(task, ideal, scorer=scorer)["strict"]):
        return
    raise ModelError(
        f"task {task.name!r}: the model's tokenizer gives none of the {len(examples)} answers back (ceiling 0): "
        f"{short(examples[0].answer)} becomes {short(whole[0].prediction)}; take a model whose tokenizer keeps such "
        "texts, or a scorer that forgives it"
    )


def _of_choices(
    encoder: Encoder, examples: Sequence[Example], *, task: Task, scorer: Callable[[str], ScorerSpec]
) -> Ceiling:
    """Choices that make the same tokens cannot be told apart by any model."""
    written, alike = [], []
    for number, one in enumerate(examples, 1):
        rows = [(*part.prompt, *part.answer) for part in encoder.parts(continuations(encoder, one))]
        right = rows[[choice.strip() for choice in one.choices].index(one.answer.strip())]
        same = [row == right for row in rows]
        told = choices.dumps(one.choices, [-1.0 if equal else -1e9 for equal in same], [1] * len(rows))
        written.append(Prediction(one.prompt, told, one.answer))
        alike += [number] if sum(same) > 1 else []
    reasons = {"of choices that make the same tokens": alike} if alike else {}
    return _summed(_scores(task, written, scorer=scorer), reasons)


def note(name: str, found: Ceiling) -> str | None:
    """A ceiling that the answers themselves do not have, in one line: how high, for which reasons, in which records."""
    if not found.reasons:
        return None
    strict, lenient = found.scores["strict"], found.scores["lenient"]
    told = [
        f"{number} of {found.records} answers are {reason} (record{'s' if number > 1 else ''} "
        f"{', '.join(map(str, found.named[reason]))}{', …' if number > NAMED else ''})"
        for reason, number in found.reasons.items()
    ]
    return f"{name}: no model can score above {strict:.4f} (strict) and {lenient:.4f} (lenient): {'; '.join(told)}"


def tell(found: Mapping[str, Ceiling], *, warnings: dict[str, int], say: Callable[[str], Any]) -> None:
    """Print what lies below 1, and leave it in the record's warnings."""
    for line in filter(None, (note(name, one) for name, one in found.items())):
        warnings[line] = 1
        say(line)
