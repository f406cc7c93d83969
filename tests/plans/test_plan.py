"""Plan files: read strictly, options over options, the same runs as the command line's."""

import pytest
import small

from clbench.base.errors import ClbenchError
from clbench.engine.request import Request
from clbench.plans.jobs import arms_of, jobs_of, shard
from clbench.plans.plan import of_file, of_request, over
from clbench.plugins.registry import registry
from clbench.spec.plan import read_plan

TWO = small.STREAM_TASKS[:2]
SEARCH = "search: {trials: 2, seeds: [7], grid: {learning_rate: [1e-3, 3e-3, 9e-3]}}\n"


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", tasks=TWO, train=12, epochs=1)


@pytest.fixture
def plan(tmp_path, stream, llama, home):
    """Makes the plan of a file's text; `STREAM` and `MODEL` stand for the small ones."""

    def plan(text, **given):
        path = tmp_path / "plan.yaml"
        run = f"run: {{stream: {stream}, model: {llama}, seeds: 2}}\n"
        path.write_text(f"plan: mine\n{'' if 'run:' in text else run}{text}", encoding="utf-8")
        return of_file(read_plan(path), given)

    return plan


def said(arms):
    return [(job.config.choice.name, job.config.plan.order, job.config.seed) for job in jobs_of(arms)]


def test_a_file_and_a_command_line_are_the_same_runs(plan, stream, llama, home):
    request = Request.of(stream=str(stream), model=str(llama), plugin=["sequential", "joint"], seeds=2, orders=2)
    typed = jobs_of(arms_of(of_request(request), registry()))
    written = jobs_of(arms_of(plan("methods: [{plugin: [sequential, joint], orders: 2}]"), registry()))
    assert [job.run_id for job in written] == [job.run_id for job in typed]
    assert len(typed) == 8


def test_the_nearer_option_wins(plan):
    text = """
methods:
  - {plugin: sequential, seeds: 1, options: {sequential.learning_rate: 0.1}}
  - {plugin: joint, orders: 2, settings: {protocol.epochs: 3}}
"""
    assert said(arms_of(plan(text), registry())) == [
        ("sequential", "order1", 0),
        *(("joint", order, seed) for order in ("order1", "random-1") for seed in (0, 1)),
    ]
    arms = arms_of(plan(text, seed=(5,)), registry())
    assert {job.config.seed for job in jobs_of(arms)} == {5}
    assert arms[0].jobs[0].config.options == {"sequential": {"learning_rate": 0.1}}
    assert arms[1].jobs[0].config.plan.protocol.epochs == 3


def test_sections_are_merged_key_by_key():
    made = over(
        {"settings": {"protocol": {"epochs": 1}}, "seeds": 3}, {"settings": {"protocol": {"eps": 2}}, "seed": 4}
    )
    assert made == {"settings": {"protocol": {"epochs": 1, "eps": 2}}, "seed": 4}


def test_a_search_scores_validation_records_with_its_own_seed(plan):
    text = SEARCH + "methods: [sequential, {plugin: joint}, {plugin: frozen, grid: {}}]"
    arms = arms_of(plan(text, orders=2), registry())
    assert [(arm.method, len(arm.trials), len(arm.jobs)) for arm in arms] == [
        ("sequential", 2, 4),
        ("joint", 2, 4),
        ("frozen", 0, 4),
    ]
    for trial in arms[0].trials:
        (job,) = trial.jobs
        assert (job.config.plan.split, job.config.seed) == ("eval", 7)
        assert job.config.options == {"sequential": {"learning_rate": trial.point["sequential.learning_rate"]}}
        assert job.config.command[-1] == job.request.command()[-1]
    chosen = arms[0].chosen(arms[0].trials[0].point)
    assert {job.config.plan.split for job in chosen} == {"test"}
    assert chosen[0].config.options == arms[0].trials[0].jobs[0].config.options
    assert len({job.run_id for job in (*jobs_of(arms), *chosen)}) == 2 + 2 + 4 + 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("methods: []", r"plan\.yaml:3: methods: "),
        ("method: [sequential]", "unknown key 'method'; did you mean 'methods'|key 'methods' is missing"),
        (
            "methods: [{plugin: sequential, seedz: 2}]",
            "plan mine, sequential: no option 'seedz'; did you mean 'seed' or 'seeds'",
        ),
        ("methods: [{plugin: sequential, allow_code: true}]", "allow_code: stands on the command line"),
        ("methods: [{plugin: sequential, options: {fraction: 2}}]", r"fraction: must be written NAME\.key"),
        ("methods: [{plugin: sequential, options: {joint.learning_rate: 2}}]", "no method 'joint' in this run"),
        ("search: {grid: {learning_rate: []}}\nmethods: [sequential]", "learning_rate"),
        (
            "search: {seeds: [1], grid: {learning_rate: [1]}}\nmethods: [sequential]",
            r"search\.seeds: 1 is reported, too",
        ),
        ("search: {grid: {learning_rate: [1]}}\nmethods: [{plugin: frozen, grid: {}}]", "no method has a grid"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(plan, text, complaint):
    with pytest.raises(ClbenchError, match=complaint):
        arms_of(plan(text), registry())


def test_methods_stand_in_the_plan_alone(plan):
    with pytest.raises(ClbenchError, match="--plugin: the methods stand in plan mine"):
        plan("methods: [sequential]", plugin=["joint"])


def test_shards_share_all_runs_and_keep_a_search_whole(plan):
    arms = arms_of(plan(SEARCH + "methods: [sequential, joint, {plugin: frozen, grid: {}}]"), registry())
    parts = [shard(arms, number=number, of=3) for number in (1, 2, 3)]
    dealt = [job.run_id for part in parts for job in jobs_of(part)]
    assert sorted(dealt) == sorted(job.run_id for job in jobs_of(arms))
    assert [[(arm.method, len(arm.trials)) for arm in part] for part in parts] == [
        [("sequential", 2), ("frozen", 0)],
        [("joint", 2)],
        [("frozen", 0)],
    ]
