"""Carrying a plan out: busy runs are come back to, failures told at the end, choices made when trials are over."""

import shutil

import pytest
import small

from clbench.base.errors import DivergedError, RunError
from clbench.base.progress import Progress
from clbench.engine.carrying import Outcome
from clbench.engine.request import Request
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.plans.choosing import Choice
from clbench.plans.failing import Failure, raise_failures
from clbench.plans.jobs import arms_of, jobs_of
from clbench.plans.plan import of_file, of_request
from clbench.plans.standing import standing
from clbench.plans.working import How, Worker
from clbench.plugins.registry import registry
from clbench.spec.plan import PlanFile

TWO = small.STREAM_TASKS[:2]


class Fail(Method):
    """Cannot train."""

    def before_experience(self, run, experience):
        raise RunError("out of luck")


class Diverge(Method):
    """Training that runs away at a high learning rate."""

    tried = 0

    def before_experience(self, run, experience):
        if run.protocol.learning_rate > 0.02:
            type(self).tried += 1
            raise DivergedError("training has diverged")


LAB = small.registry_with(
    *(MethodSpec(name=one.__name__.lower(), target=f"{__name__}:{one.__name__}", summary="") for one in (Fail, Diverge))
)


class Said(Progress):
    def __init__(self):
        super().__init__()
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def asked(tmp_path, llama, home):
    """What is common to all plans of these tests."""
    stream = small.write_stream(tmp_path / "stream", tasks=TWO, train=12, test=2, epochs=1)
    return {"stream": str(stream), "model": str(llama), "settings": {"runtime": {"device": "cpu"}}}


def test_a_run_that_another_process_is_at_is_passed_over_and_come_back_to(asked, home):
    """The next of the list comes first; then the busy one, which the other process has finished or left by then."""
    known, progress = registry(), Said()
    arms = arms_of(of_request(Request.of(**asked, plugin="frozen", seeds=3)), known)
    busy = jobs_of(arms)[1].run_dir
    ended, seeds = Worker(known, progress).work(arms), []
    with busy.lock():
        seeds += [next(ended).record.seed for _ in range(2)]
        assert [one.state for one in standing(arms)] == ["done", "left", "done"]
    seeds += [one.record.seed for one in ended]
    assert seeds == [0, 2, 1]
    assert [line for line in progress.lines if "come back to" in line] == [
        f"{busy.path / '.lock'}: another process is at run {busy.run_id} (waited 0 s); "
        "wait for it or stop it, then try again; run 2 of 3 is come back to"
    ]
    assert [one.state for one in standing(arms)] == ["done"] * 3


def test_of_two_processes_with_fresh_one_runs_again(asked, home):
    known = registry()
    arms = arms_of(of_request(Request.of(**asked, plugin="frozen", seeds=2, fresh=True)), known)
    one, other = Worker(known, Progress()).work(arms), Worker(known, Progress()).work(arms)
    assert [next(one).repeated, next(other).repeated] == [False, True]
    assert [next(other).repeated, next(one).repeated] == [False, True]
    assert [end.repeated for end in Worker(known, Progress()).work(arms)] == [False, False], "a new command does"


def test_what_fails_stops_nothing_else_and_is_told_at_the_end(asked, home):
    arms = arms_of(of_request(Request.of(**asked, plugin=["fail", "frozen"])), LAB)
    ended = list(Worker(LAB, Progress()).work(arms))
    assert [type(one) for one in ended] == [Failure, Outcome]
    assert [(one.state, one.reason) for one in standing(arms)] == [("failed", "out of luck"), ("done", "")]
    with pytest.raises(RunError, match=r"^out of luck$"):
        raise_failures([ended[0]], of=2)
    with pytest.raises(RunError, match=r"^2 of 3 runs failed: mine_fail\S+: out of luck; "):
        raise_failures([ended[0]] * 2, of=3)
    with pytest.raises(RunError, match="out of luck"):
        list(Worker(LAB, Progress(), How(fail_fast=True)).work(arms))


