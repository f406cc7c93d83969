"""Scores of all answers at once: of the rows where a task was learned and where all were, from predictions."""

import json

import pytest

from clbench.boards.corpuswide import CorpusScore, corpus_scores
from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, render, with_lost_answers
from clbench.runs.rundir import RunDir
from clbench.scoring import SCORERS

ROWS = {1: ["a", "b", "a"], 2: ["a", "a", "a"]}  # what was written where a, b, b is right


@pytest.fixture
def run(home, make_record):
    """A finished run whose first task is scored by macro-F1, too."""
    record = make_record()
    folder = home / "runs" / record.run
    task = {"scorers": {"strict": "exact"}, "max_new_tokens": 2}
    tasks = {name: {"task": name, "data": {"files": {"test": "x"}}, **task} for name in record.tasks}
    tasks[record.tasks[0]]["side"] = ["macro_f1", "stripped"]
    for row, wrote in ROWS.items():
        path = folder / "predictions" / f"{row:02d}" / f"{record.tasks[0].replace('/', '--')}.jsonl"
        path.parent.mkdir(parents=True)
        lines = [{"prompt": "p", "prediction": one, "answer": gold} for one, gold in zip(wrote, "abb", strict=True)]
        path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    state = {"run": record.run, "status": "finished", "config": {"tasks": tasks}}
    (folder / "run.json").write_text(json.dumps(state), encoding="utf-8")
    record.save(folder / "record.json")
    return RunDir(folder), record


def test_they_are_told_after_learning_and_at_the_end(run, call):
    run_dir, record = run
    (found,) = corpus_scores(*run, scorer=SCORERS.__getitem__)
    assert found == CorpusScore(record.tasks[0], "macro_f1", pytest.approx(2 / 3), pytest.approx(0.25))
    shown = call("show", run_dir.run_id)
    assert f"{record.tasks[0]} macro_f1: 0.667 after learning, 0.250 at the end" in shown.out, shown.err
    (again,) = call("show", run_dir.run_id, "--json").json["corpus_scores"]
    assert again["end"] == pytest.approx(0.25)
    page = render([with_lost_answers(of_record(record), run_dir, scorer=SCORERS.__getitem__)], summaries=SUMMARIES)
    assert "Scores over all answers at once" in page
    assert "<td>0.667</td><td>0.250</td>" in page


def test_why_they_cannot_be_told_is_said(run, call, monkeypatch):
    def missing(name):
        from clbench.base.errors import ClbenchError

        raise ClbenchError("scorer bleu needs sacrebleu")

    assert corpus_scores(*run, scorer=missing) == "cannot be told (scorer bleu needs sacrebleu)"
    run_dir, record = run
    (run_dir.path / "run.json").write_text(json.dumps({"run": record.run, "status": "finished"}), encoding="utf-8")
    assert corpus_scores(run_dir, record, scorer=missing) == []
