"""Probes that another library asks: what it judged is stored, scored again from there, and part of the board's name."""

import json

import pytest
import small
from probing import Outside

from clbench.base.errors import ClbenchError
from clbench.engine.proberequest import ProbeRequest
from clbench.engine.session import prepare
from clbench.runs.predictions import read
from clbench.scoring.choices import stated
from clbench.spec.external import Judged
from clbench.spec.protocol import Runtime


@pytest.fixture
def run(tmp_path, llama, home):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)

    def run(outside, method="sequential", *, home=home, limit=None, schedule="before-after", **changes):
        lab = small.registry_with(observer=outside.plugin())
        probes = ProbeRequest((outside.name.replace("/", ":"),), limit, schedule)
        (outcome,) = small.run_stream(stream, method, model=llama, home=home, lab=lab, probes=probes, **changes)
        return outcome

    run.stream = stream
    return run


def test_what_was_judged_is_what_is_stored():
    one = Judged("Is 4 even?", "yes — «是»", "yes", 0.25)
    assert stated(prompt=one.prompt, prediction=one.prediction(), answer=one.answer) == 0.25
    assert json.loads(one.prediction()) == {"response": "yes — «是»", "score": 0.25}


def test_its_scores_are_rows_of_the_record(run):
    outside = Outside()
    outcome = run(outside, limit=5)
    record = outcome.record
    assert [(one.batch, one.limit, one.training) for one in outside.asked] == [(Runtime().eval_batch, 5, False)] * 2
    rows = [
        [
            json.loads(one.prediction)["score"]
            for one in read(outcome.run_dir.path / f"predictions/{row}/outside--even.jsonl")
        ]
        for row in ("00", "02")
    ]
    assert record.probes["outside/even"] == (sum(rows[0]) / 5, None, sum(rows[1]) / 5)
    assert record.probe_changes["outside/even"].value == pytest.approx((sum(rows[1]) - sum(rows[0])) / 5)
    described = outcome.run_dir.state()["config"]["probes"]["outside/even"]
    assert described == {
        "source": "external",
        "schedule": "before-after",
        "examples": 5,
        "data": "",
        "external": {"name": "outside/even", "version": 1},
    }
    assert "outside/even" not in record.overlap


def test_its_identity_and_limit_are_part_of_the_board(run, llama, home):
    def board(outside, limit=None, schedule="before-after"):
        lab = small.registry_with(observer=outside.plugin())
        probes = ProbeRequest(("outside:even",), limit, schedule)
        request = small.make_request(run.stream, "sequential", model=llama, home=home, probes=probes)
        (config,) = prepare(request, lab)
        return config.board().name, config.run_id(config.choice.create({}))

    whole = board(Outside())
    assert board(Outside()) == whole
    assert board(Outside(version=2))[0] != whole[0]
    assert board(Outside(), limit=3)[0] != whole[0]
    every = board(Outside(), schedule="every")
    assert (every[0], every[1] == whole[1]) == (whole[0], False)


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan")])
def test_a_score_out_of_range_is_refused(run, score):
    with pytest.raises(ClbenchError, match=r'is no {"response", "score"}'):
        run(Outside(scores=[score] * 6))


def test_a_library_without_a_plugin_is_named(run, call, llama):
    done = call("run", "--stream", run.stream, "--plugin", "sequential", "--model", llama, "--probe", "outside:even")
    assert done.code == 2
    assert "--probe outside:even: no plugin asks the probes of 'outside'; `clbench plugins`" in done.err
    assert "lm-eval" not in done.err


def test_it_is_asked_of_the_model_that_a_method_shows(run):
    """A frozen model is asked once, and that stands in every row."""
    outside = Outside()
    record = run(outside, "frozen").record
    assert len(outside.asked) == 1
    assert len(set(record.probes["outside/even"])) == 1
