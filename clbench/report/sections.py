"""The parts of a report on one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from clbench.metrics.matrix import Cell
from clbench.metrics.summaries import SummarySpec, compute
from clbench.report.bars import task_bars
from clbench.report.curves import forgetting_curves
from clbench.report.details import costs, drift, folded, key_values, notes, provenance
from clbench.report.heatmap import result_matrix
from clbench.report.html import Content, Html, join, table, tag
from clbench.report.losses import lost_pages
from clbench.report.subject import Subject
from clbench.report.training import probe_curves, training_curves
from clbench.runs.record import Board, Record


def run_section(subject: Subject, *, number: int, summaries: Sequence[SummarySpec], closed: bool = False) -> Html:
    """Everything about one run.

    Args:
        subject: the run.
        number: of it on the page.
        summaries: named functions of R.
        closed: whether its parts are folded away, among several runs.
    """
    heading = f"{subject.method.label}, seed {subject.seed}, {subject.order}"
    parts = _parts(subject, number=number, summaries=summaries)
    content = [tag("details", tag("summary", "this run by itself"), parts)] if closed else parts
    return tag("section", tag("h2", heading), content, id=f"run-{number}")


def _parts(subject: Subject, *, number: int, summaries: Sequence[SummarySpec]) -> list[Content]:
    record = subject.record
    return [
        folded("what was run, in full", facts(subject)),
        unfinished(subject),
        scores(subject),
        tag("h3", "Each task before, after learning it, and at the end"),
        task_bars([subject]),
        tag("h3", "Forgetting curves"),
        tag("p", "Score of each task after each experience: dashed before the task is learned, blue since."),
        forgetting_curves(subject.matrix),
        training_curves(subject),
        probe_curves(subject),
        lost_pages(subject, number=number),
        corpus(subject),
        metrics(subject, summaries),
        [probes(record), contamination(record), warnings(record.warnings)] if record else None,
        [drift(record.drift), costs(record), notes(record.notes), provenance(record)] if record else None,
    ]


def corpus(subject: Subject) -> Html | None:
    """Scores of all answers of a task at once, where a task asks for them."""
    if not subject.corpus:
        return None
    heading = tag("h3", "Scores over all answers at once")
    if isinstance(subject.corpus, str):
        return join([heading, tag("p", subject.corpus)])
    rows = [
        [one.task, one.scorer, *("–" if value is None else f"{value:.3f}" for value in (one.learned, one.end))]
        for one in subject.corpus
    ]
    return join([heading, table(["Task", "Scorer", "After learning", "At the end"], rows)])


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
    more = [folded(f"R, {one} scores", _matrix(record, one)) for one in roles if record and one != role]
    told += " Below each score one standard error over its records." if record and record.errors else ""
    shown = _matrix(record, role) if record else result_matrix(subject.matrix)
    return join([tag("h3", f"Result matrix R, {role} scores"), tag("p", told), shown, more])


def _matrix(record: Record, role: Literal["strict", "lenient"]) -> Html:
    return result_matrix(record.matrix(role), errors=_errors(record, role), ceilings=record.ceilings_below_one(role))


def _errors(record: Record, role: str) -> dict[str, Sequence[Cell]]:
    """Standard errors by name of task or probe, rows 0 … T."""
    rows = {str(one): cells for one, cells in record.errors.items()}.get(role, ())
    tasks: dict[str, Sequence[Cell]] = {name: [row[j] for row in rows] for j, name in enumerate(record.tasks) if rows}
    probes = record.probe_errors if role == record.board.protocol["scorer"] else {}
    return tasks | dict(probes)


def probes(record: Record) -> Html | None:
    """What the stream did to each probe."""
    rows = [
        [name, f"{change.value:+.4f}", "–" if change.error is None else f"±{change.error:.4f}"]
        for name, change in record.probe_changes.items()
    ]
    if not rows:
        return None
    told = (
        "Score after the stream minus before, with one standard error over the same records (a loss in nats a token). "
        "general-ability is the mean over all that are scored from 0 to 1 (TRACE's ΔR^G)."
    )
    return join([tag("h3", "What was never trained on"), tag("p", told), table(["Probe", "Change", "Error"], rows)])


def contamination(record: Record) -> Html | None:
    """What test records and probes share with the training data."""
    rows = [[name, f"{one.touched} of {one.of}", str(one.too_short)] for name, one in record.overlap.items()]
    if not rows:
        return None
    told = "Test records that share 13 words in a row with the training data, or stand in it whole if shorter."
    headings = ["Records of", "Touched", "Too short to tell"]
    if any(one.equal_prompts is not None for one in record.overlap.values()):
        headings += ["Prompt of a training record", "and its answer"]
        rows = [
            [*row, *("–" if value is None else str(value) for value in (one.equal_prompts, one.equal_pairs))]
            for row, one in zip(rows, record.overlap.values(), strict=True)
        ]
    return join([tag("h3", "Overlap"), tag("p", told), table(headings, rows)])


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
