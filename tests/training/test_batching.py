"""Forms of a pass: which is taken, and that they are the same loss and the same gradient."""

import math
from types import SimpleNamespace

import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.tokenising import Encoded
from clbench.methods.method import Experience, Method
from clbench.models.bearing import packed
from clbench.models.bearing.checks import check
from clbench.models.bearing.padding import Padding
from clbench.models.loading import LoadedModel
from clbench.spec.protocol import Protocol, Runtime
from clbench.testing.families import FAMILIES, make
from clbench.training.batching import Batching, watched
from clbench.training.losses import forward
from clbench.training.passes import PassCounter

ONE = Experience(index=1, task="own/word", epochs=1)
FAR = Padding(packing=2**31)
LENGTHS = (4, 9, 9, 17, 30, 5)


def batching(model, *, padding=FAR, precision="fp32", device="cpu", sees_rows=False, warn=print, **runtime):
    given, where = Runtime.model_validate(runtime), torch.device(device)
    how = {"padding": padding, "sees_rows": sees_rows, "warn": warn}
    return Batching(model, 0, Protocol(precision=precision), given, where, **how)


def texts(*lengths, vocabulary=60):
    drawn = torch.Generator().manual_seed(0)
    ids = [torch.randint(3, vocabulary, (length,), generator=drawn).tolist() for length in lengths]
    return [Encoded(tuple(one), min(3, len(one) - 1)) for one in ids]


def told(model, form, chosen, rows):
    """Loss and gradients of a step by the passes of a form."""
    model.zero_grad()
    total = sum(one.num_answer for one in rows)
    loss = torch.zeros(())
    for share in form.cut(rows):
        batch = chosen.collate(share, form)
        part = forward(model, batch).loss(batch["targets"]) / total
        part.backward()
        loss += part.detach()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


CAUSAL = [one for one in FAMILIES if one.causal and one.model_type not in ("bloom", "mpt", "mamba", "rwkv")]


@pytest.mark.parametrize("one", CAUSAL, ids=lambda one: one.model_type)
def test_packed_and_padded_are_one_loss_and_one_gradient(one):
    from transformers import GenerationConfig

    model = make(one, vocabulary=64)
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=[2], pad_token_id=0)
    model.eval()
    padding = check(LoadedModel(model, SimpleNamespace(), ()), name=one.name, precision="fp32").padding
    rows = texts(*LENGTHS)
    plain = batching(model, packing="off")
    loss, gradients = told(model, plain.form(rows), plain, rows)
    chosen = batching(model, padding=padding, packing="on", micro_tokens=40)
    form = chosen.form(rows)
    assert form.packed == (padding.packing > 0)
    assert len(form.cut(rows)) > 1
    found, others = told(model, form, chosen, rows)
    assert found == pytest.approx(loss, rel=1e-5)
    assert others.keys() == gradients.keys()
    length = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
    apart = math.sqrt(sum(float((others[name] - g).square().sum()) for name, g in gradients.items()))
    assert apart <= 1e-4 * length


