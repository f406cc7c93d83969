"""`clbench stream`: a stream file over data sets that are described elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.base.errors import OptionError

if TYPE_CHECKING:
    from clbench.plugins.imported import Imported


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(lambda: None)  # a group, though it has but one command
    group.command("import")(import_)
    app.add_typer(group, name="stream", help="Write a stream file over data sets that are described elsewhere.")


def import_(
    sources: Annotated[list[str], typer.Argument(help="A dataset_info.json, or ids of the Hub (ORG/NAME:CONFIG).")],
    out: Annotated[Path | None, typer.Option(help="The stream file [default: beside the index, or NAME.yaml].")] = None,
    name: Annotated[str | None, typer.Option(help="The stream's name [default: the file's].")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this data set of the index; repeat, in order.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Template over the columns, as in '{{ text }}'.")] = None,
    answer: Annotated[str | None, typer.Option(help="Likewise, as in '{{ label }}'.")] = None,
    scorer: Annotated[str, typer.Option(help="How answers are scored (clbench ls scorers).")] = "stripped",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a stream over the data sets of LLaMA-Factory's (EasyCL's) index, or over a list of the Hub's.

    Example: clbench stream import dataset_info.json
    """
    from clbench.base.atomic import check_writable
    from clbench.cli.shared import output
    from clbench.plugins.imported import write_imported
    from clbench.plugins.registry import registry
    from clbench.scoring import load_scorer

    load_scorer(registry().scorer(scorer))
    index = Path(sources[0]) if len(sources) == 1 and sources[0].endswith(".json") else None
    if index is not None and (prompt or answer):
        raise OptionError("--prompt, --answer: are for data sets of the Hub; an index names its columns itself")
    found = _read(sources, index, task or [], (prompt or "", answer or ""), scorer)
    target = out or (index.parent if index else Path()) / f"{name or _named(index)}.yaml"
    check_writable(target.parent, option="--out")
    made = write_imported(found, target, name=name or _slug(target.stem))
    if json:
        output.print_json({"stream": str(made), "tasks": list(found.tasks), "left_out": found.left_out})
        return
    screen = output.console()
    for one, reason in found.left_out.items():
        screen.print(f"{one} is left out: {reason}", markup=False, soft_wrap=True)
    screen.print(f"{len(found.tasks)} tasks; use it by --stream {made}", markup=False, soft_wrap=True)


def _read(sources: list[str], index: Path | None, names: list[str], given: tuple[str, str], scorer: str) -> Imported:
    from clbench.plugins.fromhub import from_hub
    from clbench.plugins.fromindex import from_index

    if index is not None:
        return from_index(index, names=names, scorer=scorer)
    if names:
        raise OptionError("--task: chooses data sets of an index, and none was given")
    if bool(given[0]) != bool(given[1]):
        raise OptionError("--prompt, --answer: give both, or neither")
    form = {"prompt": given[0], "answer": given[1]} if given[0] else None
    return from_hub(sources, form=form, scorer=scorer)


def _named(index: Path | None) -> str:
    """The index's folder's name, or `imported`."""
    return _slug(index.resolve().parent.name if index else "")


def _slug(name: str) -> str:
    from clbench.plugins.imported import letters

    return letters(name) or "imported"
