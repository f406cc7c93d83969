"""How far a run has come from its base model: in its parameters, and in what it says on each task's test prompts.

The base is loaded again for it, when nothing of training is needed any more; no copy of it is kept while a run trains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench.engine.fixed import Fixed
from clbench.engine.moving import Moving
from clbench.evaluation.divergence import Divergence, divergence, logits_of, texts_of, together
from clbench.methods.method import evaluating
from clbench.models import drift, memory

if TYPE_CHECKING:
    import torch

    from clbench.data.sources import TaskData

FREE = "--set runtime.drift=false leaves drift out"


def measure(fixed: Fixed, moving: Moving) -> dict[str, Any]:
    """Of the model as it is measured, at the end of a run. The optimizer goes, to make room for the base model.

    Returns:
        What `clbench.models.drift` has; `kl`, KL(base ‖ trained) in nats a token over the sampled test prompts of all
        tasks, None where memory is not enough for two models; and the same by task.
    """
    import torch

    run = moving.stage.run
    run.optimizer = None
    memory.release()
    base: torch.nn.Module = run.model
    by_task: dict[str, Divergence] | None = {}
    try:
        if run.step:
            base = fixed.load_model(run.device).model
            by_task = _by_task(fixed, moving, base)
    except Exception as error:  # hours of training are not lost for it
        if not memory.is_exhausted(error):
            raise
        run.warn(f"drift.kl: memory was not enough for the base model beside the trained one ({FREE})")
        base, by_task = run.model, None
    if by_task is None:  # here what was too large is gone
        base = fixed.load_model(torch.device("cpu")).model
    with evaluating(moving.method, run):
        found = drift.measure(run.model, drift.plain(base))
    if by_task is None:
        return {**found, "kl": None}
    return {
        **found,
        "kl": together(list(by_task.values())),
        "kl_tasks": {name: one.nats for name, one in by_task.items()},
    }


def _by_task(fixed: Fixed, moving: Moving, model: torch.nn.Module) -> dict[str, Divergence]:
    run, protocol = moving.stage.run, moving.evaluator.protocol
    base = logits_of(model, protocol=protocol, device=run.device)
    tuned = logits_of(run.model, protocol=protocol, device=run.device)

    def apart(data: TaskData) -> Divergence:
        told = data.task.name if protocol.task_identity == "given" else None
        with evaluating(moving.method, run, told):
            return divergence(base, tuned, texts_of(data, moving.evaluator.encoder, run.model))

    return {one.task.name: apart(one) for one in fixed.config.data}
