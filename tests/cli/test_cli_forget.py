"""`clbench forget` from the command line: what it prints and writes, and how it ends."""

import json

import pytest
from small import write_stream

from clbench.models.loading import BUNDLED


@pytest.fixture
def forget(call, tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: call("forget", *arguments, "--device", "cpu", "--quiet")


def test_a_model_against_itself(forget, tmp_path):
    done = forget(
        BUNDLED,
        BUNDLED,
        "--probe",
        "facts",
        "--limit",
        12,
        "--markdown",
        "a.md",
        "--junit",
        "a.xml",
        "--html",
        "a.html",
    )
    assert done.code == 0, done.err
    assert "undecided (133 records would tell)" in done.out
    assert done.out.splitlines()[-1] == "nothing is lost; 1 of 1 rows are undecided"
    assert all((tmp_path / name).stat().st_size for name in ("a.md", "a.xml", "a.html"))


def test_what_is_required_and_not_met_ends_with_4(forget):
    done = forget(BUNDLED, BUNDLED, "--probe", "facts", "--limit", 4, "--require", "facts > 1", "--json")
    assert done.code == 4
    told = json.loads(done.out)
    assert told["lost"] == ["not met: facts > 1"]
    assert told["verdicts"][0]["records"] == 4


def test_a_streams_tasks_are_asked_under_its_lengths(forget, tmp_path):
    stream = write_stream(tmp_path / "mine", test=3)
    done = forget(BUNDLED, BUNDLED, "--stream", stream, "--json")
    assert {one["probe"]: one["records"] for one in done.json["verdicts"]} == {
        "own/word": 3, "own/number": 3, "own/stance": 3, "together": 9
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([BUNDLED, "--probe", "facts"], "is no adapter"),
        ([BUNDLED, BUNDLED, BUNDLED], "takes two models"),
        ([BUNDLED, BUNDLED, "--probe", "humaneval"], "--allow-code allows it"),
        ([BUNDLED, BUNDLED, "--data", "nowhere.jsonl"], "there is no such file or folder"),
    ],
)
def test_bad_input_is_one_line_and_2(forget, arguments, complaint, tmp_path, monkeypatch):
    if "humaneval" in arguments:
        monkeypatch.delenv("CLBENCH_ALLOW_CODE", raising=False)
        (tmp_path / "human_eval").mkdir()
        record = {"prompt": "def f():\n", "test": "def check(f): pass", "entry_point": "f", "task_id": "a"}
        (tmp_path / "human_eval/HumanEval.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
        arguments = [*arguments, "--data", tmp_path]
    done = forget(*arguments)
    assert done.code == 2
    assert complaint in done.err
    assert done.err.count("\n") == 1
