"""Texts in one row: attention within each, by whatever computes it, and nothing else changed."""

from types import SimpleNamespace

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.batches import pack
from clbench.models.bearing import packed

LENGTHS = (3, 5, 5, 5, 1, 8)


def tensors(*, heads=4, groups=2):
    generator = torch.Generator().manual_seed(0)
    total = sum(LENGTHS)
    query = torch.randn(1, heads, total, 8, generator=generator, requires_grad=True)
    return query, *(torch.randn(1, groups, total, 8, generator=generator, requires_grad=True) for _ in "kv")


def bounds():
    return pack([range(length) for length in LENGTHS])["packed_bounds"]


def by_equation(query, key, value):
    """Softmax attention with a mask that is true within a text, at and before each token: (tokens, heads, width)."""
    owner = torch.repeat_interleave(torch.tensor(LENGTHS))
    seen = (owner[:, None] == owner) & torch.ones(len(owner), len(owner)).tril().bool()
    key, value = (one.repeat_interleave(query.shape[1] // one.shape[1], 1) for one in (key, value))
    scores = (query @ key.mT * query.shape[-1] ** -0.5).masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ value)[0].transpose(0, 1)


def attend(query, key, value, **more):
    module = SimpleNamespace(is_causal=True, num_key_value_groups=query.shape[1] // key.shape[1])
    told = {"cu_seq_lens_q": bounds(), "cu_seq_lens_k": bounds(), "max_length_q": 8, "max_length_k": 8}
    return packed.attend(module, query, key, value, None, scaling=None, dropout=0.0, **told, **more)[0][0]


def gradients(output, inputs):
    return torch.autograd.grad((output * torch.arange(output.numel()).view_as(output)).sum(), inputs)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_each_token_sees_its_own_text_up_to_itself(groups):
    inputs = tensors(groups=groups)
    found, expected = attend(*inputs), by_equation(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(gradients(found, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-3)


def test_texts_of_one_length_pass_together_and_never_with_a_mask(monkeypatch):
    shapes, real = [], F.scaled_dot_product_attention

    def spy(query, *others, attn_mask=None, is_causal=False, **more):
        shapes.append((query.shape[0], query.shape[2]))
        assert attn_mask is None
        assert is_causal or query.shape[2] == 1
        return real(query, *others, is_causal=is_causal, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    attend(*tensors())
    assert shapes == [(1, 3), (3, 5), (1, 1), (1, 8)]


def test_a_gpus_kernel_is_told_where_texts_begin(monkeypatch):
    """The kernel itself needs a GPU; here a stand-in with its arguments, by the equation."""
    varlen = pytest.importorskip("torch.nn.attention.varlen")
    told = []

    def kernel(query, key, value, *where, **how):
        told.append((where, how, torch.backends.cuda.cudnn_sdp_enabled()))
        return by_equation(*(one.transpose(0, 1)[None] for one in (query, key, value)))

    inputs = tensors()
    expected = attend(*inputs)
    monkeypatch.setattr(packed, "fused", lambda query: True)
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    torch.testing.assert_close(attend(*inputs), expected, rtol=1e-5, atol=1e-6)
    ((where, how, cudnn),) = told
    assert [one.tolist() for one in where[:2]] == [bounds().tolist()] * 2
    assert where[2:] == (8, 8)
    assert how == {"scale": None, "window_size": (-1, 0), "enable_gqa": True}
    assert not cudnn


def test_only_half_precision_on_a_gpu_has_one_kernel():
    assert not packed.fused(torch.zeros(1, dtype=torch.bfloat16))
    assert packed.fused(SimpleNamespace(is_cuda=True, itemsize=2))
    assert not packed.fused(SimpleNamespace(is_cuda=True, itemsize=4))


def told(model, ids, mask):
    masked = {"attention_mask": mask}
    return model(ids).logits, model(ids, **masked).logits, model.generate(ids, max_new_tokens=4, **masked)


def test_a_model_that_can_be_packed_is_the_same_in_rows_bit_for_bit():
    model = small.make_llama(64).eval()
    ids = torch.randint(3, 64, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    before = told(model, ids, mask)
    packed.install(model)
    assert packed.ready(model)
    after = told(model, ids, mask)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    packed.remove(model)
    assert model.config._attn_implementation == "sdpa"
    assert not packed.ready(model)


def test_it_leaves_no_trace_in_a_models_folder(tmp_path):
    model = small.make_llama(64)
    packed.install(model)
    model.save_pretrained(tmp_path)
    assert packed.NAME not in (tmp_path / "config.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("config", "reach"),
    [
        ({"sliding_window": 64}, 64),
        ({"sliding_window": None, "attention_chunk_size": 8192}, 8192),
        ({"local_attention": 128, "sliding_window": 64}, 64),
        ({}, 2**31),
    ],
)
def test_how_far_all_layers_see(config, reach):
    assert packed.reach(SimpleNamespace(**config)) == reach


def test_a_row_by_hand():
    row = {name: tensor.tolist() for name, tensor in pack([[7, 8, 9], [5], [6, 6]]).items()}
    assert row == {
        "packed_ids": [[7, 8, 9, 5, 6, 6]],
        "packed_positions": [[0, 1, 2, 0, 0, 1]],
        "packed_bounds": [0, 3, 4, 6],
    }
