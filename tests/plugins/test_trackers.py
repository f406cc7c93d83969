"""Trackers through accelerate: off by default, told of steps and scores, and no harm to a run."""

import pytest
import small

from clbench.base.errors import ClbenchError
from clbench.plans.plan import of_request
from clbench.plugins import trackers
from clbench.plugins.manager import load_plugins
from clbench.plugins.registry import Registry

pytest.importorskip("tensorboard")


@pytest.fixture
def request_of(tmp_path, llama, home):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)
    return lambda **more: small.make_request(stream, "sequential", model=llama, home=home, **more)


def test_tensorboard_is_told_of_every_step_and_row(request_of):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    registry = Registry(load_plugins())
    (plain,) = small.run_plan(of_request(request_of()), registry)
    assert not (plain.run_dir.path / "tensorboard").exists(), "off by default"
    (outcome,) = small.run_plan(of_request(request_of(track=("tensorboard",), fresh=True)), registry)
    assert outcome.record.scores == plain.record.scores
    told = EventAccumulator(str(outcome.run_dir.path / "tensorboard"))
    told.Reload()
    assert [one.step for one in told.Scalars("loss")] == [1, 2, 3, 4]
    assert all(one.value > 0 for one in told.Scalars("gradient_norm"))
    assert [one.step for one in told.Scalars("score/own/word")] == [0, 2, 4]
    assert registry.plugins.records["tracker-tensorboard"].status == "ok"


def test_unknown_and_missing_trackers_are_told_before_anything_is_run(request_of, monkeypatch, home):
    with pytest.raises(ClbenchError, match="no tracker 'tensorbord'; did you mean 'tensorboard'"):
        small.run_plan(of_request(request_of(track=("tensorbord",))), Registry(load_plugins()))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClbenchError, match=r"--track wandb: is not installed: pip install wandb"):
        trackers.check(["wandb"])
    assert not (home / "runs").exists()
