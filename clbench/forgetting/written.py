"""A comparison as text for others: a table, markdown for a pull request, JUnit XML for what runs tests. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from clbench.base.text import markdown, plain
from clbench.forgetting.result import Forgotten
from clbench.forgetting.verdicts import Verdict

HEADINGS = ("probe", "records", "base", "tuned", "change", "p", "lost", "gained", "verdict")


def cells(one: Verdict) -> dict[str, str]:
    """One row of the table."""
    error = "" if one.error is None else f" ± {one.error:.3f}"
    return {
        "probe": one.probe.removeprefix("probes/") + (" (loss)" if one.loss else ""),
        "records": str(one.records),
        "base": f"{one.base:.3f}",
        "tuned": f"{one.tuned:.3f}",
        "change": f"{one.change:+.3f}{error}",
        "p": p_text(one.p_corrected),
        "lost": str(one.lost),
        "gained": str(one.gained),
        "verdict": verdict_text(one),
    }


def p_text(p: float) -> str:
    """Three places, and no zero."""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def verdict_text(one: Verdict) -> str:
    """With the records that would decide, where none has been reached."""
    if one.needed is None:
        return one.verdict
    return f"{one.verdict} ({one.needed:,} records would tell)"


def legend(found: Forgotten) -> str:
    """What the table's words mean."""
    return (
        "change: tuned - base ± one paired standard error; p: of no change (McNemar or sign flips), corrected over the "
        f"rows by Holm; lost: p < .05 and a drop of more than {found.tolerance:g}; kept: a drop of {found.tolerance:g} "
        "or more is ruled out at 5 %"
    )


def details(found: Forgotten) -> Iterator[str]:
    """What stands below the table, a line each."""
    for name, one in found.divergence.items():
        error = "" if one.error is None else f" ± {one.error:.2g}"
        short = name.removeprefix("probes/")
        yield f"KL from the base on {short}: {one.nats:.4g}{error} nats a token ({one.tokens:,} tokens)"
    if found.drift is not None:
        yield from _drift_lines(found)
    for name, one in found.overlap.items():
        yield (
            f"overlap of {name.removeprefix('probes/')} with what it was tuned on: {one['touched']} of {one['of']} "
            f"records ({one['equal_prompts']} as training prompts, {one['too_short']} too short to tell)"
        )
    for one in found.demands:
        yield f"required: {one.requirement.text}: {'met' if one.met else 'NOT MET'}"
    yield from (f"note: {note}" for note in found.notes)


def _drift_lines(found: Forgotten) -> Iterator[str]:
    assert found.drift is not None
    blocks = sorted(found.drift["blocks"].items(), key=lambda pair: -pair[1])
    most = ", ".join(f"{name} {value:.2g}" for name, value in blocks[:5] if value) or "none"
    yield (
        f"drift: the weights moved by {found.drift['relative_l2']:.3g} of their length, "
        f"{found.drift['moved']:.1%} of them at all; most in {most}"
    )


def outcome(found: Forgotten) -> str:
    """The last line: what the gate says."""
    if found.lost:
        return "; ".join(found.lost)
    undecided = sum(one.verdict == "undecided" for one in found.verdicts)
    return f"nothing is lost{f'; {undecided} of {len(found.verdicts)} rows are undecided' if undecided else ''}"


def to_markdown(found: Forgotten) -> str:
    """For a pull request's comment."""
    rows = [cells(one) for one in found.verdicts]
    lines = [f"### What {markdown(found.tuned['name'])} forgot of {markdown(found.base['name'])}", ""]
    lines += [f"**{markdown(outcome(found))}**", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "| " + " | ".join("---" for _ in HEADINGS) + " |"]
    lines += ["| " + " | ".join(markdown(row[name]) for name in HEADINGS) + " |" for row in rows]
    lines += ["", markdown(legend(found)), ""]
    lines += [f"- {markdown(line)}" for line in details(found)]
    if found.changed:
        lines += ["", "<details><summary>Records that changed most</summary>", ""]
        lines += [f"- {markdown(line)}" for line in changed(found)]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def changed(found: Forgotten, *, width: int = 60) -> Iterator[str]:
    """The records that changed most, a line each."""
    for one in found.changed:
        asked, *said = (_short(text, width) for text in (one.prompt[-4 * width :], one.answer, one.base, one.tuned))
        expected, base, tuned = said
        yield (
            f"{one.probe.removeprefix('probes/')} {one.record + 1}: {one.before:.2f} to {one.after:.2f}: …{asked} "
            f"expected {expected!r}, base {base!r}, tuned {tuned!r}"
        )


def _short(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width // 2 - 1] + " … " + line[-(width // 2) :]


def to_junit(found: Forgotten) -> str:
    """One test a probe and requirement; what is undecided is skipped, what is lost fails."""
    suite = ET.Element("testsuite", name="clbench forget", time=f"{found.seconds:.1f}")
    for one in found.verdicts:
        case = ET.SubElement(suite, "testcase", classname="clbench.forget", name=one.probe)
        row = cells(one)
        told = ", ".join(f"{name} {row[name]}" for name in HEADINGS[1:])
        if f"{one.probe} is lost" in found.lost:
            ET.SubElement(case, "failure", message=plain(told))
        elif one.verdict == "undecided":
            ET.SubElement(case, "skipped", message=plain(told))
    for demand in found.demands:
        case = ET.SubElement(suite, "testcase", classname="clbench.require", name=plain(demand.requirement.text))
        if not demand.met:
            ET.SubElement(case, "failure", message="not met")
    for kind, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("skipped", "testcase/skipped")):
        suite.set(kind, str(len(suite.findall(tag))))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
