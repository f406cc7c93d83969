"""A finished run fits together; whatever is changed afterwards is found."""

import json

import pytest
import small

from clbench.base.errors import RecordError
from clbench.plugins.registry import registry
from clbench.runs.predictions import file_hashes
from clbench.runs.rundir import RunDir
from clbench.verification import verify as module
from clbench.verification.origins import Origins


def verify(run_dir, *, leaderboards, stream=None):
    origins = Origins(module.finished(run_dir), registry(), stream=stream)
    return module.verify(run_dir, origins=origins, leaderboards=leaderboards)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, llama):
    home = tmp_path_factory.mktemp("verify")
    stream = small.write_stream(home / "stream")
    (outcome,) = small.run_stream(stream, "sequential", model=llama, home=home)
    return outcome, home


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the run to spoil, and the checks that then fail."""
    import shutil

    outcome, home = finished
    shutil.copytree(outcome.run_dir.path, tmp_path / outcome.run_dir.run_id)
    run_dir = RunDir(tmp_path / outcome.run_dir.run_id)

    def wrong():
        checks = verify(run_dir, leaderboards=home / "leaderboards")
        return {check.name: check.detail for check in checks if check.outcome == "wrong"}

    return run_dir, wrong


def edit(path, change):
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def test_an_untouched_run_is_right(copy, finished):
    run_dir, wrong = copy
    assert wrong() == {}
    checks = verify(run_dir, leaderboards=finished[1] / "leaderboards")
    assert {check.name: check.outcome for check in checks} == {
        "consistency": "ok",
        "predictions": "ok",
        "scores": "ok",
        "warnings": "not checked",  # what a run says of itself
        "matrix.json": "ok",
        "configuration": "ok",
        "probes' changes": "ok",
        "seconds": "ok",
        "provenance": "ok",
        "changes": "not checked",
        "data": "not checked",  # a stream file of one's own is found by its path only
        "board's copy": "ok",
    }


def test_a_changed_prediction_is_found(copy):
    run_dir, wrong = copy
    path = run_dir.path / "predictions" / "02" / "own--word.jsonl"
    lines = path.read_text("utf-8").splitlines()
    one = json.loads(lines[0])
    path.write_text("\n".join([json.dumps({**one, "prediction": one["answer"]}), *lines[1:]]) + "\n", "utf-8")
    assert "02/own--word.jsonl" in wrong()["predictions"]
    assert "1 cells of R" in wrong()["scores"] or "2 cells of R" in wrong()["scores"]


def test_a_missing_file_of_predictions_is_found(copy):
    run_dir, wrong = copy
    (run_dir.path / "predictions" / "01" / "own--number.jsonl").unlink()
    assert "predictions" in wrong()


@pytest.mark.parametrize("role", ["strict", "lenient"])
def test_an_edited_number_is_found(copy, role):
    run_dir, wrong = copy
    edit(run_dir.record_path, lambda record: record["scores"][role][3].__setitem__(0, 0.987))
    assert {"scores", "board's copy"} <= set(wrong())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda record: record["board"].__setitem__("tasks", "0" * 64), "configuration"),
        (lambda record: record["method"].__setitem__("name", "mofo"), "configuration"),
        (lambda record: record.__setitem__("seed", 5), "configuration"),
        (lambda record: record["board"]["model"].__setitem__("hash", "0"), "configuration"),
        (lambda record: record["provenance"].__setitem__("python", "2.7"), "provenance"),
        (lambda record: record["footprint"].__setitem__("trainable_parameters", 1), "board's copy"),
        (lambda record: record["costs"].__setitem__("train_seconds", 99.5), "seconds"),
        (lambda record: record["costs"].__setitem__("eval_seconds", 1e6), "seconds"),
        (lambda record: record["warnings"].__setitem__("own/word: empty answers in evaluation", 10**6), "warnings"),
        (lambda record: record["board"]["changes"].__setitem__("protocol.epochs", 9), "configuration"),
    ],
)
def test_edited_facts_are_found(copy, change, name):
    run_dir, wrong = copy
    edit(run_dir.record_path, change)
    assert name in wrong()


def test_a_record_that_contradicts_itself_is_found(copy):
    run_dir, wrong = copy

    def forge(record):
        record["scores"]["strict"][2][2] = None

    edit(run_dir.record_path, forge)
    assert "strict and lenient scores have not the same cells" in wrong()["consistency"]


def test_an_edited_matrix_or_configuration_is_found(copy):
    run_dir, wrong = copy
    edit(run_dir.path / "matrix.json", lambda matrix: matrix["matrix"][0].__setitem__(0, 0.5))
    edit(run_dir.path / "run.json", lambda state: state["config"]["tasks"]["own/word"].__setitem__("max_new_tokens", 9))
    assert {"matrix.json", "configuration"} <= set(wrong())


def test_a_stream_that_is_here_has_its_data_checked(call, tmp_path, llama, home):
    args = ["--set", "stream.train_examples=4", "--set", "stream.test_examples=2", "--set", "protocol.epochs=1"]
    done = call("run", "--stream", "trace:mini", "--plugin", "sequential", "--model", llama, *args, "--json")
    assert done.code == 0, done.err
    run = done.json["runs"][0]["run_dir"]
    shown = call("show", run, "--verify", "--json")
    assert shown.code == 3
    outcomes = {check["name"]: check["outcome"] for check in json.loads(shown.out)}
    needs_the_model = {"tokens", "losses", "drift", "answers", "warnings"}
    assert {name for name, outcome in outcomes.items() if outcome != "ok"} == needs_the_model, shown.out
    _answers_of_another_test_are_found(call, RunDir(tmp_path.__class__(run)))
    edit(RunDir(tmp_path.__class__(run)).record_path, lambda record: record["board"].__setitem__("data", "0" * 64))
    told = call("show", run, "--verify")
    assert told.code == 1
    assert "data: the stream's records are not those" in told.out


def _answers_of_another_test_are_found(call, run_dir):
    """Every prompt and answer replaced, or records left out, with hashes made to fit: the stream's own test tells."""
    good = run_dir.record_path.read_text("utf-8")
    paths = sorted((run_dir.path / "predictions").rglob("*.jsonl"))
    texts = [path.read_text("utf-8") for path in paths]

    def told(change):
        for path, text in zip(paths, texts, strict=True):
            path.write_text("".join(change([json.loads(line) for line in text.splitlines()])), "utf-8")
        hashes = file_hashes(run_dir.path)
        edit(run_dir.record_path, lambda record: record.__setitem__("predictions", hashes))
        return call("show", run_dir.path, "--verify")

    def arithmetic(lines):
        return [json.dumps({**one, "prompt": "2+2=", "answer": "4"}) + "\n" for one in lines]

    for change in (arithmetic, lambda lines: [json.dumps(one) + "\n" for one in lines[:1]]):
        found = told(change)
        assert found.code == 1
        assert "prompts and answers are not the stream's test records" in found.out
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, "utf-8")
    run_dir.record_path.write_text(good, "utf-8")


def test_a_run_whose_data_are_not_here_is_not_verified(finished, call):
    outcome, home = finished
    told = call("show", outcome.run_dir.path, "--verify", "--leaderboards-dir", home / "leaderboards")
    assert told.code == 3
    assert told.out.splitlines()[-1] == (
        "not verified: warnings, changes, data, probes, overlap, steps, "
        "tokens, losses, drift, answers could not be checked"
    )


def test_an_unfinished_run_cannot_be_verified(tmp_path):
    (tmp_path / "run.json").write_text("{}", "utf-8")
    with pytest.raises(RecordError, match="is not finished"):
        verify(RunDir(tmp_path), leaderboards=tmp_path)
