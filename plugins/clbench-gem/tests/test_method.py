"""`gem` and `agem`: what a step's gradient becomes, memory, state, costs, and whole runs."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small import STREAM_TASKS, byte_level, examples, make_gpt2, make_trainer, save

from clbench import Example, Experience
from clbench.base.errors import OptionError, RunError
from clbench_gem import clbench_methods
from clbench_gem.method import AGem, AGemOptions, Gem, GemOptions

TASKS = STREAM_TASKS
METHODS = {"gem": (Gem, GemOptions), "agem": (AGem, AGemOptions)}
SPECS = {spec.name: spec for spec in clbench_methods()}


def make(name="gem", **options):
    method, kind = METHODS[name]
    return method(kind(**options))


@pytest.fixture
def trainer_of(folder):
    """A trainer whose method has learned some tasks, without a step."""

    def build(method, *, past=2, folder=folder, **how):
        trainer = make_trainer(folder, method=method, **how)
        trainer.run.num_experiences = 4
        trainer.on_step = lambda *_: None
        trainer.forward_model.train()
        learn(trainer, *range(1, past + 1))
        method.before_experience(trainer.run, Experience(past + 1, TASKS[past], 1))
        return trainer

    return build


def learn(trainer, *indices):
    for index in indices:
        data = examples(20, task=TASKS[index - 1])
        trainer.method.after_experience(trainer.run, Experience(index, TASKS[index - 1], 1), data)


def step(trainer, number=0):
    """One optimizer step over eight records of a third task, which answers the first task's prompts otherwise."""
    known = examples(20, task=TASKS[0])[8 * number : 8 * number + 8]
    own = [Example(TASKS[2], one.prompt, "支持支持") for one in known]
    trainer.step(trainer._batch(own, trainer._encode(own, label="test"), range(8)), rate=3e-3)


def opposed(trainer):
    """Set the gradient to one that conflicts with each past task; returns it and the references, flat."""
    run = trainer.run
    references = [run.gradients(known) for known in trainer.method._memory.examples.values()]
    for number, (name, p) in enumerate(run.model.named_parameters()):
        noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(number))
        p.grad = -sum(one[name] for one in references) + 1e-3 * noise
    return gradient(trainer), np.stack([flat(one.values()) for one in references])


def gradient(trainer):
    return flat(p.grad for p in trainer.run.model.parameters())


def flat(tensors):
    return torch.cat([tensor.detach().double().reshape(-1) for tensor in tensors]).numpy()


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.run.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


# --- options


@pytest.mark.parametrize("name", METHODS)
def test_specs_name_what_they_are(name):
    spec = SPECS[name]
    assert spec.problem() == ""
    assert spec.load() is METHODS[name][0]
    assert spec.capabilities == {"edits_gradients", "stores_examples", "extra_backward"}


def test_registration_loads_no_torch():
    code = "import sys, clbench_gem as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gem", {"memory": 0}),
        ("gem", {"margin": -0.1}),
        ("gem", {"gamma": -0.1}),
        ("gem", {"epsilon": "nan"}),
        ("gem", {"dtype": "fp16"}),
        ("agem", {"margin": 0.5}),
        ("agem", {"sample": 0}),
    ],
)
def test_wrong_options_are_refused(name, options):
    with pytest.raises(OptionError, match=rf"-o {name}\."):
        SPECS[name].create(options)


def test_options_survive_json():
    first = GemOptions(memory=4, sample=2, margin=0.5, dtype="bf16")
    assert GemOptions.model_validate_json(first.model_dump_json()) == first


# --- a step's gradient


@pytest.mark.parametrize(("dtype", "tolerance"), [("fp32", 2e-6), ("bf16", 2e-3)])
def test_gem_leaves_no_conflict_with_any_task(trainer_of, dtype, tolerance):
    trainer = trainer_of(make(dtype=dtype))
    before, references = opposed(trainer)
    assert (references @ before < 0).all()
    trainer.method.after_backward(trainer.run)
    after = gradient(trainer)
    cosines = references @ after / np.linalg.norm(references, axis=1) / np.linalg.norm(before)
    assert cosines.min() > -tolerance
    assert np.linalg.norm(after) < np.linalg.norm(before)


