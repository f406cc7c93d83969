"""`clbench data`: the archive is registered and verified, and what is odd in it is said."""

import json

import pytest
import small

from clbench.base.hashing import file_digest
from clbench.data.archives import trace as archive


@pytest.fixture
def folder(tmp_path):
    """One variant in the official layout, of generated records."""
    return small.write_archive(tmp_path / "TRACE-Benchmark")


def findings(shown, task):
    return next(one["findings"] for one in shown["500"]["tasks"] if one["task"] == task)


def test_a_folder_is_registered_where_it_is(home, folder, call):
    assert "no archive is registered" in call("data", "ls").out
    done = call("data", "add", "trace", folder.parent)
    assert (done.code, done.err) == (0, "")
    assert f"trace:500 registered from {folder}" in done.out
    assert "trace/fomc: train has 4 records, the published archive 500" in done.out
    assert "use it by --stream trace:500" in done.out
    assert call("data", "ls", "--json").json == [{"data": "trace:500", "files": 24, "path": str(folder)}]
    assert str(folder) in call("data", "ls").out.replace("\n", "")
    assert small.files_below(home) == {archive.REGISTER.file}


def test_the_same_zip_is_unpacked_and_registered(home, folder, tmp_path, call):
    path = small.zip_folder(folder.parent, tmp_path / "copy.zip")
    shown = call("data", "add", "trace", path, "--sha256", file_digest(path), "--json").json
    assert shown.keys() == {"500"}
    assert shown["500"]["path"].startswith(str(home / "data"))
    records = {one["task"]: one["records"] for one in shown["500"]["tasks"]}
    assert set(map(str, records.values())) == {str({"train": 4, "eval": 4, "test": 4})}
    assert len(records) == 8


def test_what_is_wrong_with_records_is_reported_and_does_not_stop(home, folder, call):
    path = folder / "FOMC" / "test.json"
    records = json.loads(path.read_text(encoding="utf-8"))
    (folder / "FOMC" / "eval.json").write_text(json.dumps(records[::-1]), encoding="utf-8")
    records = json.loads((folder / "NumGLUE-ds" / "train.json").read_text(encoding="utf-8"))
    (folder / "NumGLUE-ds" / "test.json").write_text(json.dumps(records[:1] * 2), encoding="utf-8")
    (folder / "C-STANCE" / "test.json").write_text(json.dumps([{"prompt": "?", "answer": "yes"}]), encoding="utf-8")
    shown = call("data", "add", "trace", folder, "--json").json
    assert "eval and test are the same records: never select on eval" in findings(shown, "trace/fomc")
    assert "1 prompts of test are also in train" in findings(shown, "trace/numglue-ds")
    assert "test: only 1 of 2 prompts are different" in findings(shown, "trace/numglue-ds")
    assert any("do not fit the task's template" in one for one in findings(shown, "trace/c-stance"))
    assert not any("template" in one for one in findings(shown, "trace/py150"))


def test_a_file_that_changed_after_it_was_added_is_refused(home, folder, call, tmp_path):
    assert call("data", "add", "trace", folder).code == 0
    with (folder / "Py150" / "train.json").open("a") as file:
        file.write(" ")
    done = call("run", "--stream", "trace:500", "--plugin", "frozen", "--dry-run")
    assert done.code == 2
    assert done.err.startswith(f"error: {folder / 'Py150' / 'train.json'}: changed since it was added")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_archive(home, call, path):
    done = call("data", "add", "trace", path)
    assert (done.code, done.out) == (2, "")
    assert "is neither a file nor a folder" in done.err


def test_a_missing_variant_says_how_to_add_it(home, call):
    done = call("run", "--stream", "trace:1000", "--plugin", "frozen", "--dry-run")
    assert done.code == 2
    assert "`clbench data add trace PATH`" in done.err
    assert "--stream trace:mini" in done.err


BAD = {
    "unknown archive": (["tracee", "."], "no archive 'tracee'; did you mean 'trace'?"),
    "no such path": (["trace", "missing.zip"], "missing.zip: there is no such file or folder"),
    "a device": (["trace", "/dev/zero"], "/dev/zero: is neither a file nor a folder"),
    "not TRACE": (["trace", "."], "holds no LLM-CL-Benchmark_"),
    "another variant": (["trace", "TRACE-Benchmark", "--variant", "5000"], "holds no LLM-CL-Benchmark_"),
    "unknown variant": (["trace", "TRACE-Benchmark", "--variant", "50"], "did you mean '500'"),
    "wrong checksum": (["trace", "some.zip"], "not 11152d50f8a093b1"),
    "malformed records": (["trace", "broken"], "broken/LLM-CL-Benchmark_500/FOMC/eval.json:1: malformed JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_archives_are_one_line_and_leave_nothing(home, folder, tmp_path, call, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.zip").write_text("no zip")
    if kind == "not TRACE":
        monkeypatch.chdir(home)
    if kind == "malformed records":
        broken = small.write_archive(tmp_path / "broken")
        (broken / "FOMC" / "eval.json").write_text("[{")
    arguments, complaint = BAD[kind]
    before = small.files_below(tmp_path)
    done = call("data", "add", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert complaint in done.err
    assert len(done.err.splitlines()) == 1
    assert small.files_below(tmp_path) == before


@pytest.mark.parametrize("content", [None, "[{"])
def test_a_zip_that_is_not_trace_leaves_nothing_unpacked(home, tmp_path, call, content):
    folder = tmp_path / "other"
    if content:
        folder = small.write_archive(folder)
        (folder / "FOMC" / "eval.json").write_text(content)
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "file").touch()
    path = small.zip_folder(folder, tmp_path / "other.zip")
    done = call("data", "add", "trace", path, "--sha256", file_digest(path))
    assert done.code == 2
    assert not small.files_below(home)


def test_a_wrong_variant_does_not_remove_what_was_registered_before(home, folder, tmp_path, call):
    path = small.zip_folder(folder, tmp_path / "copy.zip")
    arguments = ["data", "add", "trace", path, "--sha256", file_digest(path)]
    assert call(*arguments).code == 0
    before = small.files_below(home)
    assert call(*arguments, "--variant", "1000").code == 2
    assert small.files_below(home) == before


@pytest.mark.data
def test_the_real_records_are_registered_with_their_traps(home, real_data, call):
    done = call("data", "add", "trace", real_data / "trace")
    assert done.code == 0
    for line in (
        "trace/fomc: 16 prompts of test are also in eval",
        "trace/meetingbank: train has 376 records, the published archive 500",
        "trace/numglue-cm: train: only 256 of 500 prompts are different",
        "trace/numglue-ds: 6 prompts of test are also in train",
    ):
        assert line in done.out
    assert "template" not in done.out, "every real record has its task's form"
