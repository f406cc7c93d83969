"""`clbench data`: register and verify archives of other suites; look at a file of records, make a stream of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.base.atomic import check_writable
from clbench.base.errors import OptionError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clbench.data.archives.register import Register
    from clbench.data.example import Example
    from clbench.data.tokenising import Encoder
    from clbench.evaluation.look import Ceiling
    from clbench.spec.protocol import Protocol
    from clbench.spec.task import Task


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("ls")(ls)
    group.command("look")(look)
    group.command("stream")(stream)
    app.add_typer(group, name="data", help="Register and verify archives of data; look at files, make a stream of one.")


def add(
    name: Annotated[str, typer.Argument(help="Which archive: trace, or cl-benchmark (O-LoRA's, SAPT's, EasyCL's).")],
    path: Annotated[Path, typer.Argument(help="Its zip, its folder, or the folder of one variant.")],
    variant: Annotated[str | None, typer.Option(help="Only this variant; or what a lone folder of tasks is.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The hash a zip must have [default: the official one].")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Register an archive, verify it, and report what is known to be odd in it.

    Example: clbench data add trace TRACE-Benchmark.zip
    """
    from clbench.base.errors import DataError
    from clbench.cli.shared import archived

    if name not in archived.KINDS:
        raise unknown_name("archive", name, archived.KINDS)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if not (path.is_dir() or path.is_file()):
        raise DataError(f"{path}: is neither a file nor a folder; give the archive's zip or its folder")
    archived.KINDS[name](path, variant=variant, sha256=sha256, json=json)


def remove(
    name: Annotated[str, typer.Argument(help="Which variant of which archive, such as trace:500.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Forget a registered variant; what clbench unpacked of it is deleted, a folder of your own stays.

    Example: clbench data remove trace:500
    """
    from clbench.cli.shared import output

    kind, _, variant = name.partition(":")
    known = {one.kind: one for one in _registers()}
    if kind not in known or not variant:
        raise OptionError(
            f"{name!r}: must be of the form trace:VARIANT or cl-benchmark:SUITE; "
            "`clbench data ls` lists what is registered"
        )
    folder = known[kind].remove(variant)
    if json:
        output.print_json({"removed": name, "path": str(folder), "deleted": not folder.exists()})
        return
    left = f"its files stay in {folder}" if folder.exists() else "its files are deleted"
    output.console().print(f"{name} is forgotten; {left}", markup=False, soft_wrap=True)


def ls(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List registered archives.

    Example: clbench data ls
    """
    from clbench.cli.shared import output

    rows = [
        {"data": f"{register.kind}:{variant}", "files": len(entry["files"]), "path": entry["path"]}
        for register in _registers()
        for variant, entry in register.entries().items()
    ]
    if json:
        output.print_json(rows)
    elif rows:
        output.print_table(rows, headings=rows[0])
    else:
        output.console().print(
            "no archive is registered; `clbench data add trace PATH` registers one (so does cl-benchmark PATH)",
            soft_wrap=True,
        )


def _registers() -> tuple[Register, ...]:
    from clbench.data.archives import suites, trace

    return trace.REGISTER, suites.REGISTER


def stream(
    file: Annotated[Path, typer.Argument(help="File of records to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder for the stream file and its two files of records.")],
    scorer: Annotated[str, typer.Option(help="How answers are scored (clbench ls scorers).")] = "stripped",
    hold_out: Annotated[int, typer.Option(help="Records to score on, at most a fifth.", min=1)] = 100,
) -> None:
    """Make a stream of one task of a file of your own, with some records held out to score on.

    Example: clbench data stream q.csv --out q-stream
    """
    from clbench.cli.shared import output
    from clbench.plugins.own import write_stream
    from clbench.plugins.registry import registry
    from clbench.scoring import load_scorer

    load_scorer(registry().scorer(scorer))
    check_writable(out, option="--out")
    made = write_stream(file, out, scorer=scorer, hold_out=hold_out)
    output.console().print(f"use it by --stream {made}", markup=False, soft_wrap=True)


def look(
    file: Annotated[Path, typer.Argument(help="File of records, or a folder that `datasets` saved.")],
    model: Annotated[str, typer.Option(help="Whose tokenizer: clbench/tiny, a folder, or a Hub id.")] = "clbench/tiny",
    task: Annotated[str | None, typer.Option(help="Task or probe whose forms, scorer and limits to use.")] = None,
    stream: Annotated[str | None, typer.Option(help="Stream whose protocol's limits to use.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Such as protocol.max_answer_tokens=64.")] = None,
    test: Annotated[Path | None, typer.Option(help="File of test records: what they share with FILE.")] = None,
    split: Annotated[str | None, typer.Option(help="Of a folder of several splits.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show how a file is read and what a model sees of it: before training, not after it.

    Example: clbench data look q.csv
    """
    from dataclasses import asdict

    from clbench.cli.shared import looking, output
    from clbench.data.tokenising import make_encoder
    from clbench.evaluation.look import look as look_at
    from clbench.models.loading import load_tokenizer
    from clbench.models.naming import find_model

    protocol = _protocol(stream, set_ or [])
    encoder = make_encoder(load_tokenizer(find_model(model)), protocol)
    asked = _task(task, protocol)
    found = look_at(file, task=asked, encoder=encoder, split=split, test=test, ceiling=_ceiling(asked, encoder))
    if json:
        output.print_json(asdict(found))
    else:
        looking.print_look(found, name=str(file), model=model)


def _ceiling(task: Task, encoder: Encoder) -> Ceiling | None:
    """Computes what a model can score at most; None where a task's answers are nothing that a model writes."""
    from clbench.evaluation.ceiling import ceiling, is_written, note
    from clbench.plugins.registry import registry

    scorer = registry().scorer
    if not is_written(task, scorer):
        return None

    def measured(examples: Sequence[Example]) -> tuple[dict[str, float], str | None]:
        limit = min(task.max_new_tokens, encoder.max_answer)
        found = ceiling(encoder, examples, task=task, limit=limit, scorer=scorer)
        return {str(role): value for role, value in found.scores.items()}, note(task.name, found)

    return measured


def _protocol(stream: str | None, settings: list[str]) -> Protocol:
    """The one whose limits hold: a stream's, or the default one, with the user's changes."""
    from clbench.engine import words
    from clbench.plugins.registry import registry
    from clbench.spec.stream import Stream

    changes = words.parse_settings(settings).get("protocol", {})
    if stream is None:
        plain = Stream(stream="look", tasks=("look",))
        return plain.protocol_of(plain.variants["files"], **changes)
    loaded, variant = words.find_stream(stream, registry())
    if variant not in loaded.stream.variants:
        raise unknown_name(f"variant of stream {loaded.stream.name}", variant, loaded.stream.variants)
    return loaded.stream.protocol_of(loaded.stream.variants[variant], **changes)


def _task(name: str | None, protocol: Protocol) -> Task:
    """The task that the records are of; where none is named, one that takes their answers as they stand."""
    from clbench.plugins.registry import registry
    from clbench.spec.task import Task

    catalog = registry().catalog()
    if name is None:
        return Task.model_validate(
            {
                "task": "look",
                "data": {"files": {"test": "look"}},
                "scorers": {"strict": "exact"},
                "max_new_tokens": min(protocol.max_answer_tokens, 4096),
            }
        )
    if name in catalog.task_paths:
        return catalog.task(name)
    found = catalog.probes(name)
    if len(found) > 1:
        raise OptionError(f"--task {name}: is a group; name one of {', '.join(task.name for task, _ in found)}")
    return found[0][0]
