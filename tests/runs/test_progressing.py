"""How far a run has come, from its log: also of a log that is cut off."""

import pytest

from clbench.cli.watch import sparkline
from clbench.runs.progressing import told


def at(moment, kind, **values):
    return {"time": moment, "event": kind, **values}


LOG = [
    at(100, "start", phases=5),
    at(101, "measuring", row=0),
    at(110, "measured", row=0),
    at(110, "training", index=1, task="own/word", steps=4),
    at(112, "step", step=1, loss=3.0, learning_rate=1e-3, gradient_norm=2.5, tokens_per_second=500),
    at(114, "step", step=2, loss=2.0, learning_rate=1e-3, gradient_norm=2.0, tokens_per_second=510),
]


def test_a_run_that_goes_on_has_a_phase_a_pace_and_time_left():
    found = told(LOG, now=115)
    assert (found.state, found.phase, found.phases, found.of) == ("running", "train own/word", 1, 5)
    assert (found.step, found.losses, found.tokens_per_second) == (2, (3.0, 2.0), 510)
    assert found.seconds == 15
    assert found.remaining == pytest.approx((5 - 1.5) / 1.5 * 15)


def test_time_left_counts_from_where_a_run_was_resumed():
    log = [*LOG, at(120, "interrupted", error="stopped"), at(200, "resumed", phases=5)]
    assert told(log[:-1], now=130).state == "interrupted"
    assert told(log[:-1], now=130).reason == "stopped"
    again = told([*log, at(210, "trained", index=1, task="own/word", step=4)], now=210)
    assert (again.phases, again.seconds) == (2, 10)
    assert again.remaining == pytest.approx((5 - 2) / 1 * 10)


def test_what_is_over_says_so_and_what_is_not_begun_too():
    assert told([*LOG, at(150, "end")], now=999).state == "finished"
    assert told([*LOG, at(150, "end")], now=999).seconds == 50
    assert told([*LOG, at(150, "failed", error="no luck")], now=999).reason == "no luck"
    assert told([], now=999).state == "not begun"
    assert told([at(1, "start")], now=2).remaining is None, "a log of before"


def test_a_line_shows_the_course_of_losses():
    assert sparkline([], width=8) == ""
    assert sparkline([1.0, 2.0, 3.0], width=8) == "▁▅█"
    assert len(sparkline([float(n) for n in range(100)], width=8)) == 8
    assert sparkline([2.0, 2.0], width=8) == "▄▄"
