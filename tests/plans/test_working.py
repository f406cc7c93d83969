"""Carrying a plan out: busy runs are come back to, failures told at the end, choices made when trials are over."""

import pytest
import small

from clbench.base.errors import RunError
from clbench.base.progress import Progress
from clbench.engine.carrying import Outcome
from clbench.engine.request import Request
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.plans.choosing import Choice
from clbench.plans.jobs import arms_of, jobs_of
from clbench.plans.plan import of_file, of_request
from clbench.plans.standing import standing
from clbench.plans.working import Failure, How, Worker, raise_failures
from clbench.plugins.registry import registry
from clbench.spec.plan import PlanFile

TWO = small.STREAM_TASKS[:2]


class Fail(Method):
    """Cannot train."""

    def before_experience(self, run, experience):
        raise RunError("out of luck")


LAB = small.registry_with(MethodSpec(name="fail", target=f"{__name__}:Fail", summary="for a test"))


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
