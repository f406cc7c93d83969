"""Steps, micro-batches and padded tensors: every example once, loss on answers only, nothing but rounding changed."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.batches import (
    IGNORE,
    collate,
    cut,
    ends_where_padded,
    left_pad,
    micro_batches,
    steps_of_epoch,
)
from clbench.data.tokenising import Encoded

THREE = [
    Encoded((11, 12, 13, 14, 2), 2),  # prompt 11 12 13, answer 14 and the end
    Encoded((21, 22, 2), 1),
    Encoded((31, 32, 33, 34, 35, 36, 2), 4),
]
encoded = st.builds(
    lambda prompt, answer: Encoded(tuple(range(5, 5 + prompt + answer)), answer), st.integers(1, 30), st.integers(1, 9)
)


@given(st.integers(0, 60), st.integers(1, 20), st.integers())
def test_an_epoch_has_each_example_once(size, global_batch, seed):
    steps = steps_of_epoch(size, global_batch=global_batch, rng=random.Random(seed))
    assert sorted(index for step in steps for index in step) == list(range(size))
    assert all(len(step) == global_batch for step in steps[:-1])
    assert all(steps)


def test_the_order_comes_from_the_generator():
    one, same, other = (steps_of_epoch(40, global_batch=8, rng=random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert one != [list(range(start, start + 8)) for start in range(0, 40, 8)]


@given(st.lists(encoded, min_size=1, max_size=20), st.integers(1, 8), st.integers(1, 5))
def test_a_steps_examples_are_dealt_out_once(step, size, world):
    shares = [micro_batches(step, size=size, rank=rank, world=world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1, "a device that has fewer micro-batches waits for ever"
    dealt = [one for share in shares for micro in share for one in micro]
    assert sorted(map(id, dealt)) == sorted(map(id, step))
    assert all(len(micro) <= size for share in shares for micro in share)
    counts = [sum(map(len, share)) for share in shares]
    assert max(counts) - min(counts) <= 1


def test_examples_of_like_lengths_share_a_micro_batch():
    step = [Encoded(tuple(range(length)), 1) for length in (9, 2, 8, 1)]
    assert [[len(one.ids) for one in micro] for micro in micro_batches(step, size=2)] == [[1, 2], [8, 9]]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 6), st.booleans(), st.integers(1, 40))
def test_batches_keep_to_their_limits(lengths, size, alike, tokens):
    for ordered in (sorted(lengths), sorted(lengths, reverse=True)):
        batches = cut(ordered, size=size, alike=alike, tokens=tokens)
        assert [index for batch in batches for index in batch] == list(range(len(lengths)))
        for batch in batches:
            widths = [ordered[index] for index in batch]
            assert len(batch) <= size
            assert len(batch) == 1 or len(batch) * max(widths) <= tokens
            assert not alike or len(set(widths)) == 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 40))
def test_packed_batches_have_the_sum_of_their_lengths(lengths, size, tokens):
    ordered = sorted(lengths)
    batches = cut(ordered, size=size, tokens=tokens, packed=True)
    assert [index for batch in batches for index in batch] == list(range(len(lengths)))
    sums = [sum(ordered[index] for index in batch) for batch in batches]
    assert all(
        len(batch) <= size and (len(batch) == 1 or held <= tokens) for batch, held in zip(batches, sums, strict=True)
    )
    for batch, held, after in zip(batches, sums, batches[1:], strict=False):
        assert len(batch) == size or held + ordered[after[0]] > tokens, "no batch has room for what begins the next"


def test_a_padded_batch_by_hand():
    batch = collate(THREE, pad=0)
    none = IGNORE
    assert batch["input_ids"].tolist() == [
        [11, 12, 13, 14, 2, 0, 0],
        [21, 22, 2, 0, 0, 0, 0],
        [31, 32, 33, 34, 35, 36, 2],
    ]
    assert batch["attention_mask"].tolist() == [[1] * 5 + [0] * 2, [1] * 3 + [0] * 4, [1] * 7]
    assert batch["labels"].tolist() == [
        [none, none, none, 14, 2, none, none],
        [none, none, 2, none, none, none, none],
        [none, none, none, 34, 35, 36, 2],
    ]
    assert batch["targets"].tolist() == [14, 2, 2, 34, 35, 36, 2]
    assert batch["places"].tolist() == [2, 3, 8, 16, 17, 18, 19]


@given(st.lists(encoded, min_size=1, max_size=6), st.sampled_from([0, 2]))
def test_any_batch_has_its_loss_on_the_answers_alone(step, pad):
    """Also where the padding token is the end token, as with GPT-2."""
    batch = collate(step, pad=pad)
    for row, one in enumerate(step):
        real = batch["attention_mask"][row].bool()
        assert batch["input_ids"][row][real].tolist() == list(one.ids)
        labels = batch["labels"][row]
        assert labels[labels != IGNORE].tolist() == list(one.ids[-one.num_answer :])
    assert batch["targets"].tolist() == [token for one in step for token in one.ids[-one.num_answer :]]
    places = torch.stack([batch["places"] // real.numel(), batch["places"] % real.numel()], dim=1).tolist()
    rows = enumerate(step)
    assert places == [[row, i - 1] for row, one in rows for i in range(len(one.ids) - one.num_answer, len(one.ids))]


@given(st.lists(encoded, min_size=1, max_size=6))
def test_a_packed_batch_predicts_the_same_tokens_and_shows_the_same_rows(step):
    batch, rows = collate(step, pad=0, packed=True), collate(step, pad=0)
    assert all(torch.equal(batch[name], tensor) for name, tensor in rows.items())
    ids = batch["packed_ids"][0]
    assert ids.tolist() == [token for one in step for token in one.ids]
    assert torch.equal(ids[batch["packed_places"] + 1], batch["targets"])
    before = batch["input_ids"].flatten()[batch["places"]]
    assert torch.equal(ids[batch["packed_places"]], before)
    for one, start in zip(step, batch["packed_bounds"].tolist(), strict=False):
        assert batch["packed_positions"][0, start : start + len(one.ids)].tolist() == list(range(len(one.ids)))


def test_prompts_are_padded_on_the_left():
    ids, mask = left_pad([[5, 6, 7], [8]], pad=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_last_micro_batch_may_be_empty(world):
    shares = [micro_batches(THREE[:1], size=4, rank=rank, world=world) for rank in range(world)]
    assert shares == [[THREE[:1]], *[[[]]] * (world - 1)]


def test_the_longest_of_a_step_do_not_learn_to_end_where_padding_is_the_end():
    """As labels do that keep the first padding token and are ignored behind it (end of text and padding: 2)."""
    step = [*THREE, Encoded((41, 42, 43, 44, 45, 46, 2), 6), Encoded((51, 52, 53, 54, 55, 56, 57), 3)]
    found = ends_where_padded(step, end=2)
    assert found[:2] == THREE[:2]
    assert found[2:] == [Encoded((31, 32, 33, 34, 35, 36), 3), Encoded((41, 42, 43, 44, 45, 46), 5), step[-1]]


@given(st.lists(encoded.map(lambda one: Encoded((*one.ids, 2), one.num_answer + 1)), min_size=1, max_size=9))
def test_labels_by_padding_are_those_of_the_ends_that_are_kept(step):
    width = max(len(one.ids) - 1 for one in step)
    padded = [[*one.ids[:-1], *[2] * (width - len(one.ids) + 1)][: len(one.ids)] for one in step]
    assert [list(one.ids) for one in ends_where_padded(step, end=2)] == padded
    assert ends_where_padded([], end=2) == []
