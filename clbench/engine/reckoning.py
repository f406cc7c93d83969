"""The record of a run that is over: its scores, what it cost, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from clbench.base import spending
from clbench.base.errors import RunError, pydantic_line
from clbench.boards.probechange import probe_changes
from clbench.engine.scorekeeper import Scorekeeper
from clbench.evaluation.contamination import overlaps
from clbench.methods.added import added
from clbench.models import device
from clbench.runs import secrets
from clbench.runs.record import Ceiling, Costs, FootprintPart, OverlapPart, Record
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.runs.strict import storable

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Evaluator
    from clbench.spec.protocol import Precision
    from clbench.training.trainer import Trainer


def make_record(
    config: RunConfig,
    *,
    run_dir: RunDir,
    trainer: Trainer,
    evaluator: Evaluator,
    scores: Scorekeeper,
    seconds: Mapping[str, float],
    drift: Mapping[str, Any],
    peak_memory: int,
    ceilings: Mapping[str, Ceiling],
    provenance: Mapping[str, Any],
) -> Record:
    """All that a board, a reviewer and a later reader need.

    Args:
        config: of the run.
        run_dir: with its predictions.
        trainer: with the model as it is in the end.
        evaluator: of the run.
        scores: R and probes.
        seconds: of `train` and `eval`.
        drift: see `clbench.engine.distance`.
        peak_memory: of the run itself (bytes).
        ceilings: of tasks and probes.
        provenance: of the run's beginning.
    """
    run = trainer.run
    return Record(
        run=run_dir.run_id,
        board=config.board(),
        method=config.method_part(trainer.method),
        seed=config.seed,
        order=config.plan.order,
        tasks=tuple(task.name for task in config.plan.tasks),
        scores={"strict": scores.rows("strict"), "lenient": scores.rows("lenient")},
        predictions=dict(sorted(scores.files.items())),
        probes=scores.probe_rows(),
        errors={"strict": scores.errors.rows("strict"), "lenient": scores.errors.rows("lenient")},
        probe_errors={name: tuple(cells) for name, cells in scores.errors.probes.items()},
        probe_changes=probe_changes(
            scores.probes,
            {one.task.name: one.task for one in config.probes},
            folder=run_dir.path,
            role=scores.ranking,
            scorer=scores.scorer,
        ),
        ceilings=dict(ceilings),
        overlap={name: OverlapPart.model_validate(one) for name, one in overlaps(config).items()},
        drift=storable(drift),
        costs=_costs(trainer, evaluator, seconds, peak_memory=peak_memory, precision=config.plan.protocol.precision),
        footprint=_footprint(trainer, config),
        warnings=secrets.scrub(run.warnings),
        notes=secrets.scrub(run.notes),
        provenance=secrets.scrub(dict(provenance)),
    )


def _costs(
    trainer: Trainer, evaluator: Evaluator, seconds: Mapping[str, float], *, peak_memory: int, precision: Precision
) -> Costs:
    counts, where, number = trainer.counts, trainer.run.device, trainer.accelerator.num_processes
    done = device.training_flops(trainer.run.model, counts.tokens) / number
    return Costs(
        train_seconds=round(seconds["train"], 3),
        eval_seconds=round(seconds["eval"], 3),
        steps=counts.steps,
        train_tokens=counts.tokens,
        answer_tokens=counts.answer_tokens,
        generated_tokens=evaluator.tokens,
        sampled_tokens=trainer.run.sampled,
        peak_memory_bytes=peak_memory,
        device=device.device_name(where),
        world_size=number,
        spent={kind: round(value, 3) for kind, value in spending.present().now().items()},
        share_of_peak=device.share_of_peak(where, flops=done, seconds=seconds["train"], precision=precision),
    )


def _counted(trainer: Trainer) -> float | None:
    """Passes beyond the loop's own, for each example of its steps; None where nothing was trained, or by several."""
    if not trainer.counts.planned or trainer.accelerator.num_processes > 1:
        return None
    return max(0.0, round(trainer.passes.rows / trainer.counts.planned - 1, 6))


def _footprint(trainer: Trainer, config: RunConfig) -> FootprintPart:
    trainable = sum(p.numel() for p in trainer.run.model.parameters() if p.requires_grad)
    told = trainer.method.footprint()
    try:
        return FootprintPart(
            trainable_parameters=0 if config.choice.regime == "frozen" else trainable,
            extra_parameters=int(told.extra_parameters) + sum(p.numel() for p in added(trainer.run.model).values()),
            stored_examples=int(told.stored_examples),
            stored_bytes=int(told.stored_bytes),
            extra_passes=float(told.extra_passes),
            counted_passes=_counted(trainer),
        )
    except ValidationError as error:
        raise RunError(f"the method's footprint() is no footprint: {pydantic_line(error)}") from error
