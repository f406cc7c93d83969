"""`clbench forget`: what a fine-tuning lost, with errors, p-values and verdicts; exit code 4 where anything is lost."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clbench.data.sources import TaskData
    from clbench.forgetting.result import Forgotten
    from clbench.spec.protocol import Protocol

LOST = 4


class Precision(StrEnum):
    """Of the arithmetic."""

    fp32 = "fp32"
    bf16 = "bf16"


class Prompt(StrEnum):
    """How questions are put."""

    plain = "plain"
    chat = "chat"


class Device(StrEnum):
    """Where models are asked."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Option = typer.Option


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("forget")(forget)


def forget(
    models: Annotated[
        list[str],
        typer.Argument(metavar="[BASE] TUNED", help="What --model takes; an adapter knows its base; openai:URL#NAME."),
    ],
    probe: Annotated[
        list[str] | None, Option(help="What is asked: a name, a group, a YAML file, lm-eval:NAME [default: quick].")
    ] = None,
    stream: Annotated[
        str | None, Option(help="Ask a stream's test records, too: a name, NAME:VARIANT, a file.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        Option(
            help="Your own questions, a JSONL file; repeat. Or the folder of the probes' local files.",
            envvar="CLBENCH_DATA",
        ),
    ] = None,
    limit: Annotated[int | None, Option(help="Records of each probe, evenly spread.", min=1)] = None,
    scorer: Annotated[str, Option(help="How your own answers are scored (clbench ls scorers).")] = "stripped",
    tolerance: Annotated[float, Option(help="Drop of a score that does not matter.")] = 0.02,
    require: Annotated[list[str] | None, Option(help='What must hold, such as "gsm8k >= base - .03"; repeat.')] = None,
    text: Annotated[Path | None, Option(help="Measure the divergence on this text, too.")] = None,
    trained_on: Annotated[list[Path] | None, Option(help="What the model was tuned on: are the probes in it?")] = None,
    show: Annotated[int, Option(help="Records that changed most.", min=0)] = 10,
    prompt: Annotated[Prompt, Option(help="Questions as they stand, or by the chat template.")] = Prompt.plain,
    precision: Annotated[Precision, Option(help="Of the arithmetic, for both models.")] = Precision.fp32,
    device: Annotated[Device, Option(help="Where both are asked.")] = Device.auto,
    batch: Annotated[int, Option(help="Prompts a batch.", min=1)] = 32,
    wise_ft: Annotated[
        bool, Option("--wise-ft", help="Measure .75, .5 and .25 of the way from BASE to TUNED.")
    ] = False,
    fresh: Annotated[bool, Option("--fresh", help="Ask anew what is kept.")] = False,
    allow_code: Annotated[bool, Option("--allow-code", help="Let probes run what models write, in a sandbox.")] = False,
    allow_task_code: Annotated[
        bool, Option("--allow-task-code", help="Let your lm-eval task files run their Python.")
    ] = False,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of a Hub model.")] = False,
    markdown: Annotated[Path | None, Option(help="Write the result for a pull request here.")] = None,
    junit: Annotated[Path | None, Option(help="Write JUnit XML here.")] = None,
    html: Annotated[Path | None, Option(help="Write one HTML page here.")] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
) -> None:
    """Ask two models the same records: what did the second one lose? Exit code 4 if anything."""
    from clbench.base import consent
    from clbench.base.errors import OptionError
    from clbench.base.progress import make_progress
    from clbench.forgetting.forget import forget as compare
    from clbench.sandbox import sandbox

    if len(models) > 2:
        raise OptionError(f"clbench forget takes two models, BASE and TUNED, got {len(models)}")
    if allow_code:
        sandbox.allow()
    if allow_task_code:
        consent.allow_task_code()
    more, protocol = _stream(stream, data or [], trust=trust_remote_code)
    progress = make_progress(quiet=quiet)
    with progress.shown():
        found = compare(
            models[0],
            models[1] if len(models) == 2 else None,
            probes=probe or (),
            data=data or (),
            limit=limit,
            scorer=scorer,
            tolerance=tolerance,
            require=require or (),
            text=text,
            trained_on=trained_on or (),
            show=show,
            prompt=prompt.value,
            precision=precision.value,
            device=device.value,
            batch=batch,
            trust_remote_code=trust_remote_code,
            fresh=fresh,
            wise_ft=wise_ft,
            more=more,
            protocol=protocol,
            progress=progress,
        )
    _write(found, markdown=markdown, junit=junit, html=html)
    _show(found, as_json=json)
    if found.lost:
        raise typer.Exit(LOST)


def _stream(name: str | None, files: list[Path], *, trust: bool) -> tuple[list[TaskData], Protocol | None]:
    """The records of a stream's tasks, and the lengths under which they are asked."""
    if name is None:
        return [], None
    from clbench.data.sources import load_stream_data
    from clbench.engine.words import find_stream
    from clbench.plugins.registry import registry
    from clbench.spec.stream import resolve

    folder = next((path for path in files if path.is_dir()), None)
    loaded, variant = find_stream(name, registry(), local=folder is not None)
    plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=folder or loaded.base_dir, variant=variant)
    return load_stream_data(plan, plugins=registry().plugins), plan.protocol


def _write(found: Forgotten, *, markdown: Path | None, junit: Path | None, html: Path | None) -> None:
    from clbench.base.atomic import write_text
    from clbench.forgetting.written import to_junit, to_markdown
    from clbench.report.forgetting import render

    for path, form in ((markdown, to_markdown), (junit, to_junit), (html, render)):
        if path is not None:
            write_text(path, form(found))


def _show(found: Forgotten, *, as_json: bool) -> None:
    from clbench.cli import output
    from clbench.forgetting import written

    if as_json:
        output.print_json(found.to_json())
        return
    rows: list[dict[str, Any]] = [written.cells(one) for one in found.verdicts]
    title = f"{found.tuned['name']} against {found.base['name']}"
    output.print_table(rows, headings=written.HEADINGS, title=title)
    for average in found.averages:
        rows = [written.cells(one) for one in average.verdicts]
        title = f"{average.share:g} of the way from {found.base['name']} to {found.tuned['name']}"
        output.print_table(rows, headings=written.HEADINGS, title=title)
    for line in (written.legend(found), *written.details(found), *written.changed(found), written.outcome(found)):
        output.console().print(line, markup=False, soft_wrap=True)
