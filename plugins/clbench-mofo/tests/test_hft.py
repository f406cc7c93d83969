"""Half fine-tuning in a trainer and in whole runs."""

from __future__ import annotations

import random

import pytest
import small
import torch

from clbench import Experience, Footprint
from clbench.base.errors import OptionError
from clbench_mofo import clbench_methods, hft
from clbench_mofo.halves import frozen_half
from clbench_mofo.hft import Hft, HftOptions
from clbench_mofo.method import Mofo, MofoOptions

FIRST, SECOND = (Experience(index=index, task="own/word", epochs=1) for index in (1, 2))
DATA = small.examples(8)


def spec():
    return next(one for one in clbench_methods() if one.name == "hft")


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}


def learn(trainer, *experiences):
    for experience in experiences:
        trainer.method.before_experience(trainer.run, experience)
        trainer.train(experience, DATA)
        trainer.method.after_experience(trainer.run, experience, DATA)


def expected(trainer, index):
    return frozen_half([name for name, _ in trainer.run.model.named_parameters()], trainer.run.rng("hft", index))


def test_spec_and_options():
    assert (spec().problem(), spec().load(), spec().capabilities) == ("", Hft, {"edits_gradients", "sharded_ok"})
    assert isinstance(spec().create({"share": "0"}), Hft)
    assert Hft().footprint() == Footprint()
    for wrong in ({"share": 0.25}, {"share": 1}, {"share": "nan"}, {"shaer": 0}):
        with pytest.raises(OptionError, match=r"-o hft\."):
            spec().create(wrong)


def test_the_frozen_half_keeps_its_bits_and_the_rest_moves(llama):
    trainer = small.make_trainer(llama, method=Hft())
    for experience in (FIRST, SECOND):
        before = weights(trainer)
        learn(trainer, experience)
        kept = {name for name, p in weights(trainer).items() if torch.equal(p, before[name])}
        assert kept == expected(trainer, experience.index)
        assert all(p.requires_grad for p in trainer.run.model.parameters())
    assert expected(trainer, 1) != expected(trainer, 2)


def test_a_gqa_model_has_its_true_share_in_the_record(llama):
    trainer = small.make_trainer(llama, method=Hft())
    learn(trainer, FIRST, SECOND)
    sizes = {name: p.numel() for name, p in trainer.run.model.named_parameters()}
    assert sizes["model.layers.0.self_attn.k_proj.weight"] * 2 == sizes["model.layers.0.self_attn.q_proj.weight"]
    shares = [sum(sizes[name] for name in expected(trainer, index)) / sum(sizes.values()) for index in (1, 2)]
    assert trainer.run.notes["hft"] == {"frozen_share": sum(shares) / 2, "frozen_share_by_task": shares}
    assert 0.1 < shares[0] < 0.5


@pytest.mark.parametrize("several", [False, True])
def test_a_step_is_adamws_on_what_is_not_frozen(llama, monkeypatch, several):
    """Also where several processes compute all gradients, and the frozen ones are dropped."""
    monkeypatch.setattr(hft.processes, "launched", lambda: several)
    ours, theirs = small.make_trainer(llama, method=Hft(), max_grad_norm=1e9), small.make_trainer(llama)
    frozen = expected(ours, 1)
    theirs.protocol = theirs.run.protocol = ours.protocol
    trained = [p for name, p in theirs.run.model.named_parameters() if name not in frozen]
    theirs.run.optimizer.param_groups[0]["params"] = trained
    learn(ours, FIRST)
    learn(theirs, FIRST)
    for (name, p), q in zip(ours.run.model.named_parameters(), theirs.run.model.parameters(), strict=True):
        assert torch.equal(p, q), name


def test_micro_batches_change_nothing_but_rounding(llama):
    whole, parts = (
        small.make_trainer(llama, method=Hft(), runtime={"micro_batch": size}, global_batch=8) for size in (8, 2)
    )
    learn(whole, FIRST)
    learn(parts, FIRST)
    for p, q in zip(whole.run.model.parameters(), parts.run.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5)


def test_a_resumed_experience_freezes_the_same(llama):
    first, second = (small.make_trainer(llama, method=Hft()) for _ in range(2))
    learn(first, FIRST)
    first.method.before_experience(first.run, SECOND)
    first.method.before_experience(first.run, SECOND)  # again, as for an interrupted experience
    second.method.before_experience(second.run, SECOND)
    second.method.load_state_dict(first.method.state_dict())
    frozen = [{name for name, p in one.run.model.named_parameters() if not p.requires_grad} for one in (first, second)]
    assert frozen[0] == frozen[1] == expected(first, 2)
    for one in (first, second):
        one.method.after_experience(one.run, SECOND, ())
    assert first.run.notes == second.run.notes
    assert len(first.run.notes["hft"]["frozen_share_by_task"]) == 2


def test_mofo_skips_the_frozen_half(llama):
    from clbench.methods.compose import Compose

    method = Compose({"hft": Hft(), "mofo": Mofo(MofoOptions(fraction=0.05))})
    trainer = small.make_trainer(llama, method=method)
    before = weights(trainer)
    learn(trainer, FIRST)
    moved = {name: (p != before[name]).float().mean().item() for name, p in weights(trainer).items()}
    frozen = expected(trainer, 1)
    assert {name for name, share in moved.items() if share == 0} == frozen
    assert all(share < 0.2 for name, share in moved.items() if "proj" in name), "mofo still filters the other half"
    states = {name: p in trainer.run.optimizer.state for name, p in trainer.run.model.named_parameters()}
    assert {name for name, has in states.items() if not has} == frozen


def test_gpt2_is_refused(gpt2):
    trainer = small.make_trainer(gpt2, method=Hft())
    with pytest.raises(OptionError, match=r"hft: 'transformer\.wte\.weight' is none of the tensors"):
        trainer.method.before_experience(trainer.run, FIRST)


def test_whole_runs(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream")
    shared = {"model": llama, "home": tmp_path, "lab": small.registry_with(), "protocol": {"epochs": 1}}
    (plain,) = small.run_stream(stream, "sequential", **shared)
    (none,) = small.run_stream(stream, "hft", options={"hft": {"share": 0}}, **shared)
    (half,) = small.run_stream(stream, "hft+gmt+mofo", **shared)
    assert none.record.scores == plain.record.scores
    assert none.record.drift == plain.record.drift
    assert set(none.record.notes) == {"engines"}
    assert len(half.record.notes["hft"]["frozen_share_by_task"]) == 3
    assert half.record.footprint.trainable_parameters == plain.record.footprint.trainable_parameters
    assert half.record.drift != plain.record.drift


def test_nothing_frozen_is_sequential_bit_for_bit(llama):
    ours, theirs = small.make_trainer(llama, method=Hft(HftOptions(share=0))), small.make_trainer(llama)
    for one in (ours, theirs):
        learn(one, FIRST, SECOND)
    assert ours.on_step.losses == theirs.on_step.losses
    assert all(map(torch.equal, ours.run.model.parameters(), theirs.run.model.parameters()))


def test_draws_nothing_from_the_global_generators(llama):
    trainer = small.make_trainer(llama, method=Hft())
    before = torch.get_rng_state(), random.getstate()
    trainer.method.before_experience(trainer.run, FIRST)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
