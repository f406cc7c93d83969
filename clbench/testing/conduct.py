"""Properties of what a method does while it runs: what it keeps, counts, draws, reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.testing import audit
from clbench.testing.subject import Failed, Skipped, Subject, plain

if TYPE_CHECKING:
    from clbench.testing.trial import Trial

SHOWN = 5  # faults in a reason
NEAR = 0.15  # by which passes may be counted otherwise: batches that are not full, a look at some examples


def footprint(subject: Subject) -> None:
    """What it says that it adds, keeps and computes is what it adds, keeps and computes."""
    _no_faults(subject, "footprint")
    done = subject.trial()
    check_passes(done)
    if done.sight.steps:
        raise Failed(f"its hooks make {done.sight.steps} optimizer steps, which no record counts")


def check_passes(done: Trial) -> None:
    """No more passes begin at the model's embedding than the method says.

    Raises:
        Failed: they do.
    """
    told = done.record["footprint"]
    if (told["counted_passes"] or 0.0) > told["extra_passes"] * (1 + NEAR) + NEAR:
        counted = f"{told['counted_passes']:.2f} extra passes are counted"
        raise Failed(f"{counted} at the model's embedding; extra_passes says {told['extra_passes']:.2f}")


def memory(subject: Subject) -> None:
    """Examples that it keeps of the past are counted, and no more than it has seen."""
    _no_faults(subject, "memory")


def randomness(subject: Subject) -> None:
    """It draws from its own named streams: global generators and the order of the data stay as they are."""
    _no_faults(subject, "randomness")
    edits = any("edits_data" in entry.spec.capabilities for entry in subject.choice.entries)
    comparable = subject.choice.regime == "sequential" and not edits
    if comparable and subject.trial().sight.batches != plain().sight.batches:
        raise Failed("the data come in another order than in plain fine-tuning, and edits_data is not declared")


def no_peeking(subject: Subject) -> None:
    """It sees the present experience: not the past, not the future, no test data."""
    try:
        subject.trial()
    except Skipped:
        error = subject.trials["base"].error
        if isinstance(error, PermissionError):
            raise Failed(f"it was stopped: {error}") from error
        raise
    _no_faults(subject, "no-peeking")


def asking(subject: Subject) -> None:
    """The kit's own attempts to have answers to test records scored are refused, whatever it has done to its run."""
    _no_faults(subject, "asking")


def no_writing(subject: Subject) -> None:
    """It writes nothing where runs, records and boards are."""
    _no_faults(subject, "no-writing")


def leaves_nothing(subject: Subject) -> None:
    """No hook starts a process, and no thread of a hook goes on after it."""
    _no_faults(subject, "leaves-nothing")


def functions(subject: Subject) -> None:
    """No function of clbench, torch or transformers that results rest on is replaced."""
    _no_faults(subject, "functions")


def no_secrets(subject: Subject) -> None:
    """Secrets of the environment reach no record, and no other file of the run."""
    _no_faults(subject, "no-secrets")
    if leaks := subject.trial().leaks:
        raise Failed(f"the value of HF_TOKEN stands in {leaks[0]}")


def _no_faults(subject: Subject, name: str) -> None:
    faults = sorted(subject.trial().sight.faults.get(name, ()), key=_rank)
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise Failed("; ".join(faults[:SHOWN]) + more)


def _rank(fault: str) -> int:
    """The worst first: a folder that was listed says less than a file that was read."""
    return 2 if fault.startswith("lists ") else 1 if fault.startswith("reads ") and not audit.is_test(fault) else 0
