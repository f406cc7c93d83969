"""`clbench score`: score saved predictions again, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    run: Annotated[str | None, typer.Argument(help="Run id or run directory: scores all its predictions.")] = None,
    task: Annotated[str | None, typer.Option(help="Task whose scorers to use, with --predictions.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="JSONL: prompt (if a scorer reads it), prediction, answer a line.")
    ] = None,
    variant: Annotated[str, typer.Option(help="Variant of the task, such as reasoning.")] = "",
    runs_dir: Annotated[Path | None, typer.Option(help="Where run directories are [default: runs].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score saved predictions again: a whole run, or one file.

    Example: clbench score trace-mini_mofo
    """
    from clbench.base import home
    from clbench.base.errors import OptionError

    if run is not None and task is None and predictions is None:
        _score_run(run, runs_dir or home.runs_dir(), as_json=json)
    elif run is None and task is not None and predictions is not None:
        _score_file(task, predictions, variant=variant, as_json=json)
    else:
        raise OptionError("give either a RUN, or --task NAME with --predictions FILE")


def _score_file(name: str, path: Path, *, variant: str, as_json: bool) -> None:
    from clbench.cli.shared import output
    from clbench.plugins.registry import registry
    from clbench.runs import predictions

    task = registry().catalog().task(name).in_variant(variant)
    scorer = registry().scorer
    found = predictions.read(path, prompts=predictions.needs_prompts(task, scorer=scorer))
    scores = predictions.score(task, found, scorer=scorer)
    result = {
        "task": task.name,
        "n": scores.num_records,
        "scores": scores.roles,
        "side": scores.side,
        "empty": scores.empty,
        "truncated": scores.truncated,
    }
    if as_json:
        output.print_json(result)
        return
    screen = output.console()
    screen.print(f"{task.name}: {scores.num_records} predictions, {scores.empty} empty, {scores.truncated} truncated")
    for kind, value in {**scores.roles, **scores.side}.items():
        screen.print(f"{kind:<18} {value:.4f}")


def _score_run(name: str, runs_dir: Path, *, as_json: bool) -> None:
    from clbench.boards.rescore import rescore
    from clbench.cli.shared import output, results
    from clbench.metrics.summaries import nested
    from clbench.plugins.registry import registry
    from clbench.runs.rundir import find_run

    run_dir = find_run(name, runs_dir=runs_dir)
    again = rescore(run_dir, scorer=registry().scorer)
    values, missing = results.metrics_of(again.strict)
    if as_json:
        output.print_json(
            {
                "run": run_dir.run_id,
                "scores": {"strict": results.rows_json(again.strict), "lenient": results.rows_json(again.lenient)},
                "changed": again.changed,
                "metrics": nested(values),
                "missing": missing,
            }
        )
        return
    output.print_matrix(again.strict, title=f"R of {run_dir.run_id}, scored again (strict)")
    for line in output.metric_lines(results.select(values, bwt=None), missing):
        output.console().print(line, markup=False)
    told = f"{again.changed} cells differ from the record" if again.changed else "as the record has it"
    output.console().print(told)
