"""The lean pass gives transformers' logits, and is taken for nothing that it does not know."""

import copy

import pytest
import small
import torch
from transformers import DynamicCache

from clbench.evaluation import ahead
from clbench.evaluation.engines import greedy, lean
from clbench.evaluation.likelihood import read_on
from clbench.models.bearing import packed
from clbench.testing import families

PADDED = torch.tensor([[0, 0, 5, 6, 7], [8, 9, 10, 11, 12]])
WHOLE = torch.tensor([[4, 4, 5, 6, 7], [8, 9, 10, 11, 12]])


@pytest.fixture
def model(llama):
    return small.make_trainer(llama).run.model.eval()


def grouped(model):
    """The same shape with keys and values that several heads share."""
    config = copy.deepcopy(model.config)
    config.num_attention_heads, config.num_key_value_heads, config.head_dim = 4, 2, 8
    torch.manual_seed(0)
    return type(model)(config).eval()


def walk(model, reader, ids):
    """Logits of two rows that are read and go on by two tokens, the first ones padding where they are 0."""
    cache, mask, found = DynamicCache(config=model.config), (ids > 0).long(), []
    for new in (ids, ids[:, :1] + 3, ids[:, 1:2] + 4):
        if new is not ids:
            mask = torch.cat([mask, torch.ones_like(new)], dim=1)
        ends = torch.arange(1, 3) * new.shape[1] - 1
        with torch.inference_mode():
            found.append(reader(model, new, mask, cache, places=ends).logits)
    return found


@pytest.mark.parametrize("ids", [WHOLE, PADDED], ids=["whole", "padded"])
@pytest.mark.parametrize("make", [lambda model: model, grouped], ids=["plain", "grouped"])
def test_logits_are_those_of_transformers(model, make, ids):
    model = make(model)
    assert lean.fits(model)
    for mine, theirs in zip(walk(model, lean.read_on, ids), walk(model, read_on, ids), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_it_reads_a_model_whose_attention_takes_packed_texts(model):
    packed.install(model)
    assert packed.ready(model)
    assert lean.fits(model)
    for mine, theirs in zip(walk(model, lean.read_on, PADDED), walk(model, read_on, PADDED), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_bf16_autocast_is_that_of_transformers(model):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pairs = zip(walk(model, lean.read_on, PADDED), walk(model, read_on, PADDED), strict=True)
    for mine, theirs in pairs:
        assert (mine.float() - theirs.float()).abs().max() < 5e-2 * theirs.float().std()


def hooked(model):
    model.model.layers[0].self_attn.register_forward_hook(lambda *_: None)


def patched(model):
    model.model.layers[0].forward = model.model.layers[0].forward


def subclassed(model):
    model.model.layers[0].__class__ = type("Other", (type(model.model.layers[0]),), {})


def eager(model):
    model.set_attn_implementation("eager")


@pytest.mark.parametrize("change", [hooked, patched, subclassed, eager, lambda model: model.train()])
def test_what_is_not_exactly_transformers_is_read_in_the_usual_way(model, change):
    assert lean.fits(model)
    change(model)
    assert not lean.fits(model)


@pytest.mark.parametrize("one", families.FAMILIES, ids=lambda one: one.model_type)
def test_other_architectures_are_left_alone(one):
    assert lean.fits(families.make(one, vocabulary=64).eval()) == (one.model_type == "llama")


def test_feed_forward_layers_of_a_method_are_called_as_they_are(model):
    class Doubled(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, hidden):
            return 2 * self.inner(hidden)

    before = walk(model, lean.read_on, PADDED)
    model.model.layers[0].mlp = Doubled(model.model.layers[0].mlp)
    after, theirs = (walk(model, reader, PADDED) for reader in (lean.read_on, read_on))
    assert not torch.allclose(before[0], after[0])
    for mine, other in zip(after, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)


def test_what_a_hook_has_kept_is_not_written_over(model):
    kept = []
    gate = model.model.layers[0].mlp.gate_proj
    gate.register_forward_hook(lambda module, args, out: kept.append((out, out.clone())))
    walk(model, lean.read_on, PADDED)
    assert kept
    assert all(torch.equal(out, copied) for out, copied in kept)


@pytest.mark.parametrize("method", ["sequential", "lora"])
def test_a_whole_run_reads_by_it(llama, tmp_path, home, monkeypatch, method):
    """As a run sets a model up; only the first look of an engine at the model asks it otherwise."""
    told = []
    monkeypatch.setattr(greedy.lean, "fits", lambda model, fits=lean.fits: told.append(fits(model)) or told[-1])
    monkeypatch.setattr(ahead, "processes", lambda *_, **__: 1)
    small.run_stream(small.write_stream(tmp_path / "stream", test=3), method, model=llama, home=tmp_path)
    assert told
    assert all(told)
