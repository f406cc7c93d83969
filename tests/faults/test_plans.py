"""Plans in real processes: two share one, and one that is killed and begun again trains nothing twice."""

import json
import os
import signal
import time

import nursery
import pytest
import small
import yaml

METHODS = ["sequential", "joint", "frozen"]


@pytest.fixture
def plan(tmp_path):
    """A plan of three methods and two seeds on a small stream, with the bundled model."""
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], train=8, test=2, epochs=1)
    run = {"stream": str(stream), "seeds": 2, "settings": {"runtime.device": "cpu", "runtime.checkpoint_steps": 1}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"plan": "mine", "run": run, "methods": METHODS}), "utf-8")
    return path


def start(plan, home, *, name="log"):
    home.mkdir(exist_ok=True)
    folders = ("--runs-dir", str(home / "runs"), "--leaderboards-dir", str(home / "boards"))
    return nursery.start(["run", str(plan), *folders], log=home / name)


def trained(home):
    """Every optimizer step's and row's event of all runs: what was done, and how often."""
    events = {}
    for path in (home / "runs").glob("*/events.jsonl"):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        events[path.parent.name] = [one["event"] for one in lines]
    return events


@pytest.fixture
def alone(plan, tmp_path):
    """The results of one process that nobody disturbed."""
    assert nursery.finish(start(plan, tmp_path / "alone")) == 0, (tmp_path / "alone/log").read_text("utf-8")
    found = nursery.results(tmp_path / "alone")
    assert len(found) == 2 * len(METHODS)
    return found


@pytest.mark.faults
def test_two_processes_share_a_plan(plan, alone, tmp_path):
    home = tmp_path / "two"
    children = [start(plan, home, name=f"log{number}") for number in (1, 2)]
    assert [nursery.finish(child) for child in children] == [0, 0]
    assert nursery.results(home) == alone
    assert all(events.count("start") == events.count("end") == 1 for events in trained(home).values())
    said = [(home / f"log{number}").read_text("utf-8") for number in (1, 2)]
    assert all(text.count("op ") >= len(alone) for text in said), "each tells of all"


@pytest.mark.faults
def test_a_plan_that_is_killed_and_begun_again_trains_nothing_twice(plan, alone, tmp_path):
    home = tmp_path / "killed"
    child, end = start(plan, home), time.monotonic() + 120
    while len(list((home / "runs").glob("*/record.json"))) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    nursery.finish(child)
    before = trained(home)
    done = {path.parent.name for path in (home / "runs").glob("*/record.json")}
    assert nursery.finish(start(plan, home, name="again")) == 0, (home / "again").read_text("utf-8")
    assert nursery.results(home) == alone
    after = trained(home)
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
    begun = {name for name, events in before.items() if "step" in events}
    assert all(after[name].count("start") == 1 for name in begun), "it goes on"
    assert "found finished" in (home / "again").read_text("utf-8")
