"""The methods in whole runs and in a trainer: identities, effect, options, state."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import small
import torch

from clbench import Experience, Footprint
from clbench.base.errors import OptionError
from clbench_penalty import clbench_methods

llama = small.llama
SPECS = {spec.name: spec for spec in clbench_methods()}
EXPERIENCES = [Experience(index=index, task=f"own/t{index}", epochs=1) for index in (1, 2, 3)]


def test_specs_name_what_they_are():
    assert set(SPECS) == {"l2", "l1", "ewc", "lwf", "wise-ft"}
    assert all(spec.problem() == "" for spec in SPECS.values())
    assert all(spec.create().footprint() == Footprint() for spec in SPECS.values())


def test_registration_loads_no_torch():
    code = "import sys, clbench_penalty as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("l2", {"strength": -1}),
        ("l2", {"anchor": "bse"}),
        ("l1", {"strength": "inf"}),
        ("ewc", {"kind": "offline"}),
        ("ewc", {"fisher": "exact"}),
        ("ewc", {"samples": 0}),
        ("ewc", {"decay": 1.1}),
        ("lwf", {"temperature": 0}),
        ("wise-ft", {"share": 1.5}),
        ("wise-ft", {"shaer": 0.5}),
    ],
)
def test_wrong_options_are_refused(name, options):
    with pytest.raises(OptionError, match=rf"-o {name}\.{next(iter(options))}"):
        SPECS[name].create(options)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(tmp_path_factory.mktemp("data") / "stream")


@pytest.fixture(scope="module")
def run(stream, llama, tmp_path_factory):
    """The record of a run of registered methods."""
    known = small.registry_with()
    done = {}

    def run(method="sequential", **options):
        key = (method, str(options))
        if key not in done:
            chosen = {method: options} if options else {}
            folder = tmp_path_factory.mktemp("home")
            (outcome,) = small.run_stream(stream, method, model=llama, home=folder, lab=known, options=chosen)
            done[key] = outcome.record
        return done[key]

    return run


def trace(record):
    """What a run came to, to the last bit."""
    return record.scores, record.drift


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("l2", {"strength": 0}),
        ("l1", {"strength": 0}),
        ("ewc", {"strength": 0}),
        ("lwf", {"strength": 0}),
        ("wise-ft", {"share": 1}),
    ],
)
def test_without_strength_it_is_sequential_bit_for_bit(run, method, options):
    assert trace(run(method, **options)) == trace(run())


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("l2", {"strength": 30}),
        ("l1", {"strength": 0.1}),
        ("ewc", {"strength": 1e5}),
        ("ewc", {"strength": 1e5, "kind": "separate", "fisher": "batch", "decay": 0.5}),
        ("lwf", {"strength": 10}),
        ("wise-ft", {"share": 0.5}),
        ("wise-ft", {"share": 0.5, "anchor": "previous"}),
    ],
)
def test_with_strength_the_weights_stay_nearer(run, method, options):
    record = run(method, **options)
    assert record.drift["relative_l2"] < 0.97 * run().drift["relative_l2"]
    assert record.footprint.stored_bytes > 0


def test_what_wise_ft_measures(run):
    assert run("wise-ft", share=0.5).drift["relative_l2"] == pytest.approx(run().drift["relative_l2"] / 2, rel=1e-4)
    base = run("wise-ft", share=0)
    assert base.drift["relative_l2"] == 0
    assert all(row == base.scores["strict"][0] for row in base.scores["strict"])


@pytest.mark.parametrize("method", ["ewc", "lwf"])
def test_the_first_task_is_learned_freely(run, method):
    strong = run(method, strength=1e5 if method == "ewc" else 10)
    assert strong.scores["strict"][1] == run().scores["strict"][1]


def test_footprints(run):
    size = 4 * run().footprint.trainable_parameters
    assert run("l2", strength=30).footprint.stored_bytes == size
    ewc = run("ewc", strength=1e5).footprint
    assert (ewc.stored_bytes, ewc.extra_passes) == (2 * size, pytest.approx(12 / 36))  # 6 of 2 tasks in 3·2·6 examples
    lwf = run("lwf", strength=10).footprint
    assert (lwf.stored_bytes, lwf.extra_passes) == (size, pytest.approx(1 / 3))


# --- in a trainer: state, micro-batches, compositions


METHODS = [
    ("l2", {"strength": 1.0, "anchor": "previous"}),
    ("l1", {"strength": 0.01}),
    ("ewc", {"strength": 1e3, "kind": "separate"}),
    ("ewc", {"strength": 1e3, "fisher": "batch", "decay": 0.9}),
    ("lwf", {"strength": 2.0}),
    ("wise-ft", {}),
]


def trainer_of(llama, name, options, **runtime):
    # a large ε, as Adam would make much of gradients that are rounding errors
    trainer = small.make_trainer(llama, method=SPECS[name].create(options), runtime=runtime, eps=1e-2)
    trainer.run.num_experiences = 3
    trainer.on_step = lambda *_: None
    return trainer


def learn(trainer, experience, *, seed, begin=True):
    data = small.examples(4, seed=seed)
    if begin:
        trainer.method.before_experience(trainer.run, experience)
    trainer.train(experience, data)
    trainer.method.after_experience(trainer.run, experience, data)


def weights(trainer):
    with trainer.method.evaluating(trainer.run):
        return {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}


@pytest.mark.parametrize(("name", "options"), METHODS)
def test_state_continues(llama, name, options):
    straight = trainer_of(llama, name, options)
    for seed, experience in enumerate(EXPERIENCES[:2]):
        learn(straight, experience, seed=seed)
    straight.method.before_experience(straight.run, EXPERIENCES[2])
    resumed = trainer_of(llama, name, options)
    resumed.method.before_experience(resumed.run, EXPERIENCES[2])  # too early; loading must overwrite it
    resumed.run.model.load_state_dict(straight.run.model.state_dict())
    resumed.run.optimizer.load_state_dict(copy.deepcopy(straight.run.optimizer.state_dict()))
    resumed.run.step = straight.run.step
    resumed.method.load_state_dict(copy.deepcopy(straight.method.state_dict()))
    for trainer in (straight, resumed):
        learn(trainer, EXPERIENCES[2], seed=2, begin=False)
    one, other = weights(straight), weights(resumed)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert straight.method.footprint() == resumed.method.footprint()


def test_a_parameter_that_is_thawed_later_is_held_at_its_base(llama):
    trainer = trainer_of(llama, "l2", {})
    head = trainer.run.model.lm_head.weight.requires_grad_(False)
    trainer.method.before_experience(trainer.run, EXPERIENCES[0])
    assert "lm_head.weight" not in trainer.method.state_dict()["anchor"]
    base = head.detach().clone()
    head.requires_grad_(True)
    trainer.method.before_experience(trainer.run, EXPERIENCES[1])
    with torch.no_grad():
        head.add_(1)
    trainer.method.before_experience(trainer.run, EXPERIENCES[2])
    assert torch.equal(trainer.method.state_dict()["anchor"]["lm_head.weight"], base)


@pytest.mark.parametrize(("name", "options"), [("lwf", {"strength": 2.0}), ("ewc", {"strength": 1e3})])
def test_micro_batches_change_nothing_but_rounding(llama, name, options):
    ends = []
    for micro_batch in (4, 1):
        trainer = trainer_of(llama, name, options, micro_batch=micro_batch)
        for seed, experience in enumerate(EXPERIENCES[:2]):
            learn(trainer, experience, seed=seed)
        ends.append(weights(trainer))
    for key, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][key], rtol=1e-4, atol=1e-5)
