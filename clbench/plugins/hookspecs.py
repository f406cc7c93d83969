"""Every hook that a plugin can implement. A plugin is a light module of functions marked `@hookimpl`.

    from clbench import MethodSpec, hookimpl

    @hookimpl
    def clbench_methods():
        yield MethodSpec(name="mine", target="my_package.method:Mine", summary="…")

Registration hooks yield frozen specs whose `target` is imported only when chosen, so a plugin's module never imports
torch. Observation hooks watch a run: a failing observer is reported once, switched off, and cannot hurt the run.
A hookimpl takes the arguments it wants, by name. The algorithm itself is no hook but a `clbench.Method`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

    from clbench.methods.methodspec import MethodSpec
    from clbench.metrics.summaries import SummarySpec
    from clbench.scoring.spec import ScorerSpec
    from clbench.spec.external import ExternalProbe

PROJECT = "clbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


# --- registration: called once, results validated ---------------------------------------------------------------------


@hookspec
def clbench_methods() -> Iterable[MethodSpec]:
    """Methods, chosen by `--plugin NAME`."""
    return ()


@hookspec
def clbench_task_dirs() -> Iterable[Path]:
    """Folders of task files; a `streams/` folder in one holds stream files."""
    return ()


@hookspec
def clbench_streams() -> Iterable[Path]:
    """Single stream files outside the folders of `clbench_task_dirs`; a stream is called by its file's stem."""
    return ()


@hookspec
def clbench_metrics() -> Iterable[ScorerSpec]:
    """Scorers: prompt, prediction and answer in, a number from 0 to 1 out."""
    return ()


@hookspec
def clbench_summaries() -> Iterable[SummarySpec]:
    """Functions of the result matrix, such as OP and BWT."""
    return ()


@hookspec
def clbench_commands(app: typer.Typer) -> None:
    """Add sub-commands: `@app.command("name")`. They cannot replace clbench's own."""


# --- resolution: the first answer that is not None counts, the plugin registered last is asked first ------------------


@hookspec(firstresult=True)
def clbench_load_model(name: str, device: str) -> Any:
    """A `(model, tokenizer, identity)` for a model name that is neither bundled, a folder nor on the Hub; or None."""


@hookspec(firstresult=True)
def clbench_load_dataset(source: str, locator: str, split: str) -> list[dict[str, str]] | None:
    """The `{"prompt", "answer"}` records of a task's split, for a source that is not clbench's own; or None."""


@hookspec(firstresult=True)
def clbench_load_probe(name: str) -> ExternalProbe | None:
    """The probe of another library for a name with a colon, such as `lm-eval:mmlu`; or None."""


@hookspec(firstresult=True)
def clbench_render_board(board: dict[str, Any], rows: list[dict[str, str]]) -> str | None:
    """Markdown of a board instead of clbench's own table; or None."""


# --- observation: one to many, isolated; small arguments, never tensors -----------------------------------------------


@hookspec
def clbench_run_start(run_id: str, config: dict[str, Any]) -> None:
    """A run begins."""


@hookspec
def clbench_run_end(run_id: str, record: dict[str, Any]) -> None:
    """A run is finished and its record complete."""


@hookspec
def clbench_run_error(run_id: str, error: str) -> None:
    """A run failed."""


@hookspec
def clbench_experience_start(run_id: str, index: int, task: str) -> None:
    """Training on a task begins."""


@hookspec
def clbench_experience_end(run_id: str, index: int, task: str) -> None:
    """Training on a task is over."""


@hookspec
def clbench_step_end(
    run_id: str, step: int, loss: float, learning_rate: float, tokens: int, gradient_norm: float
) -> None:
    """An optimizer step was made; `step` counts over the whole run, `tokens` are those of this step.

    `gradient_norm` is the global L2 norm before clipping.
    """


@hookspec
def clbench_eval_end(run_id: str, after: int, scores: dict[str, float]) -> None:
    """All tasks due after experience `after` (0 = base model) are scored."""


@hookspec
def clbench_result_saved(path: Path, record: dict[str, Any]) -> None:
    """A record was written to the leaderboards folder."""
