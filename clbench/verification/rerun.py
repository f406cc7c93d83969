"""Whether two runs of one command, by whoever, came to the same: what makes a row `rerun`."""

from __future__ import annotations

from clbench.runs.record import Record

REPEATED = ("board", "method", "seed", "order", "tasks", "scores", "errors", "predictions", "probes", "probe_errors")
REPEATED += ("probe_changes", "overlap", "drift", "footprint", "warnings")
COVERED = ("warnings", "tokens", "losses", "drift", "answers", "footprint", "steps")
"""Checks of one run alone that a second run makes needless."""
COUNTED = ("steps", "train_tokens", "answer_tokens", "generated_tokens")


def differences(one: Record, other: Record) -> list[str]:
    """In which parts two records differ; seconds, memory, notes and where it ran may.

    On the same kind of machine runs repeat to the bit; on another one predictions may differ, and then so do the hashes
    of their files, which is said as it is.
    """
    parts = [part for part in REPEATED if getattr(one, part) != getattr(other, part)]
    costs = [f"costs.{name}" for name in COUNTED if getattr(one.costs, name) != getattr(other.costs, name)]
    return [*parts, *costs]