def test_a_run_that_failed_in_another_process_meanwhile_is_not_tried_again(asked, home):
    arms = arms_of(of_request(Request.of(**asked, plugin="fail")), LAB)
    early = Worker(LAB, Progress())
    (first,) = Worker(LAB, Progress()).work(arms)
    (second,) = early.work(arms)
    assert str(first.error) == "out of luck"
    assert str(second.error) == "failed in another process: out of luck"


@pytest.fixture
def searching(asked):
    search = {"seeds": [7], "grid": {"learning_rate": [1e-3, 3e-2]}}
    methods = ["sequential", {"plugin": "frozen", "grid": {}}]
    return PlanFile.model_validate({"plan": "mine", "run": asked, "search": search, "methods": methods})


def test_a_search_comes_first_and_its_choice_is_reported(searching, home):
    arms = arms_of(of_file(searching, {"seeds": 2}), registry())
    ended = list(Worker(registry(), Progress()).work(arms))
    (choice,) = [one for one in ended if isinstance(one, Choice)]
    runs = [one.record for one in ended if isinstance(one, Outcome)]
    ops = [sum(one.scores["strict"][2]) / 2 for one in runs[:2]]
    best = choice.trials[ops.index(max(ops))].point
    assert choice.point == best
    assert [(one.method.name, one.board.split, one.seed) for one in runs] == [
        ("sequential", "eval", 7),
        ("sequential", "eval", 7),
        ("frozen", "test", 0),
        ("frozen", "test", 1),
        ("sequential", "test", 0),
        ("sequential", "test", 1),
    ]
    for one in runs[-2:]:
        assert one.method.options["sequential"]["learning_rate"] == best["sequential.learning_rate"]
    again = [one for one in Worker(registry(), Progress()).work(arms) if isinstance(one, Outcome)]
    assert all(one.repeated for one in again)
    assert [one.record for one in again] == runs


def test_a_search_alone_reports_nothing(searching, home):
    arms = arms_of(of_file(searching, {}, reported=False), registry())
    assert [(arm.method, len(arm.trials), arm.jobs) for arm in arms] == [("sequential", 2, [])]


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_trial_that_diverged_is_remembered(asked, home, fail_fast, monkeypatch):
    """A plan of a search that finds a choice has not failed, and nothing is tried twice."""
    monkeypatch.setattr(Diverge, "tried", 0)
    search = {"seeds": [7], "grid": {"learning_rate": [1e-3, 3e-2]}}
    file = PlanFile.model_validate({"plan": "mine", "run": asked, "search": search, "methods": ["diverge"]})
    arms, how = arms_of(of_file(file, {}), LAB), How(fail_fast=fail_fast)
    for turn in range(2):
        ended = list(Worker(LAB, Progress(), how).work(arms))
        (failure,) = [one for one in ended if isinstance(one, Failure)]
        (choice,) = [one for one in ended if isinstance(one, Choice)]
        assert choice.point["diverge.learning_rate"] == 1e-3
        assert str(failure.error).startswith("as before: " if turn else "training has diverged")
        raise_failures([failure], of=3)
    assert Diverge.tried == 1
    assert [one.state for one in standing(arms)] == ["done", "failed"]
    run_dir = jobs_of(arms)[1].run_dir
    shutil.rmtree(run_dir.path)
    list(Worker(LAB, Progress(), how).work(arms))
    assert Diverge.tried == 1, "a line beside the records remembers it, also where there is no folder"
    assert [one.state for one in standing(arms)] == ["done", "failed"]
    beside = run_dir.published.with_suffix(".diverged")
    assert beside.read_text() == "training has diverged\n"
    assert str(beside) in str(failure.error)
    beside.unlink()
    list(Worker(LAB, Progress(), how).work(arms))
    assert Diverge.tried == 2


def test_a_run_that_diverged_and_is_no_trial_is_tried_again(asked, home, monkeypatch):
    monkeypatch.setattr(Diverge, "tried", 0)
    fast = {**asked, "settings": {**asked["settings"], "protocol": {"learning_rate": 0.03}}}
    arms = arms_of(of_request(Request.of(**fast, plugin="diverge")), LAB)
    for _ in range(2):
        (failure,) = Worker(LAB, Progress()).work(arms)
        with pytest.raises(DivergedError):
            raise_failures([failure], of=1)
    assert Diverge.tried == 2
