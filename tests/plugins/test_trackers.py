"""Trackers through accelerate: off by default, told of steps and scores, and no harm to a run."""

import accelerate.tracking
import pytest
import small

from clbench.base.errors import ClbenchError
from clbench.plans.plan import of_request
from clbench.plugins import trackers
from clbench.plugins.manager import load_plugins
from clbench.plugins.registry import Registry


@pytest.fixture
def request_of(tmp_path, llama, home):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)
    return lambda **more: small.make_request(stream, "sequential", model=llama, home=home, **more)


def test_tensorboard_is_told_of_every_step_and_row(request_of):
    pytest.importorskip("tensorboard")
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


class Service:
    """What accelerate has for a tracker of that name, without its service."""

    broken = False

    def __init__(self, project, *, name):
        self.told = [(project, name)]
        type(self).made.append(self.told)

    def start(self):
        print("* a new run")  # noqa: T201

    def log(self, values, *, step):
        if self.broken:
            raise OSError("no network")
        self.told.append((step, sorted(values)))

    def finish(self):
        print("* run finished")  # noqa: T201
        self.told.append("finished")


@pytest.fixture(params=["wandb", "trackio"])
def service(request, monkeypatch):
    kind = type("Fake", (Service,), {"made": []})
    monkeypatch.setattr(accelerate.tracking, trackers.CLASSES[request.param], kind)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == request.param)
    return request.param, kind


def test_a_service_is_told_the_same_and_what_it_says_is_not_our_output(request_of, service, capsys):
    name, kind = service
    (outcome,) = small.run_plan(of_request(request_of(track=(name,))), Registry(load_plugins()))
    ((begun, *told, end),) = kind.made
    assert begun == ("clbench", outcome.run_dir.run_id)
    step, row = ["gradient_norm", "learning_rate", "loss"], ["row", "score/own/number", "score/own/word"]
    assert told == [(0, row), (1, step), (2, step), (2, row), (3, step), (4, step), (4, row)]
    assert end == "finished"
    said = capsys.readouterr()
    assert "*" not in said.out, "which may be one JSON document"
    assert "* a new run" in said.err


def test_a_service_that_fails_is_switched_off_and_the_run_goes_on(request_of, service, monkeypatch):
    name, kind = service
    monkeypatch.setattr(kind, "broken", True)
    registry = Registry(load_plugins())
    (outcome,) = small.run_plan(of_request(request_of(track=(name,))), registry)
    assert len(outcome.record.scores["strict"]) == 3
    assert registry.plugins.records[f"tracker-{name}"].status != "ok"
    assert len(kind.made) == 1, "it is not asked again"


def test_unknown_and_missing_trackers_are_told_before_anything_is_run(request_of, monkeypatch, home):
    with pytest.raises(ClbenchError, match="no tracker 'tensorbord'; did you mean 'tensorboard'"):
        small.run_plan(of_request(request_of(track=("tensorbord",))), Registry(load_plugins()))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClbenchError, match=r"--track wandb: is not installed: pip install wandb"):
        trackers.check(["wandb"])
    assert not (home / "runs").exists()
