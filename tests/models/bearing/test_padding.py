"""Where attention is given a mask, and what it is computed by there."""

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.example import Example
from clbench.evaluation.evaluator import Evaluator
from clbench.methods.method import Experience
from clbench.models.bearing.checks import check
from clbench.models.bearing.padding import masked_attention
from clbench.models.loading import BUNDLED, describe, load_model
from clbench.spec.protocol import Runtime

CHOICES = [
    Example("own/choice", f"{'Question ' * size}\nAnswer:", " red", choices=(" red", " blue cat", " green dog hawk"))
    for size in (1, 5, 9)
]


@pytest.fixture
def calls(monkeypatch):
    """Of attention: whether there was a mask, and whether cuDNN's kernel was allowed."""
    told, real = [], F.scaled_dot_product_attention

    def spy(query, key, value, attn_mask=None, **more):
        told.append((attn_mask is not None, torch.backends.cuda.cudnn_sdp_enabled()))
        return real(query, key, value, attn_mask=attn_mask, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    return told


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_no_mask_in_training_and_never_cudnn_with_one(request, kind, calls, precision):
    folder = request.getfixturevalue(kind)
    trainer = small.make_trainer(folder, runtime={"micro_batch": 3}, precision=precision)
    examples = small.examples(8)
    trainer.train(Experience(index=1, task="own/word", epochs=1), examples)
    trainer.run.gradients(examples)
    trainer.run.loss(examples).backward()
    evaluator = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    evaluator.mean_loss(trainer.run.model, examples)
    assert len(calls) > 20
    assert not any(mask for mask, _ in calls), "padding stands behind all that is read"
    assert all(cudnn for _, cudnn in calls), "every kernel may be taken where there is none"
    calls.clear()
    evaluator.predict(trainer.run.model, examples, max_new_tokens=4)
    evaluator.choose(trainer.run.model, CHOICES)
    assert any(mask for mask, _ in calls)
    assert not any(mask and cudnn for mask, cudnn in calls)


def test_what_is_tried_when_a_model_is_loaded_keeps_to_it_too(calls):
    check(load_model(describe(BUNDLED), device="cpu", runtime=Runtime()), name=BUNDLED, precision="fp32")
    assert any(mask for mask, _ in calls)
    assert not any(mask and cudnn for mask, cudnn in calls)


def test_afterwards_every_kernel_is_allowed_again():
    with masked_attention():
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.cudnn_sdp_enabled()
