"""The parts of a report on one run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from clbench.leaderboard import cell
from clbench.record import Board, Record
from clbench.report.curves import forgetting_curves
from clbench.report.heatmap import result_matrix, utilisation
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.notes import KEY, flat, utilisation_of
from clbench.report.subject import Subject
from clbench.statistics import mean_std
from clbench.summaries import SummarySpec, compute

LONG = 160  # characters that a value may have before it is folded


def run_section(subject: Subject, *, number: int, summaries: Sequence[SummarySpec]) -> Html:
    """Everything about one run."""
    record = subject.record
    parts = [
        tag("h2", f"{subject.method.label}, seed {subject.seed}, {subject.order}"),
        facts(subject),
        unfinished(subject),
        warnings(record.warnings) if record else None,
        scores(subject),
        tag("h3", "Forgetting curves"),
        tag("p", "Score of each task after each experience: dashed before the task is learned, blue since."),
        forgetting_curves(subject.matrix),
        metrics(subject, summaries),
        [drift(record.drift), costs(record), notes(record.notes), provenance(record)] if record else None,
    ]
    return tag("section", parts, id=f"run-{number}")


def facts(subject: Subject) -> Html:
    """What the run is."""
    board, method = subject.board, subject.method
    rows: dict[str, Content] = {
        "Run": subject.run,
        "Stream": stream(board),
        "Protocol": board.protocol["name"],
        "Base model": f"{board.model['name']} ({board.model['hash'][:8]})",
        "Board": [board.name, folded("all that it fixes", key_values(board.model_dump(mode="json")))],
        "Method": [method.label, folded("all options", key_values(method.options))],
        "Packages": ", ".join(f"{name} {version}" for name, version in sorted(method.packages.items())),
        "Seed, order": f"{subject.seed}, {subject.order}: {', '.join(subject.matrix.tasks)}",
        "Ranked by": f"{board.protocol['scorer']} scores, 0–1; scorers version {board.scorer_version}",
    }
    return table(None, rows.items(), class_="facts")


def stream(board: Board) -> str:
    """Stream and variant, with what `--set` changed."""
    changed = ", ".join(f"{key}={value}" for key, value in sorted(board.changes.items()))
    return f"{board.stream}, variant {board.variant}{f' with {changed}' if changed else ''}"


def unfinished(subject: Subject) -> Html | None:
    """A run of which only R so far is known."""
    if subject.record is not None:
        return None
    told = f"Not finished (status: {subject.status}): R so far. Drift, costs and notes come with the record."
    return tag("p", told, class_="alarm")


def warnings(counts: Mapping[str, int]) -> Html | None:
    """What a reader of the result must know; a functional run above all."""
    if not counts:
        return None
    lines = [
        tag("li", message, f" ({count})" if count > 1 else None, class_="alarm" if is_alarm(message) else None)
        for message, count in sorted(counts.items(), key=lambda pair: not is_alarm(pair[0]))
    ]
    return join([tag("h3", "Warnings"), tag("ul", lines)])


def is_alarm(message: str) -> bool:
    """Whether the numbers are no scientific result at all."""
    return "functional run" in message


def scores(subject: Subject) -> Html:
    """R as the protocol scores, and folded under the other scorers."""
    role = subject.board.protocol["scorer"]
    record = subject.record
    told = (
        "Row i, column j: score on task j after experience i. A frame marks what was just learned; "
        "italics what was not learned yet; – what was not measured."
    )
    roles = record.scores if record else {}
    more = [folded(f"R, {one} scores", result_matrix(record.matrix(one))) for one in roles if record and one != role]
    return join([tag("h3", f"Result matrix R, {role} scores"), tag("p", told), result_matrix(subject.matrix), more])


def metrics(subject: Subject, summaries: Sequence[SummarySpec]) -> Html:
    """Every named function of R under each way of scoring."""
    record, ranked = subject.record, subject.board.protocol["scorer"]
    matrices = {role: record.matrix(role) for role in record.scores} if record else {ranked: subject.matrix}
    found = {role: compute(matrix, summaries) for role, matrix in matrices.items()}
    rows = []
    for spec in summaries:
        cells = [_metric(values[spec.name], missing.get(spec.name)) for values, missing in found.values()]
        rows.append([f"{spec.name} {'↑' if spec.higher_is_better else '↓'}", *cells, spec.summary])
    return join([tag("h3", "Metrics"), table(["Name", *found, "Definition"], rows, class_="metrics")])


def _metric(value: float | None, missing: str | None) -> Html:
    return tag("span", "–", title=missing, class_="none") if value is None else tag("span", f"{value:+.4f}")


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
    ]
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
