"""Progress: bars on a terminal, plain lines elsewhere, nothing when quiet."""

import io
import sys

import pytest
from rich.console import Console

from clbench.base.bars import BarProgress
from clbench.base.lines import LineProgress
from clbench.base.pace import Pace
from clbench.base.progress import Place, Progress, clock, left, make_progress


def use(progress):
    with progress.shown(), progress.run(Place("[mine]", 1, 1, 2)):
        with progress.task("train 1/2 word", total=3):
            for step in range(3):
                progress.advance(1, note=f"loss {3 - step:.1f}")
        with progress.task("score 1/2", total=4):
            progress.advance(4)
    progress.advance(1)


def test_lines_say_what_was_done_with_the_last_note(capsys):
    use(LineProgress())
    said = capsys.readouterr()
    assert said.out == ""
    first, train, score = said.err.splitlines()
    assert first == "run 1 of 1: [mine]"
    assert train.startswith("train 1/2 word: 3 done in ")
    assert train.endswith(" s, loss 1.0")
    assert score.startswith("score 1/2: 4 done in ")
    assert score.endswith(" s"), "the note of the task before is forgotten"


def test_lines_say_what_is_left_now_and_then(capsys):
    now = [0.0]
    progress = LineProgress(lambda: now[0])
    with progress.run(Place("mine", 12, 155, 17)):
        for number in (1, 2):
            with progress.task(f"score {number}/8", total=4):
                now[0] += 8
                progress.advance(4)
        with progress.task("train 3/8 meetingbank", total=12345):
            now[0] += 3600
            progress.advance(6172, note="loss 12.345, 1,234,567 tokens/s")
            progress.advance(1)
    lines = capsys.readouterr().err.splitlines()[1:]
    assert lines[:3] == [
        "score 1/8: 4 done in 8.0 s",
        "score 2/8: 4 done in 8.0 s",
        "run 0:00:16 gone 0:02:00 left, whole 0:00:16 gone 5:26:08 left",
    ]
    assert lines[3:6] == [
        "train 3/8 meetingbank: 6172 of 12345, loss 12.345, 1,234,567 tokens/s",
        "phase 1:00:00 gone 1:00:00 left",
        "run 1:00:16 gone 5:49:33 left, whole 1:00:16 gone 982:33:48 left",
    ]
    assert lines[6] == "train 3/8 meetingbank: 12345 done in 3600.0 s, loss 12.345, 1,234,567 tokens/s"
    assert all(len(line) <= 80 for line in lines)


def test_the_whole_is_measured_from_the_first_run_that_was_left():
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.begin_run(Place("third", 3, 4, 2))
    for _ in range(2):
        pace.begin_phase(5)
        now[0] += 10
        pace.end_phase()
    pace.begin_run(Place("fourth", 4, 4, 2))
    run, whole = pace.levels()
    assert (run.name, run.done, run.gone, run.left) == ("run", 0, 0, None)
    assert (whole.name, whole.done, whole.gone, whole.left) == ("whole", 3, 20, 20)


def test_what_is_true_of_several_runs_is_said_once(capsys):
    progress = LineProgress()
    for text in ("no model can score above 0.8", "another", "no model can score above 0.8"):
        progress.say_once(text)
    assert capsys.readouterr().err.splitlines() == ["no model can score above 0.8", "another"]


def test_a_bar_shows_the_name_the_count_and_the_time_that_is_left():
    screen = io.StringIO()
    progress = BarProgress(Console(file=screen, force_terminal=True, width=120))
    with progress.shown(), progress.task("train 1/2 word", total=4):
        progress.advance(1, note="loss 2.0")
        progress.bars.refresh()
        shown = screen.getvalue()
    assert "train 1/2 word" in shown
    assert "1/4" in shown
    assert "loss 2.0" in shown
    use(progress)
    assert "[mine]" in screen.getvalue(), "names from outside are no markup"


