"""What a finished record has beside its scores: drift, costs, notes, provenance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from clbench.boards.values import cell
from clbench.metrics.statistics import mean_std
from clbench.report.heatmap import utilisation
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.notes import KEY, flat, utilisation_of
from clbench.runs.record import Record

LONG = 160  # characters that a value may have before it is folded


def drift(measured: Mapping[str, Any]) -> Html | None:
    """How far the parameters moved, by block, with a bar for each."""
    blocks = measured.get("blocks")
    blocks = blocks if isinstance(blocks, Mapping) else {}
    sizes = {name: value for name, value in blocks.items() if _is_size(value)}
    rest = {key: value for key, value in measured.items() if key != "blocks"}
    rest |= {f"blocks.{name}": value for name, value in blocks.items() if name not in sizes}
    if not measured:
        return None
    high = max(sizes.values(), default=0.0) or 1.0
    rows = [[name, f"{value:.4g}", _bar(value / high)] for name, value in sizes.items()]
    told = "‖θ − θ₀‖ / ‖θ₀‖ of the base model's own parameters; `moved` is the share of entries that changed at all."
    return join([tag("h3", "Drift"), tag("p", told), key_values(rest), table(["Block", "Drift", ""], rows)])


def _is_size(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _bar(share: float) -> Html:
    return tag("div", class_="bar", style=f"width:{12 * share:.2f}em")


def costs(record: Record) -> Html:
    """Time, tokens and memory of the run; what the method needs beside the model."""
    rows = [
        [name.replace("_", " "), _amount(f"{family}.{name}", value)]
        for family, part in (("cost", record.costs), ("footprint", record.footprint))
        for name, value in part
        if value is not None and not isinstance(value, dict)  # what was not counted when the record was made
    ]
    rows += [[f"seconds of {kind}", f"{value:.1f}"] for kind, value in record.costs.spent.items()]
    return join([tag("h3", "Costs and footprint"), table(None, rows, class_="numbers")])


def _amount(key: str, value: float | str) -> Content:
    return value if isinstance(value, str) else tag("span", cell(key, mean_std([float(value)])), title=str(value))


def notes(written: Mapping[str, Any]) -> Html | None:
    """What methods noted: drawn where it has a form that is drawn, and the rest as it is."""
    if not written:
        return None
    parts: list[Content] = [tag("h3", "Notes of the method")]
    for name, note in written.items():
        drawn, problem = utilisation_of(note)
        rest = {key: value for key, value in note.items() if key != KEY} if drawn else note
        parts += [tag("h4", name), utilisation(drawn) if drawn else None]
        parts += [tag("p", problem, class_="alarm") if problem else None, key_values(rest)]
    return join(parts)


def provenance(record: Record) -> Html | None:
    """Versions, machine and command."""
    shown = {**record.provenance}
    if isinstance(command := shown.get("command"), list):
        shown["command"] = " ".join(one if isinstance(one, str) else json.dumps(one) for one in command)
    return folded("Provenance", key_values(shown)) if shown else None


def key_values(value: Any) -> Html | None:
    """A JSON value as a table; long values are folded, not cut."""
    rows = [(key, _folded_if_long(one)) for key, one in flat(value)]
    return table(None, rows, class_="notes") if rows and value != {} else None


def _folded_if_long(value: str) -> Content:
    return value if len(value) <= LONG else tag("details", tag("summary", f"{value[:60]}…"), value)


def folded(title: str, content: Html | None) -> Html | None:
    """Content that a click shows."""
    return None if content is None else tag("details", tag("summary", title), content)