@pytest.fixture
def shapes(monkeypatch):
    """Of every call of attention in which nothing was masked; a mask fails the test."""
    seen, real = [], F.scaled_dot_product_attention

    def spy(query, *others, attn_mask=None, **more):
        assert attn_mask is None
        seen.append(tuple(query.shape))
        return real(query, *others, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    return seen


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_training_is_the_same_and_no_mask_is_ever_made(request, kind, precision, shapes):
    folder, examples = request.getfixturevalue(kind), small.examples(16)
    losses = []
    for packing in ("off", "on"):
        trainer = small.make_trainer(
            folder, runtime={"packing": packing}, padding=FAR, precision=precision, global_batch=8
        )
        for module in trainer.run.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        shapes.clear()
        trainer.train(ONE, examples)
        trainer.run.gradients(examples)
        trainer.run.loss(examples).backward()
        losses.append(trainer.on_step.losses)
        assert shapes
    assert losses[1] == pytest.approx(losses[0], rel=1e-5 if precision == "fp32" else 2e-2)


def test_what_a_method_asks_is_the_same(llama):
    examples = small.examples(9)
    plain, other = (small.make_trainer(llama, runtime={"packing": packing}, padding=FAR) for packing in ("off", "on"))
    assert other.run.loss(examples).item() == pytest.approx(plain.run.loss(examples).item(), rel=1e-5)
    expected = plain.run.gradients(examples)
    for name, gradient in other.run.gradients(examples).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5)
    answers = [one.answer for one in examples]
    for mine, theirs in zip(other.run.logprobs(examples, answers), plain.run.logprobs(examples, answers), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


class Seen(Method):
    """What a method is shown of a step."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def extra_loss(self, run, batch, output):
        rows = {name: batch[name].tolist() for name in ("input_ids", "attention_mask", "labels")}
        self.shown.append((rows, run.row_tasks, output.logits.shape, len(run.prompts or ())))


def test_a_method_sees_rows_whatever_the_form(llama):
    found = []
    for packing in ("off", "on"):
        trainer = small.make_trainer(llama, method=Seen(), runtime={"packing": packing}, padding=FAR)
        trainer.train(ONE, small.examples(8))
        found.append(trainer.method.shown)
    assert found[0] == found[1]


def test_texts_are_counted_not_rows(llama):
    counted = []
    for packing in ("off", "on"):
        trainer = small.make_trainer(llama, runtime={"packing": packing}, padding=FAR, global_batch=8)
        with trainer.passes.counting():
            trainer.train(ONE, small.examples(12))
        counted.append(trainer.passes.rows)
    assert counted == [12, 12]


def test_recomputed_activations_stay_within_their_texts(llama):
    """The backward pass makes them anew, when the pass is over."""
    found = []
    for recomputed in (False, True):
        how = {"packing": "on", "gradient_checkpointing": recomputed}
        trainer = small.make_trainer(llama, runtime=how, padding=FAR, global_batch=8)
        trainer.train(ONE, small.examples(16))
        found.append(trainer.on_step.losses)
    assert found[0] == found[1]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_devices_share_a_step_and_each_text_passes_once(world):
    rows = texts(*LENGTHS)
    chosen = batching(small.make_llama(64), packing="on", micro_tokens=24)
    form = chosen.form(rows)
    shares = [form.cut(rows, rank=rank, world=world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    held = [one for share in shares for some in share for one in some]
    assert sorted(map(id, held)) == sorted(map(id, rows))
    sizes = [sum(len(one.ids) for one in some) for share in shares for some in share if len(some) > 1]
    assert all(size <= 24 for size in sizes)


# --- which form


@pytest.mark.parametrize(
    ("how", "packs"),
    [
        ({}, False),  # 6 × 30 tokens are no large pass
        ({"micro_tokens": 100}, True),
        ({"micro_tokens": 100, "micro_batch": 3}, False),
        ({"micro_tokens": 100, "packing": "off"}, False),
        ({"packing": "on"}, True),
        ({"device": "cuda", "precision": "bf16"}, True),
        ({"device": "cuda", "precision": "fp32"}, False),  # without a kernel of its own
        ({"device": "cuda", "precision": "fp32", "packing": "on"}, True),
    ],
)
def test_a_pass_is_packed_where_that_is_a_gain(how, packs):
    assert batching(small.make_llama(64), **how).form(texts(*LENGTHS)).packed == packs


def test_the_numbers_of_a_form():
    chosen = batching(small.make_llama(64))
    rows = texts(*LENGTHS)
    assert (chosen.form(rows).rows, chosen.form(rows).tokens) == (16, 4096)
    assert chosen.form(rows, room=50).tokens == 50
    chosen = batching(chosen.model, micro_batch=4, packing="on", micro_tokens=99)
    assert (chosen.form(rows).rows, chosen.form(rows).tokens) == (4, 99)
    assert batching(chosen.model, device="cuda", precision="bf16").form(rows).tokens == 16_384
    odd = batching(chosen.model, padding=Padding(training=False))
    assert odd.form(rows).alike


def refused(model, **how):
    said = []
    form = batching(model, packing="on", warn=said.append, **how).form(texts(*LENGTHS))
    assert not form.packed
    return said


def test_where_a_row_cannot_be_shared_it_is_said():
    model = small.make_llama(64)
    begin = "texts are padded, as they cannot share a row: "
    assert refused(model, padding=Padding()) == [f"{begin}this model's layers do not keep them apart"]
    assert refused(model, padding=Padding(packing=29)) == [f"{begin}some layers see 29 tokens only"]
    assert refused(model, sees_rows=True) == [f"{begin}the method looks at rows"]
    chosen = batching(model, packing="on", warn=lambda message: None)
    packed.remove(model)  # as another engine may leave it
    assert not chosen.form(texts(*LENGTHS)).packed
    model.model.layers[0].register_forward_hook(lambda *_: None)
    assert refused(model) == [f"{begin}hooks on the model's layers may look at rows"]


def test_hooks_that_treat_all_tokens_alike_are_no_matter():
    model = small.make_llama(64)
    PassCounter().watch(model)
    model.enable_input_require_grads()
    assert not watched(model)
    model.lm_head.register_full_backward_hook(lambda *_: None)
    assert watched(model)