def test_there_is_a_bar_for_the_phase_for_the_run_and_for_the_whole():
    screen = io.StringIO()
    progress = BarProgress(Console(file=screen, force_terminal=True, width=120))
    with progress.shown(), progress.run(Place("mine", 2, 3, 5)):
        for number in (1, 2):
            with progress.task(f"phase {number}", total=4):
                progress.advance(3)
                shown = [(one.description, one.completed, one.total) for one in progress.bars.tasks]
    assert shown == [("whole", 1 + 1.75 / 5, 3), ("run", 1.75, 5), ("phase 2", 3, 4)], "each moves with its parts"
    assert progress.bars.task_ids == []
    with progress.shown(), progress.run(Place("mine", 1, 1, 5)):
        assert [one.description for one in progress.bars.tasks] == ["run"]


def test_a_bar_goes_away_when_its_task_fails():
    progress = BarProgress(Console(file=io.StringIO(), force_terminal=True))
    with pytest.raises(ValueError, match="stop"), progress.shown(), progress.task("train", total=4):
        raise ValueError("stop")
    assert progress.bars.task_ids == []


def test_the_one_that_suits_standard_error_is_made(monkeypatch, capsys):
    assert type(make_progress(quiet=True)) is Progress
    use(make_progress(quiet=True))
    assert capsys.readouterr() == ("", "")
    assert isinstance(make_progress(), LineProgress)
    assert type(make_progress(lines=False)) is Progress, "a library is quiet where nobody looks on"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_progress(), BarProgress)
    assert isinstance(make_progress(lines=False), BarProgress)


def test_at_80_columns_no_number_is_cut(monkeypatch):
    """The longest of all: names, counts, hours, and the note of a step."""
    screen = io.StringIO()
    now = [0.0]
    monkeypatch.setattr("clbench.base.bars.time.monotonic", lambda: now[0])
    progress = BarProgress(Console(file=screen, force_terminal=True, width=80, color_system=None))
    with progress.run(Place("mine", 12, 155, 17)), progress.task("train 3/8 meetingbank-long", total=12345):
        now[0] = 3600.0
        progress.advance(6172, note="loss 12.345, 1,234,567 tokens/s")
        for part in progress.bars.get_renderables():
            progress.bars.console.print(part)
    lines = [line.rstrip() for line in screen.getvalue().splitlines() if " gone " in line or "tokens/s" in line]
    whole, run, phase, note = lines
    assert phase.startswith("train 3/8 meetingbank")
    assert phase.endswith("6172/12345 1:00:00 gone 1:00:00 left")
    assert run.split()[-5:] == ["0/17", "1:00:00", "gone", "33:00:09", "left"]
    assert "11/155" in whole
    assert whole.endswith(" left")
    assert note == "loss 12.345, 1,234,567 tokens/s"
    assert all(len(line) <= 80 for line in lines)


def test_time_is_told_in_hours_and_left_at_the_pace_so_far():
    assert (clock(3723.9), clock(None)) == ("1:02:03", "-:--:--")
    assert left(0, 10, seconds=5) is None
    assert left(2, 10, seconds=5) == 20


def test_what_an_earlier_process_has_done_tells_nothing_of_the_pace():
    now = [0.0]
    pace = Pace(lambda: now[0])
    pace.begin_run(Place("a", 1, 2, phases=5))
    pace.skip(3)
    pace.begin_phase(1)
    now[0] = 10.0
    pace.end_phase()
    run, whole = pace.levels()
    assert (run.done, run.left) == (4, 10.0)  # one phase took 10 s, one is left
    assert whole.left == pytest.approx(60.0)  # a fifth of a run took 10 s; a fifth and a run are left


def test_bars_of_a_continued_run_begin_where_it_was_cut_off(monkeypatch):
    from clbench.base import bars

    now = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    progress = bars.BarProgress(Console(file=io.StringIO(), width=80, force_terminal=True))
    with progress.run(Place("a", 1, 2, phases=5)):
        progress.skip(3)
        with progress.task("phase", total=2):
            now[0] = 10.0
            progress.advance(2)
            told = {one.description: bars._Times().render(one).plain for one in progress.bars.tasks}
    assert told["run"] == "0:00:10 gone 0:00:10 left"
    assert told["whole"] in ("0:00:10 gone 0:00:59 left", "0:00:10 gone 0:01:00 left")  # rounding of thirds
