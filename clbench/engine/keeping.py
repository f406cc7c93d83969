"""What `--save-model` keeps: the trained model as a folder, at the end or after each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench import __version__
from clbench.models import licences, saving
from clbench.models.naming import word_of

if TYPE_CHECKING:
    from clbench.engine.fixed import Fixed
    from clbench.engine.moving import Moving
    from clbench.models.ref import ModelRef


def is_due(fixed: Fixed, *, row: int, last: int) -> bool:
    """Whether a row's model is to be kept: each task's or the last one's, as was asked for; never the base model."""
    wanted = fixed.config.save_model
    return bool(row and (wanted == "each" or (wanted == "end" and row == last)))


def keep(fixed: Fixed, moving: Moving, *, row: int) -> None:
    """Write the model as it has just been measured."""
    root, config = fixed.run_dir.path / "model", fixed.config
    folder = root / str(row) if config.save_model == "each" else root
    folder.parent.mkdir(parents=True, exist_ok=True)
    described = config.describe(moving.method)
    scores = moving.scores.rows(config.plan.protocol.scorer)[row]
    saving.write(
        moving.stage.run.model,
        moving.evaluator.encoder.tokenizer,
        folder,
        card=card(described, config.model, run=fixed.run_dir.run_id, row=row, scores=scores),
        origin=origin(described, config.model, start=moving.stage.versions),
    )
    fixed.run_dir.event("model saved", row=row)


def origin(config: Mapping[str, Any], base: ModelRef, *, start: Mapping[str, int]) -> saving.Origin:
    """What a trained model was made of.

    Args:
        config: the run's description in `run.json`.
        base: the base model.
        start: versions of the tensors before they were trained.
    """
    return saving.Origin(
        base=word_of(base),
        hash=base.hash,
        method=config["method"]["name"],
        options=chosen_options(config),
        seed=config["seed"],
        whole=base.adapter is None,
        start=start,
    )


def chosen_options(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A method's options that are no defaults, by member name."""
    defaults = config["method"]["defaults"]
    return {
        member: {key: one for key, one in values.items() if one != defaults.get(member, {}).get(key)}
        for member, values in config["method"]["options"].items()
    }


def card(config: Mapping[str, Any], base: ModelRef, *, run: str, row: int, scores: Sequence[float | None]) -> str:
    """A README that says where a model comes from and what it scored.

    Args:
        config: the run's description in `run.json`.
        base: the base model.
        run: its id.
        row: of R.
        scores: of that row.
    """
    tasks, method, protocol = config["order"]["tasks"], config["method"], config["board"]["protocol"]
    facts: dict[str, Any] = {
        "base model": f"{base.name} (hash {base.hash})",
        "licence": licences.licence(base) or "that of the base",
        "stream": f"{config['stream']}, order {config['order']['name']}: {', '.join(tasks)}",
        "trained up to": f"task {row} of {len(tasks)}",
        "method": method["name"],
        "options": method["options"] or "none",
        "seed": config["seed"],
        "protocol": protocol["name"],
        **({"weights in the run": protocol["weights"]} if "weights" in protocol else {}),
        "run": run,
        "written by": f"clbench {__version__}",
    }
    lines = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in facts.items()]
    row_lines = [
        f"| {task} | {'–' if one is None else f'{one:.3f}'} |" for task, one in zip(tasks, scores, strict=True)
    ]
    return "\n".join(
        [
            f"# {base.name} after {method['name']}",
            "",
            "| what | |",
            "| --- | --- |",
            *lines,
            "",
            f"Scores (0–1, {protocol['scorer']}) of this row of R:",
            "",
            "| task | score |",
            "| --- | --- |",
            *row_lines,
            "",
        ]
    )
