"""Boards: a pure function of the records, with honest numbers, harmless names and no lost row."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.base.errors import RecordError
from clbench.boards import leaderboard
from clbench.boards.leaderboard import update
from clbench.boards.loading import load_board
from clbench.boards.markdown import BEGIN, END
from clbench.boards.render import board_rows, render
from clbench.boards.style import default_style
from clbench.boards.values import rows_of
from clbench.metrics.summaries import SUMMARIES, SummarySpec

STYLE = default_style()
NASTY = ["a|b", "<script>x</script>", "two\nlines", "`code`", "**b**", f"x{END}y", "[l](http://x)", "新 | 方法"]


@pytest.fixture
def boards(tmp_path):
    """A leaderboards folder; `add` puts records where they belong."""
    folder = tmp_path / "leaderboards"

    def add(*records):
        for record in records:
            record.save(record.path(folder))
        return folder

    return SimpleNamespace(folder=folder, add=add, update=lambda **how: update(folder, summaries=SUMMARIES, **how))


@pytest.fixture(scope="session")
def fixed(make_record):
    """Three methods, three seeds, and one run that has no partner among the baseline's."""
    finals = {
        "sequential": [(0.30, 0.80), (0.40, 0.85), (0.35, 0.75)],
        "mofo": [(0.50, 0.80), (0.65, 0.80), (0.55, 0.85)],
        "replay": [(0.60, 0.90)],
    }
    records = [
        make_record(name, seed=seed, final=final) for name, runs in finals.items() for seed, final in enumerate(runs)
    ]
    return [*records, make_record("mofo", seed=7, final=(0.1, 0.1))]


def rows(records, summaries=SUMMARIES, style=STYLE):
    return {row["Method"]: row for row in board_rows(records, style=style, summaries=summaries)}


def board_text(name, records):
    return leaderboard.board_text(name, records[0].board, records, old="", summaries=SUMMARIES)


def markdown(records):
    return board_text("toy", list(records))


# --- a pure function


def test_snapshot_of_a_board(fixed, snapshot):
    assert markdown(fixed) == snapshot


@settings(max_examples=25)
@given(data=st.data())
def test_same_records_give_the_same_bytes_in_any_order(fixed, data):
    assert markdown(data.draw(st.permutations(fixed))) == markdown(fixed)


