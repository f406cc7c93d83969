"""How far a run has come from its base model: in its parameters, and in what it says on each task's test prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench.engine.fixed import Fixed
from clbench.engine.moving import Moving
from clbench.evaluation.divergence import Divergence, divergence, logits_of, texts_of, together
from clbench.methods.method import evaluating
from clbench.models import drift, memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from clbench.data.sources import TaskData

FREE = "--set runtime.drift=false leaves drift out"


def measure(fixed: Fixed, moving: Moving, weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Of the model as it is measured, at the end of a run. The optimizer goes, to make room for the base model.

    Args:
        fixed: of the run.
        moving: of the run.
        weights: of the base model.

    Returns:
        What `clbench.models.drift` has; `kl`, KL(base ‖ trained) in nats a token over the sampled test prompts of all
        tasks, None where memory is not enough for two models; and the same by task.
    """
    run = moving.stage.run
    with evaluating(moving.method, run):
        found = drift.measure(run.model, weights)
    run.optimizer = None
    try:
        by_task = _by_task(fixed, moving) if run.step else {}
    except Exception as error:  # hours of training are not lost for it
        if not memory.is_exhausted(error):
            raise
        run.warn(f"drift.kl: memory was not enough for the base model beside the trained one ({FREE})")
        return {**found, "kl": None}
    return {
        **found,
        "kl": together(list(by_task.values())),
        "kl_tasks": {name: one.nats for name, one in by_task.items()},
    }


def _by_task(fixed: Fixed, moving: Moving) -> dict[str, Divergence]:
    run, protocol = moving.stage.run, moving.evaluator.protocol
    base = logits_of(fixed.load_model(run.device).model, protocol=protocol, device=run.device)
    tuned = logits_of(run.model, protocol=protocol, device=run.device)

    def apart(data: TaskData) -> Divergence:
        told = data.task.name if protocol.task_identity == "given" else None
        with evaluating(moving.method, run, told):
            return divergence(base, tuned, texts_of(data, moving.evaluator.encoder))

    return {one.task.name: apart(one) for one in fixed.config.data}
