"""Log-likelihood of given continuations: what several have in common is computed once.

Of a 5-shot question with four choices, the solved examples are run once for all questions of a subject, the question
once for its four choices, and each choice for itself; a choice of one token needs no run of its own. All of it rests on
the model's cache of keys and values; `full_scores` is the same without any sharing, for models whose cache does not
serve, and to check by.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from clbench.base.errors import DataError
from clbench.data.batches import clusters, collate, cut, left_pad, right_pad
from clbench.data.tokenising import Encoded, common_prefix
from clbench.methods.asked import asked
from clbench.models.bearing.padding import masked_attention
from clbench.training import head
from clbench.training.losses import forward

if TYPE_CHECKING:
    from clbench.data.example import Example
    from clbench.data.tokenising import Encoder, Parts
    from clbench.training.head import Output

CUTS = 8  # a question too long loses its beginning by eighths of the window: those of a subject still begin alike
WORTH_SHARING = 32  # tokens; a shorter common beginning costs more in padding than it saves


@dataclass(frozen=True, slots=True)
class Question:
    """One question in tokens.

    Args:
        rows: for each choice all tokens: what stands before it, the choice, its ending.
        scored: for each choice how many of the last tokens count.
        shared: how many first tokens all rows have in common; the next one is scored at the earliest.
    """

    rows: tuple[tuple[int, ...], ...]
    scored: tuple[int, ...]
    shared: int

    @property
    def asked(self) -> tuple[int, ...]:
        """What stands before all its choices."""
        return self.rows[0][: self.shared]


def encode(encoder: Encoder, examples: Sequence[Example], *, window: int) -> list[Question]:
    """Tokenise questions as training examples are: a choice is scored where it follows what is asked.

    Args:
        encoder: of the model.
        examples: with choices.
        window: tokens that the model can take; longer questions lose their beginning, by eighths of it.

    Raises:
        DataError: a choice alone is longer than the window.
    """
    parts = iter(encoder.parts([pair for one in examples for pair in continuations(encoder, one)]))
    return [_question([next(parts) for _ in one.choices], one=one, encoder=encoder, window=window) for one in examples]


def continuations(encoder: Encoder, one: Example) -> list[tuple[str, str]]:
    """For each choice what stands before what counts, and what counts: the choice, or the ending behind it."""
    asked = encoder.asked(one)
    return [(asked + choice, one.ending) if one.ending else (asked, choice) for choice in one.choices]


def _question(parts: Sequence[Parts], *, one: Example, encoder: Encoder, window: int) -> Question:
    wholes = [[*part.prompt, *part.answer] for part in parts]
    starts = [min(len(part.prompt), len(whole) - 1) for part, whole in zip(parts, wholes, strict=True)]
    first = min(starts)
    alone = not (one.prompt or encoder.chat) or not first  # a tokenizer may make nothing of a prompt
    begin = encoder.begin([] if alone else parts[0].prompt)
    step = max(1, window // CUTS)
    over = max(0, len(begin) + max(map(len, wholes)) - window)
    lost = min(-(-over // step) * step, first if begin else first - 1)  # something stands before what is scored
    rows = [(*begin, *whole[lost:]) for whole in wholes]
    if (longest := max(map(len, rows))) > window:
        raise DataError(
            f"task {one.task!r}: a choice makes {longest} tokens, and with {window} the model's window is full: "
            "take a model of a longer one, or leave the record out"
        )
    scored = [len(whole) - start for whole, start in zip(wholes, starts, strict=True)]
    same = min(common_prefix(rows[0], row) for row in rows)
    shared = min(same, *(len(row) - number for row, number in zip(rows, scored, strict=True)))
    return Question(tuple(rows), tuple(scored), shared)


def plan_batches(questions: Sequence[Question], *, size: int, tokens: int) -> list[list[int]]:
    """Which questions are asked together: those that begin alike, and among them those of like lengths.

    Args:
        questions: all of them.
        size: questions a batch at most.
        tokens: tokens a batch keeps in the cache at most, over all its rows; a single question may exceed it.
    """
    alike = clusters([one.rows[0] for one in questions], worth=WORTH_SHARING)
    batches = [batch for cluster in alike for batch in _cut(questions, cluster, size=size, tokens=tokens)]
    return sorted(batches, key=lambda batch: -len(questions[batch[0]].rows[0]))


def _cut(questions: Sequence[Question], cluster: list[int], *, size: int, tokens: int) -> list[list[int]]:
    batches: list[list[int]] = []
    held = 0
    for index in sorted(cluster, key=lambda index: (-questions[index].shared, index)):
        one = questions[index]
        width = max(map(len, one.rows))
        cost = width * (len(one.rows) if width > one.shared + 1 else 1)  # choices of one token need no row of their own
        if not batches or len(batches[-1]) == size or held + cost > tokens:
            batches.append([])
            held = 0
        batches[-1].append(index)
        held += cost
    return batches


def full_scores(
    model: Any, questions: Sequence[Question], *, pad: int, device: torch.device, alike: bool = False, tokens: int
) -> list[list[float]]:
    """Summed log-likelihoods (nats) of every choice, each row run whole.

    Args:
        model: causal LM.
        questions: any.
        pad: any token.
        device: of the model.
        alike: rows of unlike lengths are not run together.
        tokens: padded tokens that are run together at most.
    """
    flat = [Encoded(row, n) for one in questions for row, n in zip(one.rows, one.scored, strict=True)]
    prompts = [one.asked for one in questions for _ in one.rows]
    order = sorted(range(len(flat)), key=lambda index: len(flat[index].ids))
    found: dict[int, float] = {}
    for batch in cut([len(flat[index].ids) for index in order], size=len(flat), alike=alike, tokens=tokens):
        rows = [order[place] for place in batch]
        sums = _summed(model, [flat[row] for row in rows], [prompts[row] for row in rows], pad=pad, device=device)
        found.update(zip(rows, sums, strict=True))
    values = iter(found[index] for index in range(len(flat)))
    return [[next(values) for _ in one.rows] for one in questions]


def _summed(
    model: Any, rows: Sequence[Encoded], prompts: Sequence[Sequence[int]], *, pad: int, device: torch.device
) -> list[float]:
    batch = collate(rows, pad=pad, device=device)
    each = forward(model, batch, prompts=prompts).likelihoods(batch["targets"]).split([one.num_answer for one in rows])
    return torch.stack([one.sum() for one in each]).tolist()


def scores(
    model: Any, questions: Sequence[Question], *, pad: int, device: torch.device, heads: bool = True
) -> list[list[float]]:
    """Summed log-likelihoods (nats) of every choice, with all sharing.

    Args:
        model: causal LM whose forward pass takes and gives a cache.
        questions: of one batch.
        pad: any token.
        device: of the model.
        heads: whether what all begin with alike is computed once.
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    begun = common_head(questions) if heads else 0
    if _slots(questions) > reach(model, cache):
        begun = 0  # padding between head and question would push tokens out of a sliding window
    if begun:
        first = torch.tensor([questions[0].rows[0][:begun]], device=device)
        with asked(lambda: [questions[0].asked]):
            read_on(model, first, torch.ones_like(first), cache, places=torch.tensor([begun - 1], device=device))
        cache.batch_repeat_interleave(len(questions))
    ids, held = left_pad([one.rows[0][begun : one.shared] for one in questions], pad=pad)
    mask = torch.cat([held.new_ones(len(questions), begun), held], dim=1).to(device)
    ends = torch.arange(1, len(questions) + 1, device=device) * ids.shape[1] - 1
    with asked(lambda: [one.asked for one in questions]):
        last = read_on(model, ids.to(device), mask, cache, places=ends).logits.float()  # (questions, vocabulary)
    return _tails(model, questions, cache, mask, last, pad=pad)


