"""What is said when training must end: the rate is blamed where it is to blame, and an operation where that is."""

import math

import pytest
import small
import torch

from clbench.base.errors import DivergedError, RunError
from clbench.methods.method import Experience
from clbench.training.divergence import check_norm, finite_loss, first_layer

ONE = Experience(index=1, task="own/word", epochs=1)


def test_what_is_a_number_is_let_through():
    assert finite_loss(2.5, step=1) == 2.5
    check_norm(1e30, torch.nn.Linear(1, 1), loss=1.0, step=1)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_ran_away_advises_a_lower_rate(loss):
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf) at optimizer step 3: .*protocol\.learning_rate"):
        finite_loss(loss, step=3)


def test_a_norm_too_large_for_its_numbers_ran_away_too():
    model = torch.nn.Linear(1, 1)
    model.weight.grad = torch.full((1, 1), 3e38)
    with pytest.raises(DivergedError, match=r"norm is inf at optimizer step 2, too large for fp32.*learning_rate"):
        check_norm(math.inf, model, loss=1.0, step=2)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_finite_loss_without_a_gradient_names_layer_and_attention_and_no_rate(llama, attention):
    """As a faulty kernel's backward pass makes it: numbers forward, none on the way back from the first layer."""
    trainer = small.make_trainer(llama, runtime={"attention": attention})
    module = trainer.run.model.model.layers[0].self_attn.v_proj
    module.register_forward_hook(lambda _, __, values: values.register_hook(lambda grad: grad * math.nan) and None)
    before = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}
    with pytest.raises(RunError) as error:
        trainer.train(ONE, small.examples(4))
    (text,) = str(error.value).splitlines()
    assert "the loss is a number (" in text
    layer = "model.layers.0 (self_attn.v_proj.weight, input_layernorm.weight)"
    assert f"3 of 21 tensors, first on the way back from the loss in {layer} (attention: {attention}" in text
    assert "learning_rate" not in text
    assert "lower" not in text
    assert "the last checkpoint is kept" in text
    if attention == "sdpa":
        assert "sdpa, of flash, mem_efficient, cudnn, math" in text
    assert all(torch.equal(p, before[name]) for name, p in trainer.run.model.named_parameters())


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (["model.embed_tokens.weight"], "model.embed_tokens (weight)"),
        (["scale"], "scale"),
        (["h.0.a.weight", "h.11.b.weight", "h.11.c.weight"], "h.11 (b.weight, c.weight)"),
        ([f"layers.2.{name}" for name in "abcd"], "layers.2 (a, b, c, …)"),
    ],
)
def test_the_layer_that_comes_first_on_the_way_back(bad, told):
    assert first_layer(bad) == told
