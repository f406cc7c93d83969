"""GRPO's equations against TRL's trainer on the same answers, and what each says of special cases."""

from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch

from clbench_onpolicy.policy import advantages, divergence, surrogate


def answers(number=6, *, seed=0):
    """Log-likelihoods, new (with a graph), old and of a reference, of answers of unlike lengths."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for length in (1, 2, 3, 5, 8, 13)[:number]:
        old = -torch.rand(length, generator=generator) * 3
        new = (old + torch.randn(length, generator=generator) * 0.3).requires_grad_()
        made.append((new, old, old + torch.randn(length, generator=generator) * 0.2))
    return made


def ours(made, weights, *, clip, kl):
    terms = [surrogate(new, old, torch.tensor(w), clip=clip) for (new, old, _), w in zip(made, weights, strict=True)]
    terms += [kl * divergence(new, reference) for new, _, reference in made]
    return torch.stack(terms).sum() / len(made)


def theirs(made, weights, *, clip, kl):
    """TRL's own `_compute_loss`, given the same log-likelihoods."""
    grpo = pytest.importorskip("trl.trainer.grpo_trainer").GRPOTrainer
    padded = [torch.nn.utils.rnn.pad_sequence(list(one), batch_first=True) for one in zip(*made, strict=True)]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(one[1]) for one in made], batch_first=True)
    trainer = MagicMock(spec=[])
    for name, value in {
        "_get_per_token_logps_and_entropies": lambda *_, **__: (padded[0], torch.zeros_like(padded[0]), None),
        "aux_loss_enabled": False,
        "top_entropy_quantile": 1.0,
        "off_policy_mask_threshold": None,
        "importance_sampling_level": "token",
        "beta": kl,
        "args": SimpleNamespace(use_bias_correction_kl=False, delta=None),
        "loss_type": "grpo",
        "epsilon_low": clip,
        "epsilon_high": clip,
        "use_vllm": False,
        "model": SimpleNamespace(training=True),
        "current_gradient_accumulation_steps": 1,
        "_entropy_bonus_enabled": False,
        "_metrics": defaultdict(lambda: defaultdict(list)),
        "accelerator": SimpleNamespace(gather=lambda one: one, reduce=lambda one, **_: one, num_processes=1),
    }.items():
        setattr(trainer, name, value)
    inputs = {
        **dict.fromkeys(("prompt_ids", "prompt_mask"), torch.ones((len(made), 2))),
        **dict.fromkeys(("completion_ids", "completion_mask"), mask),
        "advantages": torch.tensor(weights),
        "old_per_token_logps": padded[1],
        "ref_per_token_logps": padded[2],
    }
    return grpo._compute_loss(trainer, None, inputs)


@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_loss_and_gradient_are_trls(kl):
    weights = [w for scores in ([1.0, 0.0, 0.5], [0.2, 0.9, 0.9]) for w in advantages(scores)]
    found = []
    for way in (ours, theirs):
        made = answers()
        loss = way(made, weights, clip=0.2, kl=kl)
        loss.backward()
        found.append([loss.detach(), *(new.grad for new, _, _ in made)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_equal_scores_have_no_advantage_and_others_are_standardised():
    assert advantages([0.3] * 4) == [0.0] * 4
    found = torch.tensor(advantages([1.0, 0.0, 0.0, 1.0]))
    wanted = torch.tensor([0.5, -0.5, -0.5, 0.5]) / (torch.tensor([1.0, 0, 0, 1]).std() + 1e-4)
    torch.testing.assert_close(found, wanted)
    assert advantages([1.0, 0.0], scale="none") == [0.5, -0.5]


def test_on_the_policy_the_gradient_is_the_likelihoods_times_the_advantage():
    new = torch.tensor([-1.0, -0.5], requires_grad=True)
    surrogate(new, new.detach(), torch.tensor(0.7), clip=0.2).backward()
    torch.testing.assert_close(new.grad, torch.tensor([-0.35, -0.35]))


def test_beyond_the_clip_there_is_no_gradient_where_it_would_go_on():
    old = torch.zeros(1)
    for apart, advantage, moves in ((0.5, 1.0, False), (0.5, -1.0, True), (-0.5, 1.0, True), (-0.5, -1.0, False)):
        new = torch.tensor([apart], requires_grad=True)
        surrogate(new, old, torch.tensor(advantage), clip=0.2).backward()
        assert bool(new.grad.any()) == moves


def test_the_divergence_is_never_negative_and_right_on_average():
    p, q = (torch.randn(5, generator=torch.Generator().manual_seed(s)).log_softmax(-1) for s in (1, 2))
    each = torch.stack([divergence(p[i : i + 1], q[i : i + 1]) for i in range(5)])
    assert (each >= 0).all()
    torch.testing.assert_close((p.exp() * each).sum(), (p.exp() * (p - q)).sum())
    assert divergence(p, p) == 0
