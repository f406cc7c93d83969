"""`clbench forget` from the command line: what it prints and writes, and how it ends."""

import json
import shlex

import pytest
from small import examples, write_jsonl, write_stream

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


def test_the_suggested_commands_run_with_the_same_probes(forget, call, tmp_path):
    for name, number in (("Tickets.jsonl", 12), ("general.jsonl", 3), ("mine.jsonl", 4)):
        write_jsonl(tmp_path / name, examples(number, seed=number))
    asked = "--probe", "facts", "--data", "mine.jsonl", "--limit", 3
    done = forget(BUNDLED, BUNDLED, *asked, "--trained-on", "Tickets.jsonl", "--suggest", "--general", "general.jsonl")
    assert done.code == 0, done.err
    first, second = (shlex.split(line) for line in done.out.splitlines() if line.startswith("clbench "))
    made = call(*first[1:])
    assert "use it by --stream tickets/tickets.yaml" in made.out, made.err
    held = (tmp_path / "tickets/tickets.test.jsonl").read_text("utf-8").splitlines()
    learned = (tmp_path / "tickets/tickets.train.jsonl").read_text("utf-8").splitlines()
    assert (len(held), len(held) + len(learned)) == (2, 12)
    ran = call(*second[1:], "--json")
    assert ran.code == 0, ran.err
    runs = {one["run"]: one["matrix"]["probes"] for one in ran.json["runs"]}
    assert len(runs) == 5
    for name in ("sequential", "mofo", "lora", "wise-ft", "replay"):
        assert any(name in run for run in runs)
    assert all(set(probes) == {"probes/facts", "own/mine"} for probes in runs.values())


def test_without_data_and_hub_one_line_says_what_to_fetch(forget, tmp_path, monkeypatch):
    """`quick`, as nothing is named; one file of it is at hand."""
    from clbench.base.errors import DataError
    from clbench.data import formed

    def unreachable(*arguments, **named):
        raise DataError("the Hub is not reachable; local files do as well: --data FOLDER")

    monkeypatch.setattr(formed, "read_hub", unreachable)
    for options in ([], ["--data", tmp_path]):
        done = forget(BUNDLED, BUNDLED, *options)
        assert done.code == 2
        assert done.err.count("\n") == 1
        for name in ("commonsense/ARC-Easy/test.json", "commonsense/piqa/test.json", "triviaqa/test.jsonl"):
            assert name in done.err
    (tmp_path / "commonsense/piqa").mkdir(parents=True)
    (tmp_path / "commonsense/piqa/test.json").write_text("[]", "utf-8")
    assert "piqa" not in forget(BUNDLED, BUNDLED, "--data", tmp_path).err


@pytest.mark.data
def test_the_groups_read_real_records(forget, real_data):
    done = forget(BUNDLED, BUNDLED, "--probe", "full", "--probe", "quick", "--limit", 1, "--data", real_data, "--json")
    assert done.code == 0, done.err
    assert len(done.json["verdicts"]) == 13  # twelve sets, and together
    assert {one["records"] for one in done.json["verdicts"][:12]} == {1}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([BUNDLED, "--probe", "facts"], "is no adapter"),
        ([BUNDLED, BUNDLED, "--probe", "facts", "--suggest"], "--suggest: needs one --trained-on FILE"),
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