@settings(max_examples=5)
@given(data=st.data())
def test_order_in_which_files_are_written_does_not_matter(fixed, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    for record in data.draw(st.permutations(fixed[:5])):
        record.save(record.path(folder))
        update(folder, summaries=SUMMARIES)
    (path,) = folder.glob("*.md")
    assert path.read_text() == board_text(path.stem, fixed[:5])


def test_regenerating_changes_nothing(boards, fixed):
    boards.add(*fixed)
    (first,) = boards.update()
    text = first.path.read_bytes()
    (second,) = boards.update()
    assert (first.stale, second.stale) == (True, False)
    assert second.path.read_bytes() == text


# --- numbers


def test_mean_and_standard_deviation_over_n_runs(fixed):
    found = rows(fixed)
    assert found["sequential"]["n"] == "3"
    assert found["sequential"]["OP ↑"] == "0.575 ± 0.043"  # 0.55, 0.625, 0.55
    assert found["replay"]["OP ↑"] == "0.750"
    assert found["sequential"]["Train tokens"] == "34,567"
    assert found["sequential"]["Peak memory"] == "3.0 GiB"
    assert found["sequential"]["Train s"] == "12.3"


def test_differences_are_paired_on_seeds_and_orders(fixed):
    """The unpartnered seed 7 counts in the mean and not in the difference."""
    mofo, sequential = [0.65, 0.725, 0.70], [0.55, 0.625, 0.55]
    interval = stats.ttest_rel(mofo, sequential).confidence_interval(0.95)
    mean, half = (interval.low + interval.high) / 2, (interval.high - interval.low) / 2
    found = rows(fixed)
    assert found["mofo"]["n"] == "4"
    assert found["mofo"]["ΔOP vs sequential"] == f"{mean:+.3f} ± {half:.3f}"
    assert found["replay"]["ΔOP vs sequential"] == "+0.200"
    assert found["sequential"]["ΔOP vs sequential"] == "–"


def test_another_order_is_another_pair(make_record):
    records = [make_record(order="order1", final=(0.5, 0.5)), make_record("mofo", order="order2", final=(0.9, 0.9))]
    assert rows(records)["mofo"]["ΔOP vs sequential"] == "–"


def test_best_row_first_and_ties_by_name(make_record):
    records = [make_record(name, final=(score, score)) for name, score in [("b", 0.5), ("c", 0.9), ("a", 0.5)]]
    assert list(rows(records)) == ["c", "a", "b"]


def test_the_first_row_names_the_bounds_that_were_run(make_record):
    finals = {"joint": 0.9, "mofo": 0.5, "frozen": 0.1}
    records = [make_record(name, final=(value, 0.8)) for name, value in finals.items()]
    assert list(rows(records)) == ["bounds", "joint", "mofo", "frozen"]
    assert rows(records)["bounds"]["OP ↑"] == "frozen 0.450, joint 0.850"
    assert list(rows(records[1:2])) == ["mofo"]
    assert markdown(records).index("| bounds") < markdown(records).index("| joint")


def test_differences_without_default_options_are_from_the_baselines_only_row(make_record):
    options = {"sequential": {"learning_rate": 2e-4}}
    tuned = make_record("sequential", final=(0.4, 0.8), options=options)
    assert rows([make_record("mofo", final=(0.5, 0.8)), tuned])["mofo"]["ΔOP vs sequential"] == "+0.050"


def test_rows_that_cannot_be_ranked_come_last(make_record):
    missing = [[0.1, 0.2], [0.9, None], [None, 0.9]]
    records = [make_record("gaps", scores={"strict": missing, "lenient": missing}), make_record("low", final=(0, 0))]
    found = rows(records)
    assert list(found) == ["low", "gaps"]
    assert (found["gaps"]["OP ↑"], found["gaps"]["LA ↑"]) == ("–", "0.900")


def test_options_and_versions_make_rows_of_their_own(make_record):
    plain, changed = make_record("mofo"), make_record("mofo", options={"mofo": {"learning_rate": 0.1}}, seed=1)
    newer = make_record("mofo", seed=2)
    newer = newer.model_copy(update={"method": newer.method.model_copy(update={"packages": {"clbench": "0.2.0"}})})
    found = rows_of([plain, changed, newer])
    assert [(row.label, dict(row.packages)["clbench"], len(row.records)) for row in found] == [
        ("mofo", "0.1.0", 1),
        ("mofo", "0.2.0", 1),
        ("mofo (learning_rate=0.1)", "0.1.0", 1),
    ]


def test_board_ranks_by_the_score_that_its_protocol_names(make_record):
    low, high = [[0.0, 0.0]] * 3, [[1.0, 1.0]] * 3
    board = {"protocol": {"name": "toy/1", "scorer": "lenient"}}
    lenient_better = make_record("a", board=board, scores={"strict": low, "lenient": high})
    strict_better = make_record("b", board=board, scores={"strict": high, "lenient": low})
    assert list(rows([lenient_better, strict_better])) == ["a", "b"]
    assert rows([lenient_better])["a"]["OP ↑"] == "1.000"


def test_record_without_lenient_scores_has_a_row(make_record):
    record = make_record(scores={"strict": [[0.1, 0.2], [0.9, 0.3], [0.5, 0.8]]})
    assert rows([record])["sequential"]["OP lenient ↑"] == "–"


@pytest.mark.parametrize("drift", [{}, {"relative_l2": 0.25}, {"relative_l2": None}], ids=str)
def test_drift_is_shown_when_it_was_measured(make_record, drift):
    shown = "0.250" if drift.get("relative_l2") == 0.25 else "–"
    assert rows([make_record(drift=drift)])["sequential"]["Drift (relative L2)"] == shown


def test_a_plugins_summary_that_fails_costs_no_board(make_record):
    specs = [*SUMMARIES, SummarySpec("mine", "a_module_that_is_not_there:f", True, "…")]
    style = STYLE.model_copy(
        update={"columns": (*STYLE.columns, STYLE.columns[0].model_copy(update={"key": "mine", "heading": "Mine"}))}
    )
    assert rows([make_record()], specs, style)["sequential"]["Mine"] == "–"


def test_every_column_names_a_summary_cost_or_footprint(make_record):
    assert set(rows([make_record()])["sequential"]) == {
        "Method",
        "n",
        "Checked",
        "Package",
        *(one.heading for one in STYLE.columns),
    }


# --- names from outside


@pytest.mark.parametrize("name", NASTY, ids=repr)
def test_names_are_harmless(make_record, replaced, name):
    """Even where the schema let them through."""
    record = make_record()
    for place in (("board", "stream"), ("board", "model", "name")):
        record = replaced(record, place, name)
    records = [record, replaced(record, ("method", "name"), name)]
    rows = board_rows(records, style=STYLE, summaries=SUMMARIES)
    block = render(records[0].board, records, rows=rows, style=STYLE)
    assert "<script>" not in block
    assert END not in block
    assert "](http" not in block.replace("\\]", "")
    table = [line for line in block.split("\n") if line.startswith("|")]
    widths = {len(re.sub(r"\\.", "", line).split("|")) for line in table}
    assert len(widths) <= 2  # results, costs
    assert len(table) == 8
    wrapped = board_text(name, records)
    assert (wrapped.count(BEGIN), wrapped.count(END)) == (1, 1)


# --- files


def test_hand_written_text_stays(boards, make_record):
    boards.add(make_record())
    (first,) = boards.update()
    text = first.path.read_text()
    first.path.write_text(f"# My title\n\nWhat I think of it.\n{text[text.index(BEGIN) :]}\n## Below\n")
    boards.add(make_record("mofo"))
    boards.update()
    new = first.path.read_text()
    assert new.startswith("# My title\n\nWhat I think of it.\n<!--")
    assert new.endswith(f"{END}\n\n## Below\n")
    assert "| mofo" in new


def test_broken_markers_are_refused_and_nothing_is_written(boards, make_record):
    boards.add(make_record())
    (done,) = boards.update()
    done.path.write_text(f"mine\n{BEGIN}\n")
    with pytest.raises(RecordError, match=rf"{done.path.name}: needs exactly one line"):
        boards.update()
    assert done.path.read_text() == f"mine\n{BEGIN}\n"


def test_check_tells_what_is_stale_and_writes_nothing(boards, make_record):
    boards.add(make_record())
    (before,) = boards.update(write=False)
    assert before.stale
    assert sorted(path.name for path in boards.folder.iterdir()) == ["results"]
    boards.update()
    (after,) = boards.update(write=False)
    assert not after.stale
    boards.add(make_record("mofo"))
    (again,) = boards.update(write=False)
    assert again.stale


def test_invalid_record_is_left_out_and_reported(boards, make_record):
    good, bad, other = make_record(), make_record("mofo"), make_record("mofo", board={"data": "d" * 64})
    boards.add(good, bad)
    bad.path(boards.folder).write_text("{")
    foreign = bad.path(boards.folder).with_name("foreign.json")
    foreign.write_text(json.dumps(other.model_dump(mode="json")))
    misplaced = boards.folder / "results" / good.board.name / "misplaced.json"
    misplaced.write_text(json.dumps(good.model_dump(mode="json")))
    loaded = load_board(boards.folder / "results" / good.board.name, leaderboards=boards.folder)
    assert loaded.records == [good]
    assert [problem.split(": ")[0] for problem in loaded.problems] == [
        str(misplaced),
        str(foreign),
        str(bad.path(boards.folder)),
    ]
    assert f"belongs at {other.path(boards.folder)}" in loaded.problems[1]
    (done,) = boards.update()
    assert done.problems == loaded.problems
    assert "| sequential" in done.path.read_text()


def test_board_of_invalid_records_only_is_left_alone(boards, make_record):
    boards.add(make_record())
    (done,) = boards.update()
    text = done.path.read_text()
    make_record().path(boards.folder).write_text("[]")
    (again,) = boards.update()
    assert (again.stale, len(again.problems)) == (False, 1)
    assert done.path.read_text() == text


def test_one_board_only(boards, make_record):
    one, two = make_record(), make_record(board={"data": "d" * 64})
    boards.add(one, two)
    assert [done.path.stem for done in boards.update(board=two.board.name)] == [two.board.name]
    assert not (boards.folder / f"{one.board.name}.md").exists()
    with pytest.raises(RecordError, match=r"no board 'nothing' in .*; there is toy_tiny_"):
        boards.update(board="nothing")


def test_no_records_is_no_error(boards):
    assert boards.update() == []


WRITER = """
import json, sys
from pathlib import Path
from clbench.boards.leaderboard import update
from clbench.runs.record import Record
from clbench.metrics.summaries import SUMMARIES
from clbench.base import atomic

folder, number, content = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
for round in range(5):
    seed = number * 5 + round
    record = Record.model_validate(content | {"seed": seed, "run": f"run-{seed}"})
    with atomic.lock(folder):
        record.save(record.path(folder))
    update(folder, summaries=SUMMARIES, board=record.board.name)
"""


def test_eight_processes_that_write_at_once_lose_nothing(boards, make_record, process_env):
    content = json.dumps(make_record("mofo").model_dump(mode="json"))
    command = [sys.executable, "-c", WRITER, str(boards.folder)]
    writers = [subprocess.Popen([*command, str(number), content], env=process_env()) for number in range(8)]
    assert [writer.wait(120) for writer in writers] == [0] * 8
    (done,) = boards.update(write=False)
    assert not done.stale
    loaded = load_board(boards.folder / "results" / done.path.stem, leaderboards=boards.folder)
    assert sorted(record.seed for record in loaded.records) == list(range(40))
    assert "|  40 |" in done.path.read_text()
    assert not list(Path(boards.folder).rglob("*.tmp"))


def test_intransigence_takes_its_bounds_from_the_boards_own_runs(make_record):
    plain = make_record()  # learns its tasks to .9 and .8
    bounds = [make_record("single", final=(0.95, 0.9)), make_record("joint", seed=1, final=(1.0, 1.0))]
    found = rows([plain, *bounds])["sequential"]
    assert found["Intransigence (single) ↓"] == "0.075"
    assert found["Intransigence (joint) ↓"] == "–", "the joint run has another seed"


# --- what was forged, copied or forgotten

FILES = {f"predictions/0{row}/toy--{task}.jsonl": "0" * 64 for row in range(3) for task in "ab"}


def trained(make_record, *, seed=0, method="mofo", digit="0", **changes):
    """A record as a run leaves it."""
    files = {name: f"{digit}{name[13]}" * 32 for name in FILES}  # other answers in each row
    return make_record(
        method, seed=seed, run=f"toy_{method}_tiny_order1_s{seed}_0123abcd", predictions=files, **changes
    )


def test_a_forged_record_is_left_out_and_reported(boards, make_record):
    good = trained(make_record)
    forged = make_record("best", final=(1, 1), run="toy_best_tiny_order1_s3_0123abcd", predictions=good.predictions)
    boards.add(good, forged)
    (done,) = boards.update()
    assert "best" not in done.path.read_text()
    (problem,) = done.problems
    assert problem == (
        f"{forged.path(boards.folder)}: contradicts itself: run {forged.run} is not named after best, tiny, order1, "
        "s0; restore its content, or remove it"
    )


def test_a_run_that_was_copied_to_another_seed_counts_once(boards, make_record):
    first, copied, second = (
        trained(make_record, seed=seed, digit=digit) for seed, digit in [(0, "0"), (1, "0"), (2, "2")]
    )
    boards.add(first, copied, second)
    (done,) = boards.update()
    assert done.problems == [
        f"{copied.path(boards.folder)}: has the predictions of {first.run}, so it is no further run; remove it"
    ]
    assert "|   2 |" in done.path.read_text()


def test_methods_that_come_to_the_same_and_frozen_models_are_no_copies(boards, make_record):
    still = {"strict": [[0.1, 0.2]] * 3, "lenient": [[0.1, 0.2]] * 3}
    costs = make_record().costs.model_dump() | {"steps": 0}
    changes = {"scores": still, "costs": costs, "footprint": {"trainable_parameters": 0}}
    files = {name: "0" * 64 for name in FILES if "/00/" in name}
    for seed in (0, 1):
        record = trained(make_record, method="frozen", seed=seed, **changes)
        method = record.method.model_copy(update={"regime": "frozen"})
        boards.add(record.model_copy(update={"method": method, "predictions": files}))
    boards.add(trained(make_record), trained(make_record, method="sequential"))
    (done,) = boards.update()
    assert done.problems == []


@pytest.mark.parametrize("kept", ["nothing", "an empty folder"])
def test_a_board_without_records_is_noticed(boards, make_record, kept):
    record, other = make_record(), make_record(board={"data": "d" * 64})
    boards.add(record, other)
    boards.update()
    path = record.path(boards.folder)
    path.unlink()
    if kept == "nothing":
        path.parent.rmdir()
        path.parent.parent.rmdir()
    (boards.folder / "README.md").write_text("# Boards\n")
    board = boards.folder / f"{record.board.name}.md"
    problems = {done.path: done.problems for done in boards.update(write=False)}
    folder = boards.folder / "results" / record.board.name
    assert problems == {
        board: [f"{board}: there is no record for this board; remove it, or restore {folder}"],
        boards.folder / f"{other.board.name}.md": [],
    }
    assert board.is_file()


def test_the_command_says_what_was_forged_and_what_was_forgotten(boards, make_record, call):
    boards.add(make_record())
    boards.update()
    (board,) = boards.folder.glob("*.md")
    text = board.read_text()
    board.write_text(re.sub(r"0\.650", "0.950", text))
    check = ("leaderboard", "--check", "--leaderboards-dir", boards.folder)
    assert text != board.read_text()
    done = call(*check)
    assert (done.code, f"{board}: stale" in done.out) == (1, True), "an edited number"
    board.write_text(text)
    assert call(*check).code == 0
    board.rename(boards.folder / "old.md")
    boards.update()
    done = call(*check)
    assert done.code == 1
    assert "old.md: there is no record for this board" in done.out
