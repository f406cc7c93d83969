"""`clbench tune`: search the settings of methods fairly, and write the choice into a plan file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.base.errors import OptionError, StoppedError
from clbench.cli.shared import options

if TYPE_CHECKING:
    from clbench.spec.plan import PlanFile

MARK = "# written by clbench tune\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    from clbench.engine.request import Request

    app.command("tune")(options.with_fields(Request, tune))


def tune(
    *,
    given: dict[str, Any],
    grid: Annotated[list[str], typer.Option(help="learning_rate=1e-4,5e-4 or NAME.key=…; repeat for several.")],
    trials: Annotated[int | None, typer.Option(min=1, help="Of each method, drawn from its grid.")] = None,
    trial_seed: Annotated[list[int] | None, typer.Option(help="Seeds of the trials [default: 100].")] = None,
    pick: Annotated[str, typer.Option(help="Summary of R that chooses.")] = "op",
    floor: Annotated[
        list[str] | None, typer.Option(help="Least value of another summary: retention.facts=0.9.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Plan file that gets the choice.")] = Path("tuned.yaml"),
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Search settings on validation records, as many trials for each method, and write the choice into a plan.

    Example: clbench tune --stream trace:mini --plugin sequential --plugin mofo --grid learning_rate=5e-4,1e-3
    """
    from clbench.cli.run import carry_out
    from clbench.cli.shared import planned
    from clbench.plans.plan import of_file
    from clbench.plugins.registry import registry
    from clbench.spec.plan import CONSENT, PLACES

    if out.exists() and not out.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise OptionError(f"--out {out}: is there, and not written by clbench tune; choose another name")
    search = {
        "grid": {key: _values(value) for key, value in (_pair(text, "--grid") for text in grid)},
        "trials": trials,
        "pick": pick,
        "floor": dict(_pair(text, "--floor") for text in floor or ()),
        **({"seeds": tuple(trial_seed)} if trial_seed else {}),
    }
    here = {key: given[key] for key in (*PLACES, *CONSENT) if key in given}
    run = {key: str(one) if isinstance(one, Path) else one for key, one in given.items() if key not in here}
    plugins = run.pop("plugin", [])
    file = _file({"plan": "tuned", "run": run, "search": search, "methods": plugins})
    found = of_file(file, here, reported=False)
    arms = planned.arms_given(found, registry(), shard=None)
    if dry_run:
        planned.print_dry_run(found, arms, as_json=json)
        return
    try:
        shown = carry_out(found, arms, fail_fast=fail_fast, as_json=json)
    except KeyboardInterrupt as error:  # typer would drop the sentence
        raise StoppedError(f"interrupted: {error}" if str(error) else "interrupted") from None
    run.pop("options", None)
    _write(out, run, planned.tuned(file, shown.choices), silent=json)


def _file(content: dict[str, Any]) -> PlanFile:
    """A plan file's content, from options.

    Raises:
        OptionError: a value that it does not take.
    """
    from pydantic import ValidationError

    from clbench.base.errors import pydantic_line
    from clbench.spec.plan import PlanFile

    try:
        return PlanFile.model_validate(content)
    except ValidationError as error:
        raise OptionError(f"clbench tune: {pydantic_line(error)}") from error


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (equals and key.strip() and value.strip()):
        raise OptionError(f"{option} {text!r}: must be of the form NAME=VALUE")
    return key.strip(), value.strip()


def _values(text: str) -> list[Any]:
    """`1e-4,5e-4` or a YAML list."""
    from clbench.engine.words import parse_assignments

    parts = text.strip("[]").split(",")
    return [parse_assignments([f"grid.value={part.strip()}"], option="--grid")["grid"]["value"] for part in parts]


def _write(path: Path, run: dict[str, Any], methods: Sequence[dict[str, Any]], *, silent: bool) -> None:
    """The plan of what was chosen, in the form that `clbench run` takes."""
    import yaml

    from clbench.base import atomic
    from clbench.cli.shared import output
    from clbench.cli.shared.planned import plain

    content = {"plan": "tuned", "run": {key: plain(one) for key, one in run.items()}, "methods": list(methods)}
    atomic.write_text(path, MARK + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    if not silent:
        output.console().print(
            f"the choice stands in {path}: clbench run {path} --seeds 5", markup=False, soft_wrap=True
        )
