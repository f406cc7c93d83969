"""Boards of compact records: the tables of the full ones, the same refusals, soon made; and the repository's own."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from clbench.boards.consistency import contradictions
from clbench.boards.leaderboard import update
from clbench.metrics.summaries import SUMMARIES
from clbench.runs.boardcopy.compact import compacted, save
from clbench.runs.record import read_record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def boards(tmp_path):
    """Two folders of boards: `full` and `compact`, by a way to save a record there and to make the board."""

    def folder(name, put):
        path = tmp_path / name

        def made(records):
            for record in records:
                put(record, record.path(path))
            (done,) = update(path, summaries=SUMMARIES)
            return done

        return made

    return SimpleNamespace(
        full=folder("full", lambda record, path: record.save(path)),
        compact=folder("compact", save),
        path=tmp_path / "compact",
    )


def runs(large):
    return [large(method, seed=seed) for method in ("sequential", "mofo") for seed in range(3)]


def test_full_and_compact_records_give_the_same_tables(large, boards):
    full, compact = boards.full(runs(large)), boards.compact(runs(large))
    assert (full.problems, compact.problems) == ([], [])
    assert compact.path.read_bytes() == full.path.read_bytes()
    assert " mofo " in full.path.read_text()


def test_a_full_and_a_compact_record_of_one_run_are_one_run(large, boards, make_record):
    record = large()
    other = record.model_copy(update={"run": "toy_mofo_tiny_order1_s0_ffffffff"})
    done = boards.compact([record])
    other.save(other.path(boards.path))
    (again,) = update(boards.path, summaries=SUMMARIES)
    assert (again.stale, again.problems) == (False, [])
    assert again.path == done.path


def test_another_runs_predictions_are_found_by_their_fold(large, boards):
    first = large()

    def taken(number):
        """Another seed's run with so many of the first one's files."""
        files = {name: f"{place:03x}" + "0" * 61 for place, name in enumerate(first.predictions)}
        return large(seed=1, predictions={**files, **dict([*first.predictions.items()][:number])})

    done = boards.compact([first, taken(80)])
    assert len(done.problems) == 1
    assert f"files of predictions that it changed are those of {first.run}; remove it" in done.problems[0]
    assert boards.compact([first, taken(50)]).problems == []


def test_a_changed_digit_in_a_record_is_a_problem(large, boards):
    done = boards.compact(runs(large))
    path = large().path(boards.path)
    before = path.read_text()
    row = next(line for line in before.splitlines() if line.startswith("   [0."))
    path.write_text(before.replace(row, row.replace("0.", "0.1", 1)))
    (check,) = update(boards.path, summaries=SUMMARIES, write=False)
    assert f"{path}: is no valid record: it was changed after it was written" in check.problems[0]
    update(boards.path, summaries=SUMMARIES)
    (check,) = update(boards.path, summaries=SUMMARIES, write=False)
    assert not check.stale, "the table is the other records'"
    assert check.problems, "and the changed one is still named"
    path.write_text(before)
    boards.compact([])
    assert done.path.read_text() == update(boards.path, summaries=SUMMARIES)[0].path.read_text()


def test_files_that_do_not_fit_the_scores_are_found(large):
    kept = compacted(large())
    assert contradictions(kept) == []
    fold = kept.folded
    for row, digits, complaint in [
        ("01", fold.rows["01"] + "abc" * 2, "row 1 has 12 files"),
        ("02", "abc" * 7, "row 2 has 7 files"),
        ("09", "abc" * 8, "there are files of further rows"),
    ]:
        other = kept.model_copy(update={"folded": fold.model_copy(update={"rows": {**fold.rows, row: digits}})})
        assert contradictions(other) == [f"scores and files of predictions do not fit together: {complaint}"]
    named = kept.model_copy(update={"run": "toy_replay_tiny_order1_s0_0123abcd"})
    assert "is not named after mofo" in contradictions(named)[0]


def test_six_hundred_records_make_their_board_in_seconds(large, tmp_path, monkeypatch):
    """Measured in the ordinary way it takes under two; the bound here is for a busy machine."""
    monkeypatch.setattr("clbench.base.atomic.os.fsync", lambda number: None)
    methods = [f"method-{number}" for number in range(12)]
    records = [large(method, seed=seed) for method in methods for seed in range(5)]
    for record in records:
        save(record, record.path(tmp_path))
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.json"))
    assert 10 * size < 3.6e6
    began = time.process_time()
    (done,) = update(tmp_path, summaries=SUMMARIES)
    assert done.problems == []
    assert 10 * (time.process_time() - began) < 20


def test_the_repositorys_own_boards_are_what_their_records_say(call):
    """So the ordinary tests find a changed digit and a board that was not made again; they pass with no record."""
    done = call("leaderboard", "--check", "--leaderboards-dir", ROOT / "leaderboards")
    assert done.code == 0, done.out


def test_the_repositorys_records_are_small():
    paths = [path for path in (ROOT / "leaderboards" / "results").rglob("*.json") if path.name != "board.json"]
    assert all(path.stat().st_size <= 6144 for path in paths)
    assert sum(path.stat().st_size for path in paths) < 3_000_000
    for path in paths:
        said = path.read_text(encoding="utf-8")
        assert json.loads(said)["digest"] == read_record(path).digest
        assert not any(place in said for place in ("/home/", "/tmp/", "/root/", "/work/")), f"{path}: a machine's path"
