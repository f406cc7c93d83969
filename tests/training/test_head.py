"""A loss through a gathered, chunked head against all logits of each text alone, for every architecture there is."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.batches import collate, micro_batches
from clbench.data.tokenising import Encoded
from clbench.testing.families import FAMILIES, family, make
from clbench.training import head
from clbench.training.losses import forward

VOCABULARY = 64
CAUSAL = [one for one in FAMILIES if one.causal]
EXAMPLES = [
    Encoded(tuple((7 * i + 11 * length) % 50 + 5 for i in range(length)), answer)
    for length, answer in ((5, 2), (12, 7), (8, 1), (12, 3))
]


def written_out(model, one):
    """Sum of the answer's losses, of one text alone and by all of its logits."""
    ids = torch.tensor(one.ids)
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].float()
    start = len(one.ids) - one.num_answer - 1
    return F.cross_entropy(logits[start:], ids[start + 1 :], reduction="sum")


def in_batches(model, *, size, **how):
    batches = [collate(some, pad=0) for some in micro_batches(EXAMPLES, size=size, **how)]
    return sum(forward(model, batch).loss(batch["targets"]) for batch in batches)


def gradients_of(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("one", CAUSAL, ids=lambda one: one.model_type)
def test_a_text_has_one_loss_alone_and_in_any_batch(one):
    model = make(one, vocabulary=VOCABULARY).eval()
    expected = sum(written_out(model, example) for example in EXAMPLES)
    whole = gradients_of(model, expected)
    for size in (1, 4):
        found = in_batches(model, size=size)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        for name, gradient in gradients_of(model, found).items():
            torch.testing.assert_close(gradient, whole[name], rtol=1e-3, atol=2e-4, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("name", ["llama", "gemma2", "cohere", "granite", "gpt2", "recurrent_gemma", "rwkv", "opt"])
def test_chunks_change_nothing_but_rounding(name, monkeypatch):
    model = make(family(name), vocabulary=VOCABULARY).eval()
    whole = in_batches(model, size=4)
    expected = gradients_of(model, whole)
    monkeypatch.setattr(head, "CHUNK", 4 * VOCABULARY * 3)
    sizes = []
    module = model.get_output_embeddings()
    module.register_forward_hook(lambda _, __, logits: sizes.append(logits.shape[1]))
    found = in_batches(model, size=4)
    torch.testing.assert_close(found, whole)
    found = gradients_of(model, found)
    assert found.keys() == expected.keys()
    for parameter, gradient in found.items():
        torch.testing.assert_close(gradient, expected[parameter], rtol=1e-4, atol=1e-5)
    assert max(sizes) == 3, "no more logits at once than a chunk's, in the model's own pass and in both of ours"
    assert sum(sizes) == 1 + 2 * 13, "the model's one, and each answer's twice"


def test_likelihoods_are_those_of_the_logits(monkeypatch):
    model = make(family("llama"), vocabulary=VOCABULARY).eval()
    batch = collate(EXAMPLES, pad=0)
    with torch.no_grad():
        output = forward(model, batch)
        expected = output.logits.log_softmax(-1).gather(-1, batch["targets"][:, None])[:, 0]
        monkeypatch.setattr(head, "CHUNK", 4 * VOCABULARY * 2)
        torch.testing.assert_close(output.likelihoods(batch["targets"]), expected)


class Wrapped(torch.nn.Module):
    """A model of somebody else's making, with no embeddings to be asked for."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, input_ids, use_cache):
        return self.model(input_ids=input_ids, use_cache=use_cache)


class Squared(Wrapped):
    """One that does to its logits what nobody knows of."""

    def get_output_embeddings(self):
        return self.model.get_output_embeddings()

    def forward(self, input_ids, use_cache):
        output = super().forward(input_ids, use_cache)
        output.logits = output.logits.square()
        return output


class Mute(Squared):
    """One that makes its logits without its head."""

    def forward(self, input_ids, use_cache):
        hidden = self.model.model(input_ids=input_ids, use_cache=use_cache).last_hidden_state
        return type("Output", (), {"logits": F.linear(hidden, self.model.lm_head.weight)})


@pytest.mark.parametrize("kind", [Wrapped, Squared, Mute])
def test_what_cannot_be_called_apart_is_computed_by_the_model_itself(kind):
    model = kind(make(family("llama"), vocabulary=VOCABULARY)).eval()
    for _ in range(2):  # found out, and known
        found = in_batches(model, size=4)
        torch.testing.assert_close(found, sum(written_out(model, one) for one in EXAMPLES))
        assert forward(model, collate(EXAMPLES, pad=0)).head is None


def test_a_call_at_other_weights_has_its_own_head():
    model = make(family("llama"), vocabulary=VOCABULARY).eval()
    other = make(family("llama"), vocabulary=VOCABULARY, seed=1).eval()
    batch = collate(EXAMPLES, pad=0)

    def call(**inputs):
        return torch.func.functional_call(model, dict(other.named_parameters()), (), inputs)

    with torch.no_grad():
        torch.testing.assert_close(forward(model, batch, call=call).logits, forward(other, batch).logits)
    assert forward(model, batch).head is not None


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_virtual_tokens_stand_before_a_texts_own():
    from peft import PromptTuningConfig, TaskType, get_peft_model

    model = make(family("llama"), vocabulary=VOCABULARY)
    tuned = get_peft_model(model, PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=3)).eval()
    batch = collate(EXAMPLES[:2], pad=0)
    with torch.no_grad():
        logits = tuned(input_ids=batch["input_ids"]).logits[:, 3:]
        torch.testing.assert_close(forward(tuned, batch).logits, logits.flatten(0, 1)[batch["places"]])
