"""Probes of EleutherAI's lm-evaluation-harness: `--probe lm-eval:NAME`. Registration only; nothing heavy is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import hookimpl

if TYPE_CHECKING:
    from clbench.spec.external import ExternalProbe


@hookimpl
def clbench_load_probe(name: str) -> ExternalProbe | None:
    """The probe for a name that begins with `lm-eval:`, with its task found and its data loaded."""
    library, _, text = name.partition(":")
    if library != "lm-eval":
        return None
    from clbench_lm_eval.loading import load

    return load(text)
