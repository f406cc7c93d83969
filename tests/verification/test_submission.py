"""What is handed in: whole, in place, and checked on the other side; what papers print stays apart."""

import json

import pytest

from clbench.base.errors import FileError, RecordError
from clbench.boards.published import published
from clbench.runs.rundir import RunDir
from clbench.verification import submission


@pytest.fixture
def run_dir(tmp_path, make_record):
    """A finished run."""
    record = make_record()
    folder = tmp_path / "runs" / record.run
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run": record.run, "status": "finished", "config": {}}))
    record.save(folder / "record.json")
    return RunDir(folder)


def test_what_is_handed_in_is_laid_out_as_boards_keep_it(run_dir, tmp_path):
    folder = tmp_path / "new"
    record = submission.write(run_dir, folder, who="Ada")
    assert record == run_dir.finished().path(folder)
    assert submission.read(folder) == record
    names = {one.suffixes[-1] for one in record.parent.iterdir()}
    assert names == {".json", ".zip", ".jsonl"}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder, record: record.with_suffix(".zip").unlink(), "lacks results/"),
        (lambda folder, record: record.with_name("more.json").write_text("{}"), "does not name; remove it"),
        (lambda folder, record: record.with_suffix(".zip").write_bytes(b"x"), "is not the file that was handed in"),
        (lambda folder, record: (folder / "submission.json").write_text("[]"), "is no list of a submission's files"),
        (lambda folder, record: (folder / "submission.json").unlink(), "cannot be read"),
    ],
    ids=["lost", "added", "damaged", "other", "none"],
)
def test_what_was_spoilt_on_the_way_is_found(run_dir, tmp_path, spoil, complaint):
    folder = tmp_path / "new"
    spoil(folder, submission.write(run_dir, folder, who="Ada"))
    with pytest.raises(RecordError, match=complaint):
        submission.read(folder)


def test_a_record_in_another_place_is_refused(run_dir, tmp_path):
    folder = tmp_path / "new"
    record = submission.write(run_dir, folder, who="Ada")
    manifest = json.loads((folder / "submission.json").read_text())
    moved = record.rename(record.with_name("x.json"))
    files = {name.replace(record.name, "x.json"): found for name, found in manifest["files"].items()}
    content = {"record": moved.relative_to(folder).as_posix(), "files": files}
    (folder / "submission.json").write_text(json.dumps(content))
    with pytest.raises(RecordError, match="belongs at"):
        submission.read(folder)


def test_a_folder_in_use_is_left_alone(run_dir, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(FileError, match="is not empty"):
        submission.write(run_dir, tmp_path / "full", who="Ada")


def test_papers_numbers_are_on_no_board(call):
    rows = call("ls", "published", "--json").json
    (found,) = [
        one
        for one in rows
        if (one["table"], one["method"], one["model"]) == ("TRACE, Table 1", "SeqFT", "LLaMA-2-7B-Chat")
    ]
    assert (found["OP"], found["BWT"]) == (48.7, -8.3)  # Table 8's matrix gives .487 and -.083
    assert all("arXiv:" in one.source for one in published())


def test_an_older_runs_file_lacks_what_came_later(make_record):
    from clbench.verification.verify import _same

    board = make_record().board
    stated = {"name": board.name, **board.model_dump(mode="json")}
    assert _same(stated, board, "name")
    later = [name for name, field in type(board).model_fields.items() if not field.is_required()]
    assert later
    plain = {
        name: value for name, value in stated.items() if name == "name" or getattr(board, name) != _default(board, name)
    }
    assert _same({**plain, "name": board.name}, board, "name")
    assert not _same({**stated, "stream": "other"}, board, "name")
    assert not _same({**stated, "unknown": 1}, board, "name")


def _default(board, name):
    field = type(board).model_fields.get(name)
    return object() if field is None or field.is_required() else field.get_default(call_default_factory=True)