def test_agem_is_the_closed_form(trainer_of):
    trainer = trainer_of(make("agem", sample=64))  # more than there are: all of the memory
    before, _ = opposed(trainer)
    reference = flat(trainer.run.gradients(trainer.method._memory.all()).values())
    trainer.method.after_backward(trainer.run)
    expected = before - (before @ reference) / (reference @ reference) * reference
    np.testing.assert_allclose(gradient(trainer), expected, atol=1e-6 * np.abs(before).max())
    assert before @ reference < 0


def test_references_are_of_the_present_weights(trainer_of):
    trainer = trainer_of(make())
    step(trainer)
    with torch.no_grad():
        for p in trainer.run.model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    before, references = opposed(trainer)
    trainer.method.after_backward(trainer.run)
    cosines = references @ gradient(trainer) / np.linalg.norm(references, axis=1) / np.linalg.norm(before)
    assert cosines.min() > -2e-6


@pytest.mark.parametrize("name", METHODS)
def test_a_gradient_without_conflict_stays_bit_for_bit(trainer_of, name):
    trainer = trainer_of(make(name))
    before, _ = opposed(trainer)
    for p in trainer.run.model.parameters():
        p.grad.neg_()
    trainer.method.after_backward(trainer.run)
    assert np.array_equal(gradient(trainer), -before)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_happens_before_the_second_task(trainer_of, name):
    plain, method = trainer_of(make(name), past=0), trainer_of(make(name), past=0)
    plain.method.after_backward = lambda run: None
    for trainer in (plain, method):
        step(trainer)
    assert same(weights(plain), weights(method))
    assert method.method.footprint().stored_bytes == 0


def test_gradients_project_alike_in_micro_batches(trainer_of):
    learned, results = trainer_of(make("agem"), past=0), []
    for _ in range(5):
        learned.step(learned._encode(examples(20, task=TASKS[0]), label="test"), rate=3e-3)
    for micro in (8, 2):
        trainer = trainer_of(make(), runtime={"micro_batch": micro})
        trainer.run.model.load_state_dict(weights(learned))
        kept = trainer.method.after_backward

        def after_backward(run, kept=kept, trainer=trainer):
            before = gradient(trainer)
            kept(run)
            results.append((before, gradient(trainer)))

        trainer.method.after_backward = after_backward
        step(trainer)
    (before, one), (_, other) = results
    assert not np.array_equal(before, one), "it was projected"
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(before).max())


def test_dropout_is_as_without(trainer_of, tmp_path):
    tokenizer = byte_level()
    gpt2 = save(tmp_path / "gpt2", make_gpt2(len(tokenizer)), tokenizer)
    states = []
    for past in (2, 0):
        trainer = trainer_of(make(), past=past, folder=gpt2)
        torch.manual_seed(5)
        step(trainer)
        states.append(torch.get_rng_state())
        assert trainer.run.model.training
    assert torch.equal(*states)


@pytest.mark.parametrize("name", METHODS)
def test_only_what_is_trained_has_references(trainer_of, name):
    trainer = trainer_of(make(name))
    for p in trainer.run.model.parameters():
        p.requires_grad_(False)
    head = trainer.run.model.lm_head.weight.requires_grad_(True)
    own = trainer.run.gradients(trainer.method._memory.all())
    head.grad = -own["lm_head.weight"]
    trainer.method.after_backward(trainer.run)
    rows = 3 if name == "gem" else 1
    text = trainer.method._memory.text_bytes()
    assert trainer.method.footprint().stored_bytes == text + rows * 4 * head.numel()
    assert all(p.grad is None for p in trainer.run.model.parameters() if p is not head)


def test_a_reference_that_is_not_finite_stops_the_run(trainer_of):
    trainer = trainer_of(make())
    trainer.run.gradients = lambda _: {
        name: torch.full_like(p, float("nan")) for name, p in trainer.run.model.named_parameters()
    }
    with pytest.raises(RunError, match=r"reference gradient of own/word is not finite at optimizer step 1"):
        step(trainer)


# --- memory, draws, costs


