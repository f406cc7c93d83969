"""Greedy decoding without waste: what prompts begin with alike is read once, and who has ended leaves the batch.

Prompts are read in groups of like lengths, so that little is padded, into one place with room for all new tokens. Only
for models whose cache is keys and values of all tokens: whether it is shows at two prompts' logits, which are compared
with those of whole forward passes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.generation.utils import GenerationMixin

from clbench.data.batches import left_pad
from clbench.data.tokenising import common_prefix
from clbench.evaluation.engines import lean
from clbench.evaluation.engines.buffers import Table, cache_of, keep
from clbench.evaluation.engines.checking import told
from clbench.evaluation.engines.engine import Batch, Place
from clbench.evaluation.likelihood import reach, read_on
from clbench.methods.asked import asked
from clbench.models.bearing.checks import differ
from clbench.models.memory import is_exhausted
from clbench.training import head

ERRORS = (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)
WORTH_SHARING = 8  # tokens at the beginning of all prompts
GROUP = 16  # prompts that are read together at least
ALIKE = 0.85  # of a group's longest prompt: shorter ones make the next group
LEAVE = 0.75  # share of rows that go on: with no more than that, the others leave
NEW = 2  # tokens whose logits are compared


@dataclass(frozen=True, slots=True)
class Greedy:
    """The greatest logit, step by step.

    Args:
        place: of the model.
    """

    place: Place
    name: ClassVar[str] = "greedy"
    plans: ClassVar[bool] = False

    def refusal(self, model: Any, sample: Batch) -> str:
        """A cache that is not plain, a `generate` of the model's own, or other logits."""
        if not _is_generated_plainly(model):
            return "the model has a way of its own to generate"
        if _is_in_parts(model):
            return "the model is in parts, over several processes that go on together"
        try:
            if not _is_plain_cache(model, sample.prompts[0]):
                return "the model's cache is not keys and values of all tokens"
            return self._compared(model, sample)
        except ERRORS as error:
            if is_exhausted(error):
                raise
            return told(error)

    def _compared(self, model: Any, sample: Batch) -> str:
        """What is wrong with the first new tokens' logits, beside those that the model gives without a cache."""
        found: list[torch.Tensor] = []
        written = self.write(model, Batch(sample.prompts, NEW), look=found.append)
        for row, prompt in enumerate(sample.prompts):
            ids = torch.tensor([[*prompt, *written[row][:-1]]], device=self.place.device)
            with asked(lambda prompt=prompt: [prompt]):
                expected = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :].float()
            if differ(torch.stack([one[row] for one in found]), expected, loose=self.place.loose):
                return "its cache gives other logits than whole forward passes"
        return ""

    def write(
        self, model: Any, batch: Batch, *, look: Callable[[torch.Tensor], Any] = lambda logits: None
    ) -> list[list[int]]:
        """New tokens of each prompt, with the one that ends it.

        Args:
            model: one that is not refused.
            batch: what is asked.
            look: told each step's logits (rows that go on, vocabulary).
        """
        order = sorted(range(len(batch.prompts)), key=lambda row: -len(batch.prompts[row]))
        rows = Rows(model, [batch.prompts[row] for row in order], room=batch.limit, place=self.place)
        written: list[list[int]] = [[] for _ in order]
        over = [False] * len(order)
        logits, going = rows.read(), order
        while True:
            look(logits)
            chosen = logits.argmax(-1)
            for row, token in zip(going, chosen.tolist(), strict=True):
                if not over[row]:
                    written[row].append(token)
                    over[row] = len(written[row]) == batch.limit or batch.is_over(row, written[row])
            left = [place for place, row in enumerate(going) if not over[row]]
            if not left:
                return written
            if len(left) <= LEAVE * len(going):
                going, chosen = [going[place] for place in left], chosen[left]
                rows.keep(left)
            logits = rows.step(chosen)


