"""A finished tree of which only the records are left, as in a fresh clone: nothing is done, and that is said."""

import json
import shutil

import pytest
import small

from clbench.base.errors import RecordError
from clbench.base.progress import Progress
from clbench.engine.carrying import Outcome
from clbench.engine.request import Request
from clbench.plans.choosing import Choice
from clbench.plans.estimating import expect
from clbench.plans.jobs import arms_of, jobs_of
from clbench.plans.plan import of_file, of_request
from clbench.plans.standing import standing
from clbench.plans.working import Worker
from clbench.plugins.registry import registry
from clbench.runs.boardcopy import compact
from clbench.runs.record import read_record
from clbench.runs.recordparts import NOT_REPEATABLE
from clbench.spec.plan import PlanFile


@pytest.fixture
def asked(tmp_path, llama, home):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], train=12, test=2, epochs=1)
    return {"stream": str(stream), "model": str(llama), "settings": {"runtime": {"device": "cpu"}}}


@pytest.fixture
def plan(asked):
    """A plan of a search, made anew each time as by another command."""
    search = {"seeds": [7], "grid": {"learning_rate": [1e-3, 3e-2]}}
    methods = ["sequential", {"plugin": "frozen", "grid": {}}]
    file = PlanFile.model_validate({"plan": "mine", "run": asked, "search": search, "methods": methods})
    return lambda: arms_of(of_file(file, {}), registry())


def work(arms):
    return list(Worker(registry(), Progress()).work(arms))


def told(record):
    """Without what is another number each time, and where it was made."""
    content = record.model_dump(mode="json", exclude={"provenance", "notes"})
    return {**content, "costs": {key: one for key, one in content["costs"].items() if key not in NOT_REPEATABLE}}


def test_records_alone_are_a_finished_plan(plan, home):
    first = work(plan())
    runs = [one for one in first if isinstance(one, Outcome)]
    boards = small.files_below(home / "leaderboards")
    shutil.rmtree(home / "runs")

    arms = plan()
    assert [one.state for one in standing(arms)] == ["done"] * 3
    assert expect(arms)[1].finished == 3
    again = work(arms)
    assert all(one.repeated for one in again if isinstance(one, Outcome))
    assert [one.record for one in again if isinstance(one, Outcome)] == [compact.compacted(one.record) for one in runs]
    points = [one.point for one in (*first, *again) if isinstance(one, Choice)]
    assert points[0] == points[1], "the trials' scores are those of their records"
    assert not list((home / "runs").glob("*/run.json"))
    assert small.files_below(home / "leaderboards") == boards


def test_a_lost_record_is_made_again_and_equal(plan, home):
    runs = [one.record for one in work(plan()) if isinstance(one, Outcome)]
    lost = runs[-1]
    path = lost.path(home / "leaderboards")
    path.unlink()
    again = [one for one in work(plan()) if isinstance(one, Outcome)]
    assert all(one.repeated for one in again), "its run's folder has it"
    assert read_record(path) == compact.compacted(lost)
    shutil.rmtree(home / "runs")
    path.unlink()
    assert [one.repeated for one in work(plan()) if isinstance(one, Outcome)] == [True, True, True, False]
    assert told(read_record(path)) == told(compact.compacted(lost))


def test_a_board_whose_text_is_lost_is_made_again_once(plan, home):
    work(plan())
    texts = {path: path.read_bytes() for path in (home / "leaderboards").glob("*.md")}
    for path in texts:
        path.unlink()
    work(plan())
    assert {path: path.read_bytes() for path in (home / "leaderboards").glob("*.md")} == texts


def test_a_run_that_has_begun_here_again_is_its_folders(asked, home):
    arms = arms_of(of_request(Request.of(**asked, plugin="frozen")), registry())
    (outcome,) = work(arms)
    outcome.run_dir.record_path.unlink()
    outcome.run_dir.write_state(status="interrupted")
    assert [one.state for one in standing(arms)] == ["left"]
    assert not work(arms)[0].repeated
    (fresh,) = work(arms_of(of_request(Request.of(**asked, plugin="frozen", fresh=True)), registry()))
    assert not fresh.repeated


@pytest.mark.parametrize("change", [{"seed": 1}, {"tasks": ["x", "y"]}, {"run": "other"}])
def test_a_record_of_another_run_under_the_name_is_refused(asked, home, change):
    file = PlanFile.model_validate({"plan": "mine", "run": asked, "methods": ["frozen"]})
    arms = arms_of(of_file(file, {}), registry())
    (outcome,) = work(arms)
    shutil.rmtree(outcome.run_dir.path)
    (job,) = jobs_of(arms)
    path = job.run_dir.published
    assert path == outcome.record.path(home / "leaderboards")
    content = outcome.record.model_dump(mode="json") | change
    path.write_text(json.dumps(content))
    (failure,) = work(arms)
    assert isinstance(failure.error, RecordError)
    assert "is not the record of the run that it is named after; remove it" in str(failure.error)


def test_the_command_says_that_nothing_was_done(asked, home, call, tmp_path):
    words = ["run", "--stream", asked["stream"], "--model", asked["model"], "--plugin", "frozen", "--quiet"]
    assert call(*words).code == 0
    done = call(*words)
    assert done.code == 0
    assert "is finished; nothing was done (--fresh runs it again)" in done.out
    shutil.rmtree(home / "runs")
    file = tmp_path / "plan.yaml"
    run = {"stream": asked["stream"], "model": asked["model"]}
    file.write_text(json.dumps({"plan": "mine", "run": run, "methods": ["frozen"]}))
    done = call("run", file, "--quiet")
    assert "plan mine: all 1 runs are finished; nothing was done" in done.out
    assert "run directory" not in done.out
    (shown,) = call("run", file, "--quiet", "--json").json["runs"]
    assert (shown["repeated"], shown["run_dir"]) == (True, None)
    assert "plan mine: 1 done, 0 running, 0 failed, 0 left" in call("plan", "show", file).out
    (shown,) = call(*words, "--json").json["runs"]
    assert not shown["repeated"], "a command by itself runs what it asks for"
