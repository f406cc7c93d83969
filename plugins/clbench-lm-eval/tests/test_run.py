"""A whole run: the probe before and after, its column in the record, and nothing else changed by it."""

from __future__ import annotations

import json

import pytest
import small

from clbench.runs.record import read_record

pytestmark = pytest.mark.slow
TWO = small.STREAM_TASKS[:2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_a_run_with_a_probe(call, home, tmp_path, gpt2, tasks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = small.write_stream(tmp_path / "stream", tasks=TWO, epochs=1)
    begin = ("run", "--stream", stream, "--model", gpt2, "--plugin", "sequential", "--quiet")
    plain = call(*begin)
    assert plain.code == 0, plain.err
    done = call(*begin, "--probe", f"lm-eval:{tasks.choice}", "--probe-limit", 6)
    assert (done.code, done.err) == (0, "")
    records = [read_record(path) for path in (home / "leaderboards" / "results").glob("*/*/*.json")]
    (alone,) = [one for one in records if not one.probes]
    (probed,) = [one for one in records if one.probes]
    assert probed.scores == alone.scores  # training was the same, bit by bit
    before, between, after = probed.probes["lm-eval/own_choice"]
    assert between is None
    assert probed.board.probes.keys() == {"lm-eval/own_choice"}
    assert probed.board != alone.board
    for row, value in ((0, before), (2, after)):
        (path,) = (home / "runs").glob(f"*/predictions/{row:02d}/lm-eval--own_choice.jsonl")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        scores = [json.loads(line["prediction"])["score"] for line in lines]
        assert len(scores) == 6
        assert value == pytest.approx(sum(scores) / 6)


def test_what_is_wrong_is_said_before_anything_is_written(call, home, tmp_path, gpt2):
    stream = small.write_stream(tmp_path / "stream", tasks=TWO, epochs=1)
    begin = ("run", "--stream", stream, "--model", gpt2, "--plugin", "sequential", "--probe")
    done = call(*begin, "lm-eval:none.yaml")
    assert done.code == 2
    assert "--probe lm-eval:none.yaml: there is no file" in done.err
    assert not list(home.iterdir())
