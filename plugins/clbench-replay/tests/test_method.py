"""The method: options, what steps train on, its notes and state, and whole runs."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
import torch
from small import STREAM_TASKS, examples, make_trainer, write_jsonl

from clbench import Experience, Footprint, Run
from clbench.base.errors import OptionError
from clbench.spec.protocol import Protocol
from clbench_replay import clbench_methods
from clbench_replay.method import Replay, ReplayOptions

TASKS = ("own/word", "own/number", "own/stance")


def spec():
    first, *_ = clbench_methods()
    return first


def make(**options):
    return Replay(ReplayOptions(**options))


def make_run(**more):
    return Run(
        seed=3,
        protocol=Protocol(),
        num_experiences=3,
        device=torch.device("cpu"),
        model=None,
        loss=None,
        gradients=None,
        **more,
    )


def learn(method, run, *indices, size=20):
    """Tell it of experiences, and give what it rehearses after each."""
    rehearsed = []
    for index in indices:
        experience, data = Experience(index, TASKS[index - 1], 1), examples(size, task=TASKS[index - 1])
        method.before_experience(run, experience)
        rehearsed.append(list(method.rehearsal_data(run, experience, data)))
        method.after_experience(run, experience, data)
    return rehearsed


# --- options


def test_spec_names_what_it_is():
    assert spec().problem() == ""
    assert (spec().name, spec().load()) == ("replay", Replay)
    assert spec().capabilities == {"edits_data", "stores_examples", "sharded_ok"}


def test_registration_loads_no_torch():
    code = "import sys, clbench_replay as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    "options",
    [{}, {"policy": "first", "share": 0.2}, {"share": 0.1}, {"schedule": "after-task", "include_current": True}],
)
def test_options_survive_json(options):
    first = ReplayOptions.model_validate(options)
    assert ReplayOptions.model_validate_json(first.model_dump_json()) == first


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"policy": "random"}, "policy"),
        ({"size": 0}, "size"),
        ({"policy": "first", "size": 8}, "keeps a share of each task: set share"),
        ({"policy": "ring", "share": 0.1}, "share: goes with policy=first or task-balanced"),
        ({"size": 8, "share": 0.1}, "keep one of the two"),
        ({"share": 1.1}, "share"),
        ({"ratio": -1}, "ratio"),
        ({"schedule": "after-task", "ratio": 0.5}, "goes with schedule=mixed"),
        ({"include_current": True}, "include_current: goes with schedule=after-task"),
        ({"extra": "x.jsonl", "ratio": 0}, "extra: is never drawn at ratio=0"),
        ({"schedule": "after-task", "extra": "{no}.jsonl"}, r"\{no\}\.jsonl: cannot be read"),
        ({"sise": 8}, "did you mean 'size'"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(OptionError, match=rf"(?s)-o replay\..*{complaint}"):
        spec().create(options)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"prompt": "a"}', "are none of prompt/answer"),
        ('{"prompt": "a", "answer": ""}', "an answer is empty"),
        ("{", r":1: malformed JSON"),
        ("", "holds no records"),
    ],
)
def test_wrong_extra_files_are_refused(tmp_path, text, complaint):
    path = tmp_path / "extra.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=complaint):
        spec().create({"schedule": "after-task", "extra": str(path)})


# --- what is trained on


def test_a_batch_gets_its_ratio_of_past_records():
    method, run, batch = make(size=6), make_run(), examples(8, task=TASKS[1], seed=1)
    assert method.batch_data(run, batch) is batch, "nothing is past in the first experience"
    learn(method, run, 1)
    drawn = []
    for run.step in (7, 8, 7):
        wanted = method.batch_data(run, batch)
        assert wanted[:8] == batch
        assert len(set(wanted[8:])) == 2
        assert set(wanted[8:]) <= set(examples(20))
        drawn.append(wanted[8:])
    assert drawn[0] == drawn[2] != drawn[1], "a step's draw follows from its number alone"
    assert method.footprint().extra_passes == 6 / 32


def test_extra_records_are_drawn_from_the_first_task_on(tmp_path):
    extra = examples(10, task="replay/extra", seed=5)
    write_jsonl(tmp_path / "extra.jsonl", extra)
    method, run, batch = make(size=30, extra=str(tmp_path / "extra.jsonl")), make_run(), examples(8, seed=1)
    assert set(method.batch_data(run, batch)[8:]) <= set(extra)
    learn(method, run, 1)
    drawn = [one for run.step in range(300) for one in method.batch_data(run, batch)[8:]]
    held = [*examples(20), *extra]
    assert set(drawn) == set(held), "each is drawn, the memory's and the others"
    share = sum(one in set(extra) for one in drawn) / len(drawn)
    assert share == pytest.approx(1 / 3, abs=0.08), "as likely as any record"


def test_no_more_is_drawn_than_there_is():
    method, run = make(size=3, ratio=2.0), make_run()
    learn(method, run, 1)
    assert len(method.batch_data(run, examples(4, seed=1))) == 7


def test_a_batch_too_small_for_the_ratio_is_counted():
    method, run = make(), make_run()
    learn(method, run, 1)
    batch = examples(1, seed=1)
    assert method.batch_data(run, batch) is batch
    assert list(run.warnings.values()) == [1]


def test_after_task_rehearses_past_tasks_and_extra(tmp_path):
    write_jsonl(tmp_path / "extra.jsonl", examples(4, task="replay/extra"))
    method = make(schedule="after-task", policy="first", extra=str(tmp_path / "extra.jsonl"))
    first, second, third = learn(method, make_run(), 1, 2, 3)
    extra = examples(4, task="replay/extra")
    assert first == extra
    assert second == [*examples(20, task=TASKS[0])[:2], *extra]
    assert third == [*examples(20, task=TASKS[0])[:2], *examples(20, task=TASKS[1])[:2], *extra]
    batch = examples(4)
    assert method.batch_data(make_run(), batch) is batch


def test_the_task_just_learned_can_be_rehearsed_and_is_kept_once():
    method, run = make(schedule="after-task", size=10, include_current=True), make_run()
    first, second = learn(method, run, 1, 2)
    assert (len(first), {one.task for one in first}) == (10, {TASKS[0]})
    assert [sum(one.task == task for one in second) for task in TASKS[:2]] == [5, 5]
    assert method.footprint().stored_examples == 10


def test_the_record_says_what_is_kept():
    method, run = make(size=10), make_run()
    learn(method, run, 1, 2)
    note = json.loads(json.dumps(run.notes["replay"]))
    kept = [examples(20, task=task)[position] for task, found in note["indices"].items() for position in found]
    assert [len(found) for found in note["indices"].values()] == [5, 5]
    size = sum(len((one.prompt + one.answer).encode()) for one in kept)
    assert (note["examples"], note["bytes"], note["seen"]) == (10, size, {TASKS[0]: 20, TASKS[1]: 20})
    assert method.footprint() == Footprint(stored_examples=10, stored_bytes=size)


# --- state


@pytest.mark.parametrize("policy", ["task-balanced", "reservoir", "ring"])
def test_state_is_complete(policy):
    straight, run = make(policy=policy, size=7), make_run()
    learn(straight, run, 1)
    run.step = 4
    straight.batch_data(run, examples(8, seed=2))
    resumed = make(policy=policy, size=7)
    resumed.before_experience(run, Experience(2, TASKS[1], 1))
    resumed.load_state_dict(json.loads(json.dumps(straight.state_dict())))
    results = []
    for method in (straight, resumed):
        run = make_run(step=5)
        drawn = method.batch_data(run, examples(8, seed=2))
        learn(method, run, 2, 3)
        results.append((drawn, run.notes, method.state_dict(), method.footprint()))
    assert results[0] == results[1]


@pytest.mark.parametrize("include_current", [True, False])
def test_an_interrupted_rehearsal_goes_on_with_the_same_records(include_current):
    def make_it():
        return make(schedule="after-task", size=7, include_current=include_current)

    straight, run = make_it(), make_run()
    learn(straight, run, 1)
    experience, data = Experience(2, TASKS[1], 1), examples(20, task=TASKS[1])
    wanted = straight.rehearsal_data(run, experience, data)
    resumed, again = make_it(), make_run()
    resumed.load_state_dict(json.loads(json.dumps(straight.state_dict())))
    assert resumed.rehearsal_data(again, experience, data) == wanted
    straight.after_experience(run, experience, data)
    resumed.after_experience(again, experience, data)
    assert run.notes == again.notes
    assert straight.state_dict() == resumed.state_dict()


def test_resume_continues_bit_for_bit(folder):
    """Two steps of a second experience, and the same two with everything made anew between them."""

    def begin():
        trainer = make_trainer(folder, method=make(size=6, ratio=0.5))
        trainer.forward_model.train()
        return trainer

    def step(trainer, number):
        data = examples(8, task=TASKS[1])
        own = data[4 * number : 4 * number + 4]
        trainer.step(trainer._batch(own, trainer._encode(own, label="test"), range(4)), rate=1e-3)

    straight = begin()
    learn(straight.method, straight.run, 1)
    step(straight, 0)
    model = {name: tensor.clone() for name, tensor in straight.run.model.state_dict().items()}
    optimizer, state = copy.deepcopy(straight.run.optimizer.state_dict()), json.dumps(straight.method.state_dict())
    resumed = begin()
    resumed.run.model.load_state_dict(model)
    resumed.run.optimizer.load_state_dict(optimizer)
    resumed.method.load_state_dict(json.loads(state))
    resumed.run.step = straight.run.step
    for trainer in (resumed, straight):
        trainer.on_step = lambda *_: None
        step(trainer, 1)
    assert straight.counts.examples == 2 * resumed.counts.examples == 12
    theirs = resumed.run.model.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in straight.run.model.state_dict().items())


# --- whole runs: six examples a task, two epochs, batches of four and two


def test_ratio_0_is_sequential_bit_for_bit(run):
    plain, zero = run("sequential").record, run("replay", options={"replay": {"ratio": 0}}).record
    assert zero.scores == plain.scores
    assert zero.drift == plain.drift
    assert zero.costs.train_tokens == plain.costs.train_tokens


def test_mixed_replay_trains_on_the_past_and_the_first_task_as_ever(run):
    plain, mixed = run("sequential").record, run("replay", options={"replay": {"size": 4, "ratio": 0.5}}).record
    assert mixed.drift != plain.drift
    assert mixed.scores["strict"][1] == plain.scores["strict"][1]
    assert mixed.costs.steps == plain.costs.steps
    assert mixed.costs.train_tokens > plain.costs.train_tokens
    note = mixed.notes["replay"]
    assert (note["own_examples"], note["mixed_examples"]) == (36, 12)
    assert {task: len(found) for task, found in note["indices"].items()} == dict(
        zip(STREAM_TASKS, (1, 1, 2), strict=True)
    )
    assert (mixed.footprint.stored_examples, mixed.footprint.extra_passes) == (4, 12 / 36)


def test_after_task_adds_an_epoch_over_the_past(run):
    outcome = run("replay", options={"replay": {"schedule": "after-task", "policy": "first", "share": 0.5}})
    plain = run("sequential")
    assert outcome.record.costs.steps == plain.record.costs.steps + 1 + 2
    assert outcome.record.notes["replay"]["rehearsed_examples"] == dict(zip(STREAM_TASKS, (0, 3, 6), strict=True))
    assert outcome.record.notes["replay"]["indices"] == {task: [0, 1, 2] for task in STREAM_TASKS}
    assert outcome.record.scores["strict"][1] == plain.record.scores["strict"][1]
    assert outcome.record.drift != plain.record.drift


def test_it_composes_with_an_optimizer(run):
    record = run(("replay+mofo",), options={"replay": {"ratio": 0.5}}).record
    assert record.notes["replay"]["mixed_examples"] > 0
    assert record.notes["mofo"]["selected_share"] < 0.2
