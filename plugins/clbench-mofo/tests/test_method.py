"""The method: its options, its groups of tensors, its notes and its state."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from clbench import Experience, Footprint, Run
from clbench.base.errors import OptionError
from clbench.spec.protocol import Protocol
from clbench_mofo import clbench_methods
from clbench_mofo.method import Mofo, MofoOptions

NAMES = ("embed.weight", "layers.0.attn.weight", "layers.0.attn.bias", "layers.0.input_layernorm.weight", "ln_f.weight")
EXPERIENCE = Experience(index=1, task="trace/fomc", epochs=1)


def spec():
    return next(one for one in clbench_methods() if one.name == "mofo")


def make_run(**protocol):
    how, cpu = Protocol(**protocol), torch.device("cpu")
    return Run(seed=3, protocol=how, num_experiences=2, device=cpu, model=None, loss=None, gradients=None)


def named_parameters():
    generator = torch.Generator().manual_seed(0)
    return [(name, torch.nn.Parameter(torch.randn(40, 10, generator=generator))) for name in NAMES]


def train(method, named, run, steps, *, first=0):
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=generator)
        method._optimizer.step()
        method.after_step(run)


def test_spec_names_what_it_is():
    assert spec().problem() == ""
    assert (spec().name, spec().load(), spec().capabilities) == ("mofo", Mofo, {"owns_optimizer", "sharded_ok"})
    assert isinstance(spec().create({"fraction": "0.15"}), Mofo)


def test_registration_loads_no_torch():
    code = "import sys, clbench_mofo as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_defaults():
    options = MofoOptions()
    assert (options.fraction, options.score, options.scope, options.decay) == (0.05, "momentum", "tensor", "all")
    assert Mofo().footprint() == Footprint()


@pytest.mark.parametrize("options", [{}, {"scope": "shard", "shards": 4}, {"unfiltered": []}])
def test_options_survive_json(options):
    first = MofoOptions.model_validate(options)
    assert MofoOptions.model_validate_json(first.model_dump_json()) == first


@pytest.mark.parametrize(
    "options",
    [
        {"fraction": 0},
        {"fraction": 1.01},
        {"fraction": "nan"},
        {"score": "momentun"},
        {"scope": "rank"},
        {"scope": "shard"},
        {"shards": 4},
        {"decay": "none"},
        {"unfiltered": [""]},
        {"fractoin": 0.1},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(OptionError, match=r"-o mofo\."):
        spec().create(options)


def test_biases_and_norms_are_updated_whole():
    method, run, named = Mofo(), make_run(learning_rate=1e-2, weight_decay=0.1, eps=1e-7), named_parameters()
    optimizer = method.make_optimizer(named, run)
    filtered, whole = optimizer.param_groups
    assert (filtered["param_names"], whole["param_names"]) == (list(NAMES[:2]), list(NAMES[2:]))
    assert (filtered["fraction"], whole["fraction"]) == (0.05, 1.0)
    for group in (filtered, whole):
        assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-2, (0.9, 0.95), 1e-7, 0.1)


def test_unfiltered_is_the_users_to_say():
    optimizer = Mofo(MofoOptions(unfiltered=("embed",))).make_optimizer(named_parameters(), make_run())
    assert optimizer.param_groups[1]["param_names"] == ["embed.weight"]
    run = make_run()
    optimizer = Mofo(MofoOptions(unfiltered=("weight", "bias"))).make_optimizer(named_parameters(), run)
    assert [group["fraction"] for group in optimizer.param_groups] == [1.0]
    assert "plain AdamW" in next(iter(run.warnings))


def test_the_authors_rule_for_decay():
    """Norms keep what they have where nothing pulls at them; the rest decays by the protocol's share each step."""
    method, run, named = Mofo(MofoOptions(undecayed=("norm", "ln_f"))), make_run(weight_decay=0.1), named_parameters()
    optimizer = method.make_optimizer(named, run)
    before = {name: p.detach().clone() for name, p in named}
    for _ in range(50):
        for _, p in named:
            p.grad = torch.zeros_like(p)
        optimizer.step()
    shrunk = (1 - run.protocol.learning_rate * 0.1) ** 50
    for name, p in named:
        factor = 1.0 if "norm" in name or "ln_f" in name else shrunk
        torch.testing.assert_close(p.detach(), before[name] * factor, rtol=1e-5, atol=0)
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.1}


def test_undecayed_cannot_part_what_is_ranked_together():
    options = MofoOptions(scope="global", undecayed=("embed",))
    with pytest.raises(OptionError, match=r"scope=global"):
        Mofo(options).make_optimizer(named_parameters(), make_run())


def test_fraction_1_is_the_cores_adamw():
    method, run, named, others = Mofo(MofoOptions(fraction=1.0)), make_run(), named_parameters(), named_parameters()
    method.make_optimizer(named, run)
    train(method, named, run, 20)
    from clbench.training.optimizing import adamw

    theirs = SimpleNamespace(_optimizer=adamw([p for _, p in others], run.protocol), after_step=lambda run: None)
    train(theirs, others, run, 20)
    assert all(torch.equal(p, q) for (_, p), (_, q) in zip(named, others, strict=True))


def test_the_record_says_what_was_updated():
    method, run, named = Mofo(), make_run(), named_parameters()
    method.make_optimizer(named, run)
    method.before_experience(run, EXPERIENCE)
    train(method, named, run, 9)
    method.after_experience(run, EXPERIENCE, ())
    assert run.notes["mofo"] == {"selected_share": 0.05, "updated_share": 0.05, "measured_steps": 4}


@pytest.mark.parametrize("load_first", [True, False])
def test_resume_continues_masks_and_counts(load_first):
    options = MofoOptions(score="random", fraction=0.1)
    straight, run, named = Mofo(options), make_run(), named_parameters()
    straight.make_optimizer(named, run)
    straight.before_experience(run, EXPERIENCE)
    train(straight, named, run, 3)
    saved = straight.state_dict(), straight._optimizer.state_dict()
    weights = [(name, torch.nn.Parameter(p.detach().clone())) for name, p in named]
    resumed = Mofo(options)
    if load_first:
        resumed.load_state_dict(saved[0])
    resumed.make_optimizer(weights, make_run()).load_state_dict(saved[1])
    if not load_first:
        resumed.load_state_dict(saved[0])
    train(straight, named, run, 6, first=3)
    train(resumed, weights, run, 6, first=3)
    assert all(torch.equal(p, q) for (_, p), (_, q) in zip(named, weights, strict=True))
    assert straight.state_dict()["shares"] == resumed.state_dict()["shares"]


def test_random_masks_go_on_when_the_optimizer_is_reset():
    method, run = Mofo(MofoOptions(score="random", fraction=0.1)), make_run()
    moved = []
    for _ in range(2):
        named = named_parameters()
        before = named[0][1].detach().clone()
        method.make_optimizer(named, run)
        train(method, named, run, 1)
        moved.append(named[0][1] != before)
    assert not torch.equal(*moved)
