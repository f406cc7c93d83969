"""A run's archive: the same bytes from the same folder, checked like the folder; nothing but a run comes out of it."""

import json
import zipfile

import pytest
import small

from clbench.base.errors import RecordError
from clbench.runs.rundir import RunDir
from clbench.verification import archive


@pytest.fixture(scope="module")
def finished(tmp_path_factory, llama):
    home = tmp_path_factory.mktemp("archive")
    (outcome,) = small.run_stream(small.write_stream(home / "stream"), "sequential", model=llama, home=home)
    return outcome.run_dir, outcome.record, home


@pytest.fixture
def packed(finished, tmp_path):
    run_dir, record, _ = finished
    path = tmp_path / f"{record.run}.json"
    record.save(path)
    archive.pack(run_dir, archive.archive_path(path))
    return path


def rewritten(path, change):
    """The archive with other members: `change` is given and gives name to bytes."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in change(members).items():
            new.writestr(name, content)


def test_an_archive_is_the_folder_without_what_only_an_unfinished_run_needs(finished, packed):
    run_dir, record, _ = finished
    with archive.unpacked(packed) as found:
        assert found.finished() == record
        assert {path.name for path in found.path.iterdir()} == {
            *("record.json", "run.json", "matrix.json", "events.jsonl", "predictions")
        }
        for path in found.path.rglob("*.json*"):
            assert path.read_bytes() == (run_dir.path / path.relative_to(found.path)).read_bytes()
    assert not found.path.exists()


def test_the_same_folder_gives_the_same_bytes(finished, packed, tmp_path):
    again = archive.pack(finished[0], tmp_path / "again.zip")
    assert again.read_bytes() == archive.archive_path(packed).read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files: files | {"../outside.json": b"{}"}, "is no file of a run"),
        (lambda files: files | {"checkpoints/1/state.json": b"{}"}, "is no file of a run"),
        (lambda files: files | {"predictions/00/../../x.jsonl": b"{}"}, "is no file of a run"),
        (lambda files: files | {"record.json": b"{}"}, "is no valid record"),
        (lambda files: {name: one for name, one in files.items() if name != "record.json"}, "another record"),
    ],
)
def test_what_is_no_run_is_refused_and_leaves_nothing(packed, change, told, tmp_path):
    before = small.files_below(tmp_path)
    rewritten(archive.archive_path(packed), change)
    with pytest.raises(RecordError, match=told), archive.unpacked(packed):
        pass
    assert small.files_below(tmp_path) == before


def test_damage_and_absence_are_said_in_a_line(packed):
    path = archive.archive_path(packed)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecordError, match="is no archive of a run"), archive.unpacked(packed):
        pass
    path.unlink()
    with pytest.raises(RecordError, match="--pack"), archive.unpacked(packed):
        pass


def test_an_archive_that_unpacks_to_more_than_a_run_may_have_is_refused(packed, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(RecordError, match="unpacks to more than 1,000 bytes"), archive.unpacked(packed):
        pass


def test_an_unfinished_run_has_no_archive(tmp_path):
    (tmp_path / "run.json").write_text("{}", "utf-8")
    with pytest.raises(RecordError, match="not finished"):
        archive.pack(RunDir(tmp_path), tmp_path / "x.zip")


def test_pack_sign_verify_and_board_without_the_runs_folder(finished, call, tmp_path):
    """The way of a result: reported with its archive, scored again by another, who has no folder, and shown."""
    run_dir, record, home = finished
    boards, stream = home / "leaderboards", home / "stream" / "mine.yaml"
    places = ("--leaderboards-dir", boards, "--runs-dir", tmp_path / "none")
    assert call("show", run_dir.path, "--pack", "--sign", "Ann", *places).code == 0
    path = record.path(boards)
    assert "| reported (Ann, " in board_of(call, boards)
    told = call("show", path, "--verify", *places, "--json")
    assert told.code == 3
    outcomes = {check["name"]: check["outcome"] for check in json.loads(told.out)}
    assert outcomes["scores"] == "ok"
    assert outcomes["data"] == "not checked"
    assert call("show", path, "--verify", "--sign", "Bob", *places).code == 2, "not without the data"
    told = call("show", path, "--verify", "--stream", stream, "--sign", "Bob", *places)
    assert told.code == 3
    assert "\nsigned: rescored by Bob, " in told.out
    assert "| rescored (Bob, " in board_of(call, boards)
    told = call("show", path, "--verify", "--stream", stream, "--rerun", run_dir.path, "--sign", "Eve", *places)
    assert (told.code, told.out.splitlines()[-2]) == (0, "verified")
    assert "| rerun (Eve, " in board_of(call, boards)


def board_of(call, boards):
    assert call("leaderboard", "--leaderboards-dir", boards).code == 0
    (path,) = boards.glob("mine*.md")
    return path.read_text("utf-8")
