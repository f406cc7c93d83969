"""Gradient-mask tuning against a sort, in a trainer and in whole runs."""

from __future__ import annotations

import numpy as np
import pytest
import small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clbench import Experience, Footprint
from clbench.base.errors import OptionError, RunError
from clbench_mofo import clbench_methods
from clbench_mofo.gmt import Gmt, GmtOptions, mask

FIRST = Experience(index=1, task="own/word", epochs=2)
DATA = small.examples(8)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def spec():
    return next(one for one in clbench_methods() if one.name == "gmt")


def by_sorting(gradient, ratio):
    k = max(1, int(ratio * gradient.numel()))
    threshold = gradient.abs().flatten().sort(descending=True).values[k - 1]
    return torch.where(gradient.abs() >= threshold, gradient, 0.0)


def train(trainer):
    trainer.method.before_experience(trainer.run, FIRST)
    trainer.train(FIRST, DATA)
    trainer.method.after_experience(trainer.run, FIRST, DATA)


def test_spec_and_options():
    assert (spec().problem(), spec().load(), spec().capabilities) == ("", Gmt, {"edits_gradients", "sharded_ok"})
    assert spec().create({}).options.ratio == 0.2
    assert Gmt().footprint() == Footprint()
    assert Gmt().state_dict() == {}
    for wrong in ({"ratio": 0}, {"ratio": 1.5}, {"ratio": "nan"}, {"raito": 0.2}):
        with pytest.raises(OptionError, match=r"-o gmt\."):
            spec().create(wrong)


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=20), elements=FLOATS), st.floats(0.01, 1))
@settings(max_examples=100)
def test_mask_is_a_sorts(values, ratio):
    gradient = torch.from_numpy(values)
    assert torch.equal(mask(gradient, ratio=ratio), by_sorting(gradient, ratio))


def test_ties_stay_and_one_entry_always_does():
    assert mask(torch.tensor([1.0, -1.0, 0.5, 1.0]), ratio=0.25).tolist() == [1.0, -1.0, 0.0, 1.0]
    assert mask(torch.tensor([0.1, -0.3]), ratio=0.01).tolist() == [0.0, torch.tensor(-0.3).item()]


def test_the_accumulated_gradient_is_masked_once_a_step(llama):
    """Two micro-batches, each of which would be masked otherwise than their sum."""
    plain, masked = (
        small.make_trainer(llama, method=method, runtime={"micro_batch": 4}, global_batch=8) for method in (None, Gmt())
    )
    seen = {}
    for name, one in (("plain", plain), ("masked", masked)):
        after = one.method.after_backward

        def spy(run, name=name, after=after):
            after(run)
            seen.setdefault(name, [p.grad.clone() for p in run.model.parameters()])

        one.method.after_backward = spy
        train(one)
    assert len(seen["masked"]) > 10
    for whole, part in zip(seen["plain"], seen["masked"], strict=True):
        assert torch.equal(part, by_sorting(whole, 0.2))


def test_ratio_1_is_sequential_bit_for_bit(llama):
    ours, theirs, other = (
        small.make_trainer(llama, method=method) for method in (Gmt(GmtOptions(ratio=1)), None, Gmt())
    )
    for one in (ours, theirs, other):
        train(one)
    assert ours.on_step.losses == theirs.on_step.losses != other.on_step.losses
    assert all(map(torch.equal, ours.run.model.parameters(), theirs.run.model.parameters()))


def test_a_broken_gradient_stops_the_run(llama):
    trainer = small.make_trainer(llama, method=Gmt())
    trainer.run.model.model.norm.weight.grad = torch.full((32,), float("nan"))
    with pytest.raises(RunError, match="gmt: the gradient's norm is not finite at optimizer step 1"):
        trainer.method.after_backward(trainer.run)


def test_whole_runs(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream")
    shared = {"model": llama, "home": tmp_path, "lab": small.registry_with(), "protocol": {"epochs": 1}}
    (plain,) = small.run_stream(stream, "sequential", **shared)
    (all_of_it,) = small.run_stream(stream, "gmt", options={"gmt": {"ratio": 1}}, **shared)
    (part,) = small.run_stream(stream, "gmt", **shared)
    assert all_of_it.record.scores == plain.record.scores
    assert all_of_it.record.drift == plain.record.drift != part.record.drift