@pytest.mark.parametrize("name", METHODS)
def test_memory_is_a_seeded_sample_of_each_task(trainer_of, name):
    notes = [trainer_of(make(name, memory=5), seed=seed).run.notes[name] for seed in (0, 0, 1)]
    assert notes[0] == notes[1] != notes[2]
    assert [len(set(found)) for found in notes[0]["indices"].values()] == [5, 5]
    found = trainer_of(make(name, memory=50)).run.notes[name]
    assert found["indices"] == {task: [*range(20)] for task in TASKS[:2]}
    assert found["examples"] == 40
    assert found["bytes"] == sum(len((e.prompt + e.answer).encode()) for t in TASKS[:2] for e in examples(20, task=t))


@pytest.mark.parametrize(("name", "sizes"), [("gem", [3, 3]), ("agem", [3])])
def test_a_sample_is_drawn_anew_each_step(trainer_of, name, sizes):
    trainer, asked = trainer_of(make(name, memory=10, sample=3)), []
    gradients = trainer.run.gradients
    trainer.run.gradients = lambda known: asked.append(list(known)) or gradients(known)
    for number in range(2):
        step(trainer, number)
    assert [len(known) for known in asked] == sizes * 2
    assert asked[: len(sizes)] != asked[len(sizes) :]
    everything = set(trainer.method._memory.all())
    assert all(set(known) <= everything and len(set(known)) == 3 for known in asked)


def test_footprint_counts_examples_against_those_that_steps_train_on(trainer_of):
    trainer = trainer_of(make(memory=6))  # two references of six, steps over eight
    for _ in range(3):
        step(trainer)
    footprint = trainer.method.footprint()
    size = sum(p.numel() for p in trainer.run.model.parameters())
    assert footprint.extra_passes == pytest.approx(12 / 8)
    assert footprint.stored_examples == 12
    assert footprint.stored_bytes == trainer.method._memory.text_bytes() + 3 * 4 * size
    assert trainer_of(make("agem")).method.footprint().extra_passes == 0
    resumed = make(memory=6)
    resumed.load_state_dict(json.loads(json.dumps(trainer.method.state_dict())))
    assert resumed.footprint() == footprint, "also where a run goes on with its last measurement"


@pytest.mark.parametrize("name", METHODS)
def test_resume_continues_bit_for_bit(trainer_of, name):
    """A step, and another with everything made anew between them."""
    straight = trainer_of(make(name, memory=8, sample=3))
    step(straight, 0)
    model, optimizer = weights(straight), copy.deepcopy(straight.run.optimizer.state_dict())
    state = json.dumps(straight.method.state_dict())
    resumed = trainer_of(make(name, memory=8, sample=3), past=0)
    resumed.run.model.load_state_dict(model)
    resumed.run.optimizer.load_state_dict(optimizer)
    resumed.method.load_state_dict(json.loads(state))
    resumed.run.step = straight.run.step
    for trainer in (straight, resumed):
        step(trainer, 1)
        learn(trainer, 3)
    assert straight.method.state_dict() == resumed.method.state_dict()
    assert straight.run.notes == resumed.run.notes
    assert straight.method.footprint() == resumed.method.footprint()
    assert straight.method._counts.projected > 0
    assert same(weights(straight), weights(resumed))


# --- whole runs: six examples a task, two epochs, batches of four and two


@pytest.mark.parametrize("name", METHODS)
def test_a_run_differs_from_sequential_from_the_second_task_on(run, name):
    plain, record = run("sequential").record, run(name).record
    assert record.scores["strict"][:2] == plain.scores["strict"][:2]
    assert record.drift != plain.drift
    assert record.costs.train_tokens == plain.costs.train_tokens
    assert record.costs.steps == plain.costs.steps
    note = record.notes[name]
    assert (note["steps"], note["checked_steps"], note["examples"]) == (12, 8, 18)
    assert 0 < note["projected_share"] <= 1
    assert 1 <= note["active_constraints"] <= 2
    referred = 6 * (4 * 1 + 4 * 2) if name == "gem" else 4 * 8
    assert record.footprint.extra_passes == pytest.approx(referred / 36)
    assert record.footprint.counted_passes == pytest.approx(referred / 36), "also where batches are not full"


@pytest.mark.parametrize("name", ["gem+mofo", "replay+gem", "agem+mofo"])
def test_it_composes(run, name):
    record = run((name,)).record
    for one in name.split("+"):
        assert one in record.notes
    assert record.costs.steps == 12
