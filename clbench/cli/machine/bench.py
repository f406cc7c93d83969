"""`clbench bench`: how fast training, methods and answering are on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clbench.speed.figure import Figure


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    plugin: Annotated[list[str] | None, typer.Option(help="Method to measure; may be repeated.")] = None,
    shape: Annotated[list[str] | None, typer.Option(help="Shape: tiny, smollm2, tinyllama; may be repeated.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="Time that a line may take, about; longer ones are left out.")
    ] = 60,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure steps of methods, training and answers beside what you would take instead; what is left out is said.

    Models have random weights, records the lengths of TRACE's. The numbers are of this machine alone.

    Example: clbench bench --shape tiny
    """
    from dataclasses import asdict

    from clbench.cli.shared import output
    from clbench.plugins.registry import registry
    from clbench.speed.figure import machine
    from clbench.speed.suite import make

    suite = make(plugins=plugin or (), shapes=shape or (), seconds=seconds, device=device, registry=registry())
    where = machine(suite.accelerator.device)
    figures = []
    for one in suite.figures():
        figures.append(one)
        typer.echo(f"{one.shape or 'machine'}: {one.what}", err=True)
    if json:
        output.print_json({"machine": where, "figures": [asdict(one) for one in figures]})
        return
    output.print_table([_row(one) for one in figures], headings=_row(figures[0]))
    typer.echo(", ".join(f"{name} {value}" for name, value in where.items()))


def _row(one: Figure) -> dict[str, str]:
    beside = ", ".join(f"{ratio:.2f} x {name}" for name, ratio in one.beside.items())
    value = "-" if one.value is None else f"{one.value:.4g} {one.unit}"
    return {"shape": one.shape, "what": one.what, "measured": value, "beside": beside, "of": one.note}
