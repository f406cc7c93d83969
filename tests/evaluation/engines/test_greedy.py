"""Our own decoding gives what transformers' gives, and is taken for no model whose cache is another."""

from dataclasses import replace

import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import DynamicLayer

from clbench.data.example import Example
from clbench.evaluation.engines import buffers, greedy
from clbench.evaluation.engines.engine import Batch, Place
from clbench.evaluation.evaluator import Evaluator
from clbench.testing import families

ANSWER = 12
CPU = Place(torch.device("cpu"), pad=0, precision="fp32", loose=1e-3)


def evaluator_of(folder):
    trainer = small.make_trainer(folder, max_answer_tokens=ANSWER)
    return Evaluator(
        trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime
    ), trainer.run.model


@pytest.fixture(params=["llama", "bos_llama", "gpt2"])
def pair(request):
    """One evaluator that decodes by itself, one that does not, and a model."""
    evaluator, model = evaluator_of(request.getfixturevalue(request.param))
    return evaluator, by_transformers(evaluator), model


def by_transformers(evaluator):
    runtime = evaluator.runtime.model_copy(update={"engine": "hf"})
    return replace(evaluator, runtime=runtime, engines=None, tokens=0)


def questions(number=24):
    """Some begin alike, some stand twice, lengths are unlike."""
    same = small.examples(number)
    return [*same, *same[:5], Example("own/word", "dove", "d")]


@pytest.mark.parametrize("stop", [(), ("c",), ("ci", "\\x1a")])
def test_answers_are_those_of_transformers(pair, stop):
    own, other, model = pair
    asked = {"max_new_tokens": ANSWER, "stop": stop}
    for examples in (questions(), small.examples(9), small.examples(1)):
        assert own.predict(model, examples, **asked) == other.predict(model, examples, **asked)
    assert own.tokens == other.tokens
    assert list(own.wrote) == ["greedy"]
    assert list(other.wrote) == ["hf"]


def test_many_end_tokens_and_an_answer_of_one_token(pair):
    own, other, model = pair
    model.generation_config.eos_token_id = [2, *range(150, 320)]
    examples = questions()
    for limit in (1, 8):
        found = own.predict(model, examples, max_new_tokens=limit)
        assert found == other.predict(model, examples, max_new_tokens=limit)
        assert any(not one.truncated for one in found)


def test_a_common_beginning_is_read_once_and_who_has_ended_leaves(llama):
    evaluator, model = evaluator_of(llama)
    model.generation_config.eos_token_id = [2, *range(150, 320)]
    prompts = evaluator.encoder.prompts([one.prompt for one in small.examples(24)])
    shapes = []
    handle = model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    batch = Batch(prompts, ANSWER, frozenset(model.generation_config.eos_token_id))
    written = greedy.Greedy(CPU).write(model, batch)
    handle.remove()
    begun, groups = shapes[0], [one for one in shapes[1:] if one[1] > 1]
    assert begun[0] == 1
    assert begun[1] >= greedy.WORTH_SHARING
    assert sum(rows for rows, _ in groups) == len(prompts)
    assert max(width for _, width in groups) == max(map(len, prompts)) - begun[1]
    steps = [rows for rows, width in shapes if width == 1]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < len(prompts)
    assert sum(steps) < len(prompts) * len(steps)
    assert [one[-1] in batch.ends or len(one) == ANSWER for one in written] == [True] * len(prompts)


def test_identical_prompts_are_asked_once(llama, monkeypatch):
    evaluator, model = evaluator_of(llama)
    asked, write = [], greedy.Greedy.write
    monkeypatch.setattr(greedy.Greedy, "write", lambda *a, **k: asked.extend(a[2].prompts) or write(*a, **k))
    evaluator.predict(model, small.examples(2), max_new_tokens=1)  # the engine has shown itself
    asked.clear()
    examples = small.examples(4) * 3
    found = evaluator.predict(model, examples, max_new_tokens=ANSWER)
    assert found[:4] == found[4:8] == found[8:]
    assert len(asked) == len(set(map(tuple, asked))) == 4


@given(st.lists(st.integers(1, 300), min_size=1, max_size=70))
def test_groups_are_all_rows_in_order_and_none_is_small_but_the_last(lengths):
    lengths = sorted(lengths, reverse=True)
    groups = greedy._groups(lengths)
    assert [row for group in groups for row in group] == list(range(len(lengths)))
    assert all(len(group) >= greedy.GROUP for group in groups[:-1])


def test_a_buffer_holds_what_a_growing_cache_holds():
    torch.manual_seed(0)
    parts = [torch.randn(2, 3, 2, size, 4) for size in (5, 1, 1)]
    plain, table = DynamicLayer(), buffers.Table(4, 9)
    buffer = buffers.Buffer(table, rows=slice(1, 4), first=2)
    for keys, values in parts:
        for mine, theirs in zip(buffer.update(keys, values), plain.update(keys, values), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert buffer.get_seq_length() == plain.get_seq_length() == 7
    assert table.both is not None
    assert not any(one[1:, :, :2].any() for one in table.both)  # what is masked is a number


def test_rows_that_are_kept_go_on_in_their_place(llama):
    _, model = evaluator_of(llama)
    cache = buffers.cache_of(model.config, [buffers.Table(3, 9)], rows=slice(0, 3), first=0)
    (layer,) = cache.layers
    keys, values = torch.randn(2, 3, 2, 5, 4)
    layer.update(keys, values)
    buffers.keep(cache, [layer.table], torch.tensor([2, 0]))
    new = torch.randn(2, 2, 1, 4)
    found, _ = layer.update(new, new)
    torch.testing.assert_close(found, torch.cat([keys[[2, 0]], new], dim=2), rtol=0, atol=0)


def test_a_model_with_a_generate_of_its_own_is_asked_by_it(llama):
    evaluator, model = evaluator_of(llama)
    model.generate = lambda **given: torch.full((len(given["input_ids"]), given["input_ids"].shape[1] + 1), 2)
    (found,) = evaluator.predict(model, small.examples(1), max_new_tokens=ANSWER)
    assert (found.prediction, found.truncated) == ("", False)


@pytest.mark.parametrize("one", families.FAMILIES, ids=lambda one: one.model_type)
def test_every_architecture_is_decoded_alike_or_left_to_transformers(one):
    torch.manual_seed(0)
    model = families.make(one, vocabulary=64).eval()
    prompts = [[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [5, 6, 7, 8, 9, 10, 11, 12, 20, 21]]
    engine = greedy.Greedy(CPU)
    with torch.no_grad():
        if engine.refusal(model, Batch(prompts, 5)):
            return
        found = engine.write(model, Batch(prompts, 5))
    for prompt, new in zip(prompts, found, strict=True):
        ids = list(prompt)
        for token in new:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            assert logits.max() - logits[token] < 1e-3 * logits.std()
            ids.append(token)
