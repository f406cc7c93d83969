"""What `--save-model` keeps: the trained model as a Hugging Face folder, at the end or after each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench import __version__
from clbench.models import packages, saving

if TYPE_CHECKING:
    from clbench.engine.fixed import Fixed
    from clbench.engine.moving import Moving


def is_due(fixed: Fixed, *, row: int, last: int) -> bool:
    """Whether a row's model is to be kept: each task's or the last one's, as was asked for; never the base model."""
    wanted = fixed.config.save_model
    return bool(row and fixed.run_dir.writable and (wanted == "each" or (wanted == "end" and row == last)))


def keep(fixed: Fixed, moving: Moving, *, row: int) -> None:
    """Write the model as it has just been measured."""
    root = fixed.run_dir.path / "model"
    folder = root / str(row) if fixed.config.save_model == "each" else root
    folder.parent.mkdir(parents=True, exist_ok=True)
    model, tokenizer = moving.stage.run.model, moving.evaluator.encoder.tokenizer
    saving.write(model, tokenizer, folder, card=card(fixed, moving, row=row))
    fixed.run_dir.event("model saved", row=row)


def card(fixed: Fixed, moving: Moving, *, row: int) -> str:
    """A README that says where the model comes from and what it scored."""
    config = fixed.config
    tasks = [task.name for task in config.plan.tasks]
    scores = moving.scores.rows(config.plan.protocol.scorer)[row]
    licence = packages.KNOWN[config.model.name].licence if config.model.name in packages.KNOWN else "that of the base"
    facts: dict[str, Any] = {
        "base model": f"{config.model.name} (hash {config.model.hash})",
        "licence": licence,
        "stream": f"{config.plan.label}, order {config.plan.order}: {', '.join(tasks)}",
        "trained up to": f"task {row} of {len(tasks)}",
        "method": config.choice.name,
        "options": config.choice.options(moving.method) or "none",
        "seed": config.seed,
        "protocol": config.plan.protocol.name,
        "run": fixed.run_dir.run_id,
        "written by": f"clbench {__version__}",
    }
    lines = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in facts.items()]
    row_lines = [
        f"| {task} | {'–' if one is None else f'{one:.3f}'} |" for task, one in zip(tasks, scores, strict=True)
    ]
    return "\n".join(
        [
            f"# {config.model.name} after {config.choice.name}",
            "",
            "| what | |",
            "| --- | --- |",
            *lines,
            "",
            f"Scores (0–1, {config.plan.protocol.scorer}) of this row of R:",
            "",
            "| task | score |",
            "| --- | --- |",
            *row_lines,
            "",
        ]
    )
