"""With its index a board judges new records only, and has the same bytes as without."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from clbench.boards import index, loading
from clbench.boards.leaderboard import update
from clbench.metrics.summaries import SUMMARIES
from clbench.runs.boardcopy import compact


@pytest.fixture
def board(tmp_path, make_record, monkeypatch):
    """A folder of boards: `add` writes records; `made` gives the bytes and how many records were read."""
    folder, reads = tmp_path / "leaderboards", []
    judge = loading.judge

    def counted(path, **how):
        reads.append(path.name)
        return judge(path, **how)

    monkeypatch.setattr(loading, "judge", counted)
    monkeypatch.setattr(index, "FRESH_SECONDS", 0.0)

    def add(*records):
        for record in records:
            record.save(record.path(folder))

    def made(*, thorough=False):
        """The board's bytes, and how many records were judged."""
        reads.clear()
        (done,) = update(folder, summaries=SUMMARIES, indexed=not thorough)
        return done.path.read_bytes(), len(reads)

    def plain():
        """The same without an index."""
        (done,) = update(folder, summaries=SUMMARIES, write=False)
        assert not done.stale
        return done.path.read_bytes()

    return SimpleNamespace(folder=folder, add=add, made=made, plain=plain, record=make_record)


def test_only_new_records_are_read(board):
    board.add(*(board.record(seed=seed, final=(seed / 9, 0.5)) for seed in range(5)))
    assert board.made()[1] == 5
    assert board.made()[1] == 0
    board.add(board.record("mofo", final=(0.9, 0.9)))
    text, number = board.made()
    assert number == 1
    assert text == board.plain()
    assert b"| mofo" in text


def test_a_bound_that_comes_later_changes_the_runs_of_its_seed_and_order(board):
    def bound(name, **changes):
        record = board.record(name, **changes)
        return record.model_copy(update={"method": record.method.model_copy(update={"regime": name})})

    board.add(*(board.record(seed=seed, final=(seed / 9, 0.5)) for seed in range(4)))
    board.made()
    board.add(bound("joint", seed=2, final=(0.9, 0.9), scores={"strict": [[0.1, 0.1], [None, None], [0.9, 0.9]]}))
    text, number = board.made()
    assert number == 2, "the bound, and the run that it is paired with"
    assert b"Intransigence (joint)" in text
    assert text == board.plain()
    for path in board.folder.rglob("joint/*.json"):
        path.unlink()
    text, number = board.made()
    assert number == 1
    assert b"Intransigence" not in text
    assert text == board.plain()


def test_an_edited_record_is_read_again_also_where_its_size_and_time_are_as_before(board):
    record = board.record(final=(0.5, 0.5))
    board.add(record, board.record("mofo"))
    board.made()
    path = record.path(board.folder)
    known = path.stat()
    path.write_text(path.read_text().replace("0.5,", "0.6,"))
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert path.stat().st_size == known.st_size
    text, number = board.made()
    assert number == 1
    assert text == board.plain()


def test_a_record_of_just_now_is_not_trusted_yet(board, monkeypatch):
    monkeypatch.setattr(index, "FRESH_SECONDS", 60.0)
    board.add(board.record())
    board.made()
    assert board.made()[1] == 1


def test_what_is_wrong_stays_known(board):
    board.add(board.record())
    bad = board.record("mofo").path(board.folder)
    bad.parent.mkdir(parents=True)
    bad.write_text("{")
    for _ in range(2):
        (done,) = update(board.folder, summaries=SUMMARIES, indexed=True)
        assert [problem.startswith(str(bad)) for problem in done.problems] == [True]


@pytest.mark.parametrize("spoil", ["garbage", "empty", "folder", "other code", "half a row"])
def test_an_index_that_cannot_be_read_costs_time_only(board, spoil, monkeypatch):
    import sqlite3

    board.add(*(board.record(seed=seed) for seed in range(3)))
    text, _ = board.made()
    (path,) = (board.folder / ".index").glob("*.sqlite")
    if spoil == "garbage":
        path.write_bytes(b"x" * 5000)
    elif spoil == "empty":
        path.write_bytes(b"")
    elif spoil == "folder":
        path.unlink()
        path.mkdir()
    elif spoil == "other code":
        monkeypatch.setattr("clbench.boards.leaderboard.identity", lambda *what: "other")
    else:
        with sqlite3.connect(path) as file:
            file.execute("update entries set content = '[1]'")
    assert board.made() == (text, 3)
    assert board.made()[0] == text


def test_a_stamp_that_lies_deceives_no_command(board, monkeypatch):
    """A run goes by sizes and times, which somebody may set; the command by every byte."""
    record = board.record(final=(0.5, 0.5))
    board.add(record, board.record("mofo"))
    monkeypatch.setattr(loading, "stamp_of", lambda path: (1, 2, 3, 4))
    text, _ = board.made()
    path = record.path(board.folder)
    path.write_text(path.read_text().replace("0.5,", "0.6,"))
    assert board.made() == (text, 0)
    (done,) = update(board.folder, summaries=SUMMARIES)
    assert done.stale
    assert done.path.read_bytes() == board.plain() != text


def test_the_command_judges_nothing_twice(board, monkeypatch):
    board.add(*(board.record(seed=seed) for seed in range(3)))
    assert board.made(thorough=True)[1] == 3
    assert board.made(thorough=True)[1] == 0
    assert board.made()[1] == 0, "nor does a run after it"
    board.add(board.record("mofo"))
    assert board.made(thorough=True)[1] == 1
    for path in board.folder.rglob("*_s*.json"):
        os.utime(path)
    assert board.made(thorough=True)[1] == 0
    assert board.made()[1] == 0, "who goes by times is told of the new ones"


def test_what_records_have_in_common_is_a_part_of_each(board):
    record = board.record(final=(0.5, 0.5))
    compact.save(record, record.path(board.folder))
    for how in ({}, {"thorough": True}):
        assert board.made(**how)[1] in (0, 1)
        assert board.made(**how)[1] == 0
    (shared,) = board.folder.rglob("board.json")
    content = shared.read_text()
    for how in ({}, {"thorough": True}):
        shared.write_text(content.replace('"board"', '"bord"', 1))
        (done,) = update(board.folder, summaries=SUMMARIES, indexed=not how)
        assert "restore it" in done.problems[0], how
        shared.write_text(content)
        assert board.made(**how)[1] == 1, how


def test_the_command_writes_an_index_that_git_does_not_see(board, call):
    board.add(board.record())
    assert call("leaderboard", "--leaderboards-dir", board.folder).code == 0
    assert (board.folder / ".index" / ".gitignore").read_text() == "*\n"
    assert board.made()[1] == 0
    for path in (board.folder / ".index").glob("*"):
        path.unlink()
    assert call("leaderboard", "--check", "--leaderboards-dir", board.folder).code == 0
    assert not list((board.folder / ".index").iterdir()), "--check knows of no index"


def test_the_code_that_makes_entries_is_all_of_its_rooms(monkeypatch):
    """Parts of rooms, too: what a definition of a metric reads is in a folder of its own."""
    seen = []
    monkeypatch.setattr(index, "file_digest", lambda path: seen.append(path) or "")
    index.identity(SUMMARIES, ["op"])
    package = Path(index.clbench.__file__).parent
    assert {path for room in index.ROOMS for path in (package / room).rglob("*.py")} <= set(seen)
    assert package / "metrics" / "definitions" / "cells.py" in seen