class Rows:
    """Rows that are read and then go on token by token. A row is padding, its prompt, and room for new tokens.

    Args:
        model: causal LM.
        prompts: their tokens, the longest first.
        room: new tokens at most.
        place: of the model.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], *, room: int, place: Place) -> None:
        self.model, self.prompts, self.place = model, prompts, place
        self.pass_on = lean.read_on if lean.fits(model) else read_on
        self.used = len(prompts[0])
        self.mask = torch.ones((len(prompts), self.used + room), dtype=torch.long, device=place.device)
        self.cache: Any = DynamicCache(config=model.config)
        self.tables = [Table(rows=len(prompts), size=self.mask.shape[1]) for _ in self.cache.layers]

    def read(self) -> torch.Tensor:
        """All prompts, their common beginning once: logits of the first new token (rows, vocabulary)."""
        begun = _common(self.prompts)
        if begun:
            first = torch.tensor([self.prompts[0][:begun]])
            self._pass([self.prompts[0]], first, self.mask[:1, :begun], self.cache)
        self.mask[:, : self.used] = 0
        groups = _groups([len(one) for one in self.prompts])
        found = torch.cat([self._read(group, begun=begun) for group in groups])
        self.cache = cache_of(self.model.config, self.tables, rows=slice(0, len(self.prompts)), first=0, used=self.used)
        return found

    def _read(self, group: range, *, begun: int) -> torch.Tensor:
        """Some rows, right before where new tokens will stand: the beginning, padding, the rest of each prompt."""
        prompts, rows = [self.prompts[row] for row in group], slice(group.start, group.stop)
        ids, held = left_pad([prompt[begun:] for prompt in prompts], pad=self.place.pad)
        first = self.used - ids.shape[1] - begun
        self.mask[rows, first : first + begun] = 1
        self.mask[rows, first + begun : self.used] = held.to(self.place.device)
        cache = cache_of(self.model.config, self.tables, rows=rows, first=first)
        if begun:
            for old, new in zip(self.cache.layers, cache.layers, strict=True):
                new.update(*(one.expand(len(group), *one.shape[1:]) for one in (old.keys, old.values)))
        return self._pass(prompts, ids, self.mask[rows, first : self.used], cache)

    def step(self, chosen: torch.Tensor) -> torch.Tensor:
        """Logits after one more token of each row (rows, vocabulary)."""
        self.used += 1
        return self._pass(self.prompts, chosen[:, None], self.mask[:, : self.used], self.cache)

    def keep(self, places: Sequence[int]) -> None:
        """Only some rows go on."""
        kept = torch.tensor(places, device=self.place.device)
        self.prompts, self.mask = [self.prompts[place] for place in places], self.mask[kept]
        keep(self.cache, self.tables, kept)

    def _pass(
        self, prompts: Sequence[Sequence[int]], ids: torch.Tensor, mask: torch.Tensor, cache: Any
    ) -> torch.Tensor:
        """Logits at the last token of each row."""
        ends = torch.arange(1, len(ids) + 1, device=self.place.device) * ids.shape[1] - 1
        with asked(lambda: prompts):
            return self.pass_on(self.model, ids.to(self.place.device), mask, cache, places=ends).logits.float()


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """How many first tokens all prompts share, if that is worth it; each keeps one of its own."""
    same = min(common_prefix(prompts[0], one) for one in prompts)
    begun = min(same, min(map(len, prompts)) - 1)
    return begun if begun >= WORTH_SHARING and len(prompts) > 1 else 0


def _groups(lengths: Sequence[int]) -> list[range]:
    """Rows that are read together: of like lengths, and not too few."""
    starts = [0]
    for row, length in enumerate(lengths):
        if row - starts[-1] >= GROUP and length < ALIKE * lengths[starts[-1]]:
            starts.append(row)
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(lengths)], strict=True)]


def _is_generated_plainly(model: Any) -> bool:
    """Whether answers are generated by transformers' own `generate`, from the prompt alone."""
    inner = head.bare(model)
    theirs = vars(GenerationMixin)["generate"]
    own = getattr(type(inner), "generate", None) is theirs and "generate" not in vars(inner)
    adapter = getattr(model, "active_peft_config", None)
    return own and not getattr(adapter, "is_prompt_learning", False)


def _is_in_parts(model: Any) -> bool:
    wrapped = hasattr(model, "module") and not isinstance(model, torch.nn.parallel.DistributedDataParallel)
    return wrapped or any(hasattr(p, "device_mesh") or hasattr(p, "ds_id") for p in model.parameters())


def _is_plain_cache(model: Any, prompt: Sequence[int]) -> bool:
    device = next(model.parameters()).device
    cache = DynamicCache(config=model.config)
    with asked(lambda: [prompt]):
        model(input_ids=torch.tensor([prompt[:2]], device=device), past_key_values=cache, use_cache=True)
    plain = [type(layer) is DynamicLayer and layer.get_seq_length() > 0 for layer in cache.layers]
    return bool(plain) and all(plain) and reach(model, cache) == sys.maxsize
