"""Properties of what runs give: they learn, repeat, resume, and agree with one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.testing import world
from clbench.testing.conduct import check_passes
from clbench.testing.subject import Failed, Skipped, Subject, one_line, plain

if TYPE_CHECKING:
    from clbench.testing.trial import Trial

CUT = 3  # examples of a micro-batch: it does not divide the batch, so that the last is smaller
TOLERANCE = 0.01  # of an update's length: rounding is below 0.0001, but may turn over a choice between close entries


def learns(subject: Subject) -> None:
    """A run on the CPU ends, with losses that are numbers and fall; a loss of the method's own moves the weights."""
    try:
        losses = subject.trial().losses
    except Skipped:
        base = subject.trials["base"]
        if isinstance(base.error, PermissionError) or "state" in base.sight.faults:
            raise  # another property says why
        raise Failed(f"the run fails: {one_line(base.error)}" if base.error else "the run fails") from base.error
    if not all(map(math.isfinite, losses)):
        raise Failed(f"the loss of step {next(i for i, one in enumerate(losses, 1) if not math.isfinite(one))} is none")
    if subject.choice.regime == "frozen":
        return
    sight = subject.trial().sight
    if not _distance(sight.weights, sight.before) and not any(losses):
        raise Skipped("it found nothing here to train on")
    if any("replaces_loss" in entry.spec.capabilities for entry in subject.choice.entries):
        if not _distance(sight.weights, sight.before):
            raise Failed("its own loss moves no weight")
        return
    first = losses[: min(len(losses) // 3, world.STEPS)]  # what is trained beside the tasks stands behind them
    third = max(1, len(first) // 3)
    begin, end = sum(first[:third]) / third, sum(first[-third:]) / third
    if not end < begin:
        raise Failed(f"the loss of the first task goes from {begin:.4f} to {end:.4f} nats")


def repeats(subject: Subject) -> None:
    """The same seed gives the same record, predictions and R."""
    _same(subject.trial("again"), subject.trial(), "the second run")


def resumes(subject: Subject) -> None:
    """Killed again and again and taken up each time, it ends as if nothing had been."""
    whole = subject.trial()
    killed = subject.trial("killed", kill_every=max(3, whole.moments // 6))
    assert killed.deaths
    _same(killed, whole, f"the run that was killed {killed.deaths} times")


def state(subject: Subject) -> None:
    """Its state is made of tensors and JSON values only."""
    base = subject.trials.get("base")
    if base is not None and base.sight.faults.get("state"):
        raise Failed("; ".join(base.sight.faults["state"][:3]))
    subject.trial()


def identity(subject: Subject) -> None:
    """With the setting that switches it off, it is plain fine-tuning to the last bit."""
    if subject.identity is None:
        raise Skipped("no setting was given with which it is plain fine-tuning")
    own, other = subject.trial("identity", options=subject.identity), plain()
    for step, (loss, wanted) in enumerate(zip(own.losses, other.losses, strict=False), 1):
        if loss != wanted:
            raise Failed(f"the loss of step {step} is {loss!r}; plain fine-tuning has {wanted!r}")
    if len(own.losses) != len(other.losses):
        raise Failed(f"it makes {len(own.losses)} steps; plain fine-tuning makes {len(other.losses)}")
    if own.record["scores"] != other.record["scores"]:
        raise Failed("R is another than that of plain fine-tuning")
    _same_files(own, other, "with the identity setting")


def accumulates(subject: Subject) -> None:
    """A batch of 8 and micro-batches of 3, 3 and 2 give the same update."""
    whole = subject.trial()
    if not _distance(whole.sight.weights, whole.sight.before):
        raise Skipped("it trains nothing")
    if whole.sight.drops:  # its masks depend on how a batch is cut
        whole = subject.trial("without dropout", dropout=False)
    apart = _apart(whole, subject.trial("cut", micro_batch=CUT, dropout=False))
    if apart > TOLERANCE:  # many steps amplify rounding; in fp64 there is next to none
        precise = subject.trial("whole in fp64", dropout=False, double=True)
        apart = _apart(precise, subject.trial("cut in fp64", micro_batch=CUT, dropout=False, double=True))
    if apart > TOLERANCE:
        raise Failed(f"micro-batches of {CUT} give another update: {100 * apart:.1f} % of its length apart")


def _apart(whole: Trial, cut: Trial) -> float:
    """Distance of two runs' updates as a share of the first one's length."""
    return _distance(cut.sight.weights, whole.sight.weights) / _distance(whole.sight.weights, whole.sight.before)


def one_example(subject: Subject) -> None:
    """A task with a single example is no end, and passes are counted where batches are not full."""
    done = subject.trial("one example", sizes=(1, world.SIZE))
    if not all(map(math.isfinite, done.losses)):
        raise Failed("a loss is no number")
    check_passes(done)


# --- comparing


def _same(one: Trial, other: Trial, what: str) -> None:
    for key, value in one.record.items():
        if value != other.record[key]:
            raise Failed(f"{what} has another {key}{_where(value, other.record[key])}")
    if list(one.losses)[-1:] != list(other.losses)[-1:]:
        raise Failed(f"{what} has another last loss")
    _same_files(one, other, what)


def _where(one: Any, other: Any) -> str:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return ""
    return ": " + ", ".join(sorted(key for key in {*one, *other} if one.get(key) != other.get(key)))


def _same_files(one: Trial, other: Trial, what: str) -> None:
    changed = sorted(name for name in {*one.files, *other.files} if one.files.get(name) != other.files.get(name))
    if changed:
        raise Failed(f"{what} has another {changed[0]}")


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """L2, over parameters that both have."""
    return math.sqrt(sum(((one[name] - other[name]).double() ** 2).sum().item() for name in one.keys() & other.keys()))
