"""A study as markdown: a person's questions; for each stream how it was made, what was measured, what can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clbench.base.text import markdown
from clbench.boards.compare import Comparison
from clbench.report.study import tables, verdicts
from clbench.report.study.evidence import Evidence
from clbench.report.study.explaining import explanations
from clbench.report.study.making import made
from clbench.report.study.questions import Ordering, Question, Questions
from clbench.report.study.rates import Way, unreported, ways
from clbench.report.study.retained import probes_table

LEGEND = (
    "± in tables of methods is the sample standard deviation over n runs (seeds). OP: mean score after the last task; "
    "base: the untouched model; BWT: what later tasks did to earlier ones; learning accuracy: score of each task right "
    "after it was learned; facts kept: closed-book facts of pre-training after the stream ÷ before; ΔGA: change of the "
    "probes; drift: relative L2 distance from the base weights (an adapter's base does not move); KL: of the base's "
    "next tokens on the tasks' test prompts, in nats a token; extra passes a step; stored: by the method.",
    "An ordering `a < b` is looked at in the differences b − a of runs on the same seed and order, ± half a 95 % "
    "t-interval, with p of the paired t-test (two-sided) after Holm's correction over its table. It *holds*, or is "
    "*the other way round*, where that p is below 0.05; else it *cannot be told*, and it is said how many pairs would "
    "tell with 80 % power if the difference is as large as it seems.",
)
EXPLAINED = (
    "Spearman's rank correlation of forgetting with KL from the base model and with parameter drift, over rows (means "
    "of their runs, at all rates); the 95 % interval of the difference of their sizes is over resampled rows."
)
RETAINED = (
    "What else the model knew: scores before the stream and their changes, ± the standard deviation over runs; of a "
    "single run, and before, the standard error over its records, which is paired for a change."
)
SEVERAL = ("bwt.gem", "learning_accuracy")  # of one task they say nothing, or what OP says


def document(
    questions: Questions,
    found: Sequence[Evidence],
    *,
    command: str,
    missing: Sequence[str],
    pictures: Mapping[str, str],
) -> str:
    """The whole document; the same records give the same bytes.

    Args:
        questions: what was asked.
        found: the records, stream by stream.
        command: that writes it.
        missing: streams without any record.
        pictures: by stream, the file with R of some methods as it is linked.
    """
    parts = [
        f"# {questions.title}",
        questions.intro.strip(),
        f"Written by `{command}` from the records of finished runs: every number, and every word that says what holds.",
        *LEGEND,
        *(part for one in found for part in _stream(one, questions, pictures.get(one.stream))),
        f"No record yet of {', '.join(map(markdown, missing))}." if missing else "",
        *(["## What this does not show", questions.limits.strip()] if questions.limits else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _stream(evidence: Evidence, questions: Questions, link: str | None) -> Iterator[str]:
    found = ways(evidence)
    yield f"## {markdown(evidence.stream)}"
    yield from made(evidence)
    yield from _methods(evidence, found)
    if link:
        shown = ", ".join(questions.heat)
        yield f"![R of {shown}: rows are after each task, columns are tasks and probes; means over seeds]({link})"
    for one in questions.questions:
        yield from _question(one, evidence, found)
    yield from _explained(evidence)


def _methods(evidence: Evidence, found: Sequence[Way]) -> Iterator[str]:
    """A table for each way of setting rates; what is in none of them, after them."""
    first, orders = evidence.orders[0], sorted(evidence.orders)
    shown = [(way.name, list(way.rows.values())) for way in found if not way.by_rate]
    if missing := unreported(evidence):
        yield f"Not run with what was chosen: {', '.join(f'`{one}`' for one in missing)}."
    known = {id(row) for _, rows in shown for row in rows}
    rest = [row for row in evidence.rows if id(row) not in known]
    for name, rows in [*shown, *([("other settings", rest)] if rest else [])]:
        yield f"### Methods, {name}"
        yield tables.methods_table(rows, evidence.values, order=first)
        if known := probes_table(rows, order=first):
            yield RETAINED
            yield known
        if more := tables.orders_table(rows, evidence.values, orders=orders):
            yield f"Above on {markdown(first)}. On all orders:"
            yield more


def _question(question: Question, evidence: Evidence, known: Sequence[Way]) -> Iterator[str]:
    """What can be told in words, then the numbers; nothing where none of the methods was run."""
    better = {spec.name: spec.higher_is_better for spec in evidence.summaries}
    metrics = [one for one in question.metrics if len(evidence.runs[0].tasks) > 1 or one not in SEVERAL]
    found = [(way, verdicts.compared(question, way, metrics=metrics)) for way in known]
    found = [(way, numbers) for way, numbers in found if numbers]
    if not found:
        return
    yield f"### {question.ask}"
    yield question.text.strip()
    yield "\n".join(f"- At {way.name}, {_told(numbers, metrics[0], better)}." for way, numbers in found)
    if missing := _missing(question, [way for way, _ in found]):
        yield f"Not run here: {', '.join(f'`{one}`' for one in missing)}."
    for way, numbers in found:
        yield f"At {way.name}:"
        yield verdicts.orderings_table(numbers, better)


def _told(found: Mapping[Ordering, Mapping[str, Comparison]], metric: str, better: Mapping[str, bool]) -> str:
    """Which orderings hold in one number, which do not, and which cannot be told."""
    words: dict[str, list[str]] = {}
    for ordering, numbers in found.items():
        if metric in numbers:
            word = verdicts.verdict(numbers[metric], higher_is_better=better[metric])
            words.setdefault(word, []).append(f"`{ordering}`{verdicts.needed(numbers[metric])}")
    said = [f"**{word}** for {', '.join(words[word])}" for word in verdicts.VERDICTS if word in words]
    return f"in {tables.NAMES.get(metric, metric)}: {'; '.join(said) or 'not measured'}"


def _missing(question: Question, found: Sequence[Way]) -> list[str]:
    """Methods of the question without a row."""
    known = {name for way in found for name in way.rows}
    return sorted({name for ordering in question.over(known) for name in ordering} - known)


def _explained(evidence: Evidence) -> Iterator[str]:
    found = explanations(evidence)
    if found:
        yield "### What explains forgetting?"
        yield EXPLAINED
        yield verdicts.explained_table(found)