def _tails(
    model: Any, questions: Sequence[Question], cache: Any, mask: torch.Tensor, last: torch.Tensor, *, pad: int
) -> list[list[float]]:
    """What remains of each row after the shared tokens: its first token is predicted by `last`."""
    rows = [(i, row[one.shared :]) for i, one in enumerate(questions) for row in one.rows]
    owner = torch.tensor([i for i, _ in rows], device=last.device)
    tails, held = (one.to(last.device) for one in right_pad([tail for _, tail in rows], pad=pad))  # (rows, longest)
    counts = torch.tensor([n for one in questions for n in one.scored], device=last.device)[:, None]
    place = torch.arange(tails.shape[1], device=last.device)
    counted = held.bool() & (place >= held.sum(-1, keepdim=True) - counts)
    values = torch.zeros(tails.shape, device=last.device)
    values[:, 0] = last[owner, tails[:, 0]] - last.logsumexp(-1)[owner]
    if tails.shape[1] > 1:
        cache.batch_select_indices(owner)
        past = torch.cat([mask[owner], held[:, :-1]], dim=1)
        later = counted[:, 1:]
        with asked(lambda: [questions[i].asked for i, _ in rows]):
            output = read_on(model, tails[:, :-1], past, cache, places=later.flatten().nonzero()[:, 0])
        values[:, 1:][later] = output.likelihoods(tails[:, 1:][later])
    found = iter(values.masked_fill(~counted, 0.0).sum(-1).tolist())
    return [[next(found) for _ in one.rows] for one in questions]


def common_head(questions: Sequence[Question]) -> int:
    """How many first tokens are worth being run once for a whole batch."""
    common = min(common_prefix(questions[0].rows[0], one.rows[0]) for one in questions)
    begun = min(common, min(one.shared for one in questions) - 1)
    return begun if begun >= WORTH_SHARING and len(questions) > 1 else 0


def _slots(questions: Sequence[Question]) -> int:
    """Places in the cache, padding included."""
    longest = max(one.shared for one in questions)
    return longest + max(len(row) - one.shared for one in questions for row in one.rows)


def reach(model: Any, cache: Any) -> int:
    """How many tokens back each one attends to."""
    windows = [layer.sliding_window for layer in cache.layers if getattr(layer, "is_sliding", False)]
    own = getattr(model.config, "window_size", None)  # GPT-Neo's local layers, whose cache keeps everything
    return min([*windows, own if isinstance(own, int) else sys.maxsize])


def read_on(model: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any, *, places: torch.Tensor) -> Output:
    """A pass on top of a cache, for some of its positions. `mask` also covers what the cache holds."""
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    with masked_attention():
        return head.run(model, {**inputs, "past_key_values": cache, "use_cache": True}, places)
