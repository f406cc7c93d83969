"""Which of Avalanche's plugins run inside clbench's loop, and why the others do not. Imports nothing heavy.

What decides: a plugin sees parameters, gradients, the optimizer and whole examples with their loss, and it may add to
the loss. It does not see the loader, tensors of inputs that could be concatenated, logits, or classes.
"""

from __future__ import annotations

from clbench.base.errors import did_you_mean

ALLOWED = {
    "EWCPlugin": "penalty by the squared gradient of batches after each experience",
    "RWalkPlugin": "EWC++ importance and path-integral scores; one more pass for each step",
}

_LOADER = "it mixes its memory into batches by its own loader; use --plugin replay, or memories.BufferMemory"
_CLASSES = "it is defined by classes, and a language model's answers are none"
_FEATURES = "it needs features or logits of a classifier's layer by name"
_LOOP = "clbench's protocol, loop or evaluation does this"
REFUSED = {
    "SynapticIntelligencePlugin": "Avalanche 0.6 keeps old weights as views of the live ones, as `.cpu().flatten()` "
    "copies nothing on a CPU, so its importance and its penalty are always 0 there",
    "MASPlugin": "it needs the logits of examples after training, and a method is given their loss",
    "LwFPlugin": "it averages over the tokens of a micro-batch, so the result would depend on runtime.micro_batch",
    "GEMPlugin": "it stacks input tensors of one shape; use --plugin gem",
    "AGEMPlugin": "its memory is a running loader, which cannot be saved; use --plugin agem",
    "ReplayPlugin": _LOADER,
    "MIRPlugin": _LOADER,
    "RARPlugin": _LOADER,
    "GDumbPlugin": _LOADER,
    "GSS_greedyPlugin": _LOADER,
    "GenerativeReplayPlugin": _LOADER,
    "TrainGeneratorAfterExpPlugin": _LOADER,
    "BiCPlugin": _CLASSES,
    "CoPEPlugin": _CLASSES,
    "CWRStarPlugin": _CLASSES,
    "LFLPlugin": _FEATURES,
    "FeatureDistillationPlugin": _FEATURES,
    "FromScratchTrainingPlugin": "this is the regime of --plugin single",
    "EarlyStoppingPlugin": _LOOP,
    "LRSchedulerPlugin": _LOOP,
    "EvaluationPlugin": _LOOP,
}

CALLED = (
    "before_training",
    "before_training_exp",
    "before_training_iteration",
    "before_backward",
    "after_backward",
    "before_update",
    "after_update",
    "after_training_iteration",
    "after_training_exp",
    "after_training",
)
"""The hooks of a plugin that are called, in this order; the first two and the last two once in each experience."""


def refusal(name: str) -> str:
    """Why a plugin cannot be used, or the empty string.

    Args:
        name: a class of `avalanche.training.plugins`, or the dotted name of any other class.
    """
    if not _is_avalanches(name):
        return ""
    short = name.rpartition(".")[2]
    if short in REFUSED:
        return f"{short} cannot run inside clbench: {REFUSED[short]}"
    return "" if short in ALLOWED else f"no usable plugin {short!r} in Avalanche{did_you_mean(short, ALLOWED)}"


def is_tested(name: str) -> bool:
    """Whether it is one of the plugins that clbench's tests hold to their equations."""
    return _is_avalanches(name) and name.rpartition(".")[2] in ALLOWED


def _is_avalanches(name: str) -> bool:
    return "." not in name or name.startswith("avalanche.")
