"""A reviewer scores a run again from its predictions, without its model."""

import json
import shutil

import pytest
import small

from clbench.base.errors import DataError, RecordError
from clbench.boards.rescore import rescore
from clbench.plugins.registry import registry
from clbench.runs.predictions import predictions_path
from clbench.runs.rundir import RunDir


@pytest.fixture(scope="module")
def finished(tmp_path_factory, llama):
    """A finished run of each of some methods; not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    stream = small.write_stream(root / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)
    outcomes = small.run_stream(stream, ["sequential", "single", "frozen", "joint"], model=llama, home=root)
    return {outcome.record.method.name: outcome for outcome in outcomes}


@pytest.fixture
def copy(finished, tmp_path):
    """A run directory to change, and the path of one cell's predictions."""
    outcome = finished["sequential"]
    run_dir = RunDir(shutil.copytree(outcome.run_dir.path, tmp_path / outcome.record.run))
    task = registry().catalog().stream_file(finished_stream(outcome)).tasks["own/word"]
    return run_dir, predictions_path(run_dir.path, row=2, task=task)


def finished_stream(outcome):
    return outcome.run_dir.path.parent.parent / "stream" / "mine.yaml"


def again(run_dir):
    return rescore(run_dir, scorer=registry().scorer)


@pytest.mark.parametrize("method", ["sequential", "single", "frozen", "joint"])
def test_scoring_again_gives_the_record(finished, method):
    outcome = finished[method]
    found = again(outcome.run_dir)
    assert found.changed == 0
    assert found.strict == outcome.record.matrix("strict")
    assert found.lenient == outcome.record.matrix("lenient")


def test_it_needs_neither_model_nor_data(finished, copy, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_dir, _ = copy
    shown = call("score", run_dir.path, "--json").json
    record = finished["sequential"].record
    assert shown["run"] == record.run
    assert shown["changed"] == 0
    assert shown["scores"]["strict"] == [list(row) for row in record.scores["strict"]]
    assert shown["metrics"]["op"] == pytest.approx(sum(record.scores["strict"][2]) / 2)
    text = call("score", run_dir.path).out
    assert "as the record has it" in text


def test_a_prediction_that_was_changed_is_found(copy, call):
    run_dir, path = copy
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["prediction"] = line["answer"]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = again(run_dir)
    assert found.changed == 2
    assert (found.strict.rows[1][0], found.lenient.rows[1][0]) == (1.0, 1.0)
    assert found.strict.rows[0] == run_dir.finished().matrix().rows[0]
    assert "2 cells differ from the record" in call("score", run_dir.path).out


def test_what_cannot_be_scored_is_refused(copy):
    run_dir, path = copy
    path.write_text('{"prediction": 1}', encoding="utf-8")
    with pytest.raises(DataError, match=rf"{path.name}:1: "):
        again(run_dir)
    shutil.rmtree(run_dir.path / "predictions")
    with pytest.raises(RecordError, match="holds no predictions of this run"):
        again(run_dir)
    run_dir.record_path.unlink()
    with pytest.raises(RecordError, match="is not finished"):
        again(run_dir)


def test_one_file_is_scored_by_a_tasks_scorers(tmp_path, call):
    path = tmp_path / "predictions.jsonl"
    rows = [("A", "A"), ("A because", "A"), ("", "B"), ("B", "C")]
    lines = [json.dumps({"prompt": "p", "prediction": said, "answer": answer}) for said, answer in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    shown = call("score", "--task", "trace/fomc", "--predictions", path, "--json").json
    assert shown == {
        "task": "trace/fomc",
        "n": 4,
        "scores": {"strict": 0.25, "lenient": 0.5},
        "side": {},
        "empty": 1,
        "truncated": 0,
    }
    assert "4 predictions, 1 empty" in call("score", "--task", "trace/fomc", "--predictions", path).out


def test_the_reasoning_variant_scores_the_answer_within_the_reasons(tmp_path, call):
    path = tmp_path / "predictions.jsonl"
    said = {"prompt": "p", "prediction": "It falls.\nAnswer:B", "answer": "It rises.\nAnswer:B"}
    path.write_text(json.dumps(said), encoding="utf-8")
    arguments = ["score", "--task", "trace/fomc", "--predictions", path, "--json"]
    assert call(*arguments).json["scores"]["strict"] == 0
    assert call(*arguments, "--variant", "reasoning").json["scores"]["strict"] == 1
