"""Pictures: every kind in every form, the same bytes each time, and what a run lacks is refused."""

import dataclasses
import re

import pytest

from clbench.base.errors import ClbenchError, RecordError, UnknownNameError
from clbench.report import of_record
from clbench.report.figures import KINDS, WIDTHS, draw
from clbench.report.figures.bars import moments
from clbench.report.figures.curves import smoothed
from clbench.report.figures.groups import look, mean_and_half
from clbench.runs.events import TrainingCurve

pytest.importorskip("matplotlib")
USAGE = {"title": "mean router weight", "columns": ["1", "2"], "rows": [{"name": "toy/a", "values": [0.7, 0.3]}]}
CURVE = TrainingCurve((1, 2, 3), (3.0, 2.0, 1.5), (0.1, 0.1, 0.1), (("toy/a", 2), ("toy/b", 3)))
HEADS = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}


@pytest.fixture(scope="session")
def subjects(make_record):
    def made(method, seed):
        record = make_record(
            method,
            seed=seed,
            final=(0.5 + seed / 20, 0.8),
            probes={"probes/facts": [0.8, 0.7, 0.4 + seed / 10], "probes/text": [1.5, 1.7, 2.25]},
            drift={"relative_l2": 0.02, "blocks": {"layers.0": 0.01, "layers.1": 0.04}},
            notes={"moe": {"utilisation": USAGE}},
        )
        return of_record(record, curve=CURVE)

    return [made(method, seed) for method in ("sequential", "mofo") for seed in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_runs_give_the_same_bytes(kind, subjects):
    chosen = subjects[:1] if kind in ("R", "experts") else subjects
    for form, head in HEADS.items():
        first = draw(kind, chosen, form=form)
        assert first.startswith(head)
        assert draw(kind, chosen, form=form) == first


def test_widths_are_those_of_a_page(subjects):
    for columns, inches in WIDTHS.items():
        (width,) = re.findall(rb'<svg .*?width="([\d.]+)pt"', draw("curves", subjects, form="svg", columns=columns))
        assert float(width) == pytest.approx(72 * inches)


def test_a_label_is_no_mathematics(make_record):
    hostile = of_record(make_record("mofo", options={"mofo": {"learning_rate": r"$\frac{$ <x> \x1b[2J"}}))
    assert draw("R", [hostile], form="svg").startswith(b"<?xml")


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("loss", "holds no losses; name a run directory with its events.jsonl"),
        ("drift", "its drift was not measured block by block"),
        ("experts", "no method of these runs noted its use of experts"),
    ],
)
def test_what_a_run_does_not_hold_is_refused(make_record, kind, complaint):
    with pytest.raises(RecordError, match=complaint):
        draw(kind, [of_record(make_record())], form="svg")


def test_what_was_not_scored_is_not_drawn_as_zero(make_record):
    missing = [[0.1, 0.2], [0.9, None], [None, 0.9]]
    one = of_record(make_record(scores={"strict": missing}))
    with pytest.raises(RecordError, match="toy/a was not scored at the end"):
        draw("bars", [one], form="svg")
    with pytest.raises(RecordError, match="has no OP"):
        draw("pareto", [one], form="svg")


def test_unknown_names_and_unlike_boards(subjects, make_record):
    with pytest.raises(UnknownNameError, match="no picture 'r'"):
        draw("r", subjects, form="svg")
    with pytest.raises(ClbenchError, match=r"a picture is \.pdf, \.svg or \.png, and not \.gif"):
        draw("R", subjects, form="gif")
    other = of_record(make_record(board={"variant": "other"}))
    with pytest.raises(RecordError, match="are of 2 boards, which cannot be compared"):
        draw("curves", [subjects[0], other], form="svg")
    with pytest.raises(RecordError, match="choose at most 9 runs"):
        draw("R", [dataclasses.replace(subjects[0], seed=seed) for seed in range(10)], form="svg")


def test_methods_differ_without_colour():
    looks = [look(number) for number in range(9)]
    assert len({(one["marker"], str(one["linestyle"])) for one in looks}) == 9


def test_moments_of_a_task(subjects):
    assert moments(subjects[0].matrix, "toy/a") == (0.1, 0.9, 0.5)


def test_smoothing_keeps_a_straight_line_and_a_short_one():
    line = [float(one) for one in range(100)]
    assert smoothed(line)[10:90] == pytest.approx(line[10:90])
    assert smoothed([3.0, 1.0]) == [3.0, 1.0]


def test_two_runs_have_no_interval_that_would_fit():
    assert mean_and_half([0.2, 0.4]) == (pytest.approx(0.3), 0.0)
    assert mean_and_half([0.2, 0.3, 0.4])[1] == pytest.approx(0.2484, abs=1e-4)


def test_the_command(call, make_record, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = make_record()
    path = record.path(home / "leaderboards")
    record.save(path)
    assert call("plot", "R", path, "--out", "r.pdf").out == "r.pdf\n"
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    done = call("plot", "loss", path, "--out", "r.pdf")
    assert (done.code, done.err.count("\n")) == (2, 1)
    done = call("plot", "R", "nothing*", "--out", "r.pdf")
    assert (done.code, "is named like 'nothing*'" in done.err) == (2, True)
