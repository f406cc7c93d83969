"""Evaluation: prompts in, greedy answers or likelihoods of choices out; saved first and scored from what was saved."""

from __future__ import annotations

import bisect
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from clbench.data.batches import clusters, collate, cut
from clbench.data.detokenising import until
from clbench.evaluation import likelihood
from clbench.evaluation.engines.choosing import Engines
from clbench.evaluation.engines.engine import Batch, Place, Written, until_end
from clbench.models import memory
from clbench.models.bearing.checks import LOOSE
from clbench.models.bearing.padding import Padding
from clbench.models.bearing.window import readable, window
from clbench.runs.predictions import Prediction
from clbench.scoring import choices
from clbench.training.batching import ROWS
from clbench.training.losses import autocast, forward

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.data.example import Example
    from clbench.data.tokenising import Encoder
    from clbench.spec.protocol import Protocol, Runtime

CACHE_ERRORS = (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)
WORTH_SHARING, FEW = 64, 8  # tokens that so many prompts begin with alike, as solved examples: they are asked together
AT_ONCE = 1024  # prompts that an engine is given which makes batches by itself


class Answer(NamedTuple):
    """What was generated for one prompt, or the likelihoods of its choices as text.

    Args:
        text: without the tokens that end, begin or pad a sequence.
        truncated: whether it ran into the limit.
        tokens: how many were generated.
    """

    text: str
    truncated: bool
    tokens: int


Answers = dict[int, Answer]
"""By index of the example."""
OnBatch = Callable[[Answers], None]


@dataclass(slots=True)
class Evaluator:
    """Greedy generation and likelihoods under a protocol.

    Args:
        accelerator: device and other processes; each asks its share.
        encoder: text to tokens.
        protocol: lengths and precision.
        runtime: batch size.
        tokens: tokens generated so far, on all devices.
        caches: whether likelihoods rest on the model's cache, by kind of batch: found out at the first of each.
        warn: told of what the record must say.
        padding: what the model bears.
        heads: whether what questions begin with alike is computed once for all; not where each is answered in its way.
        engines: who writes answers; made of what stands above.
    """

    accelerator: Accelerator
    encoder: Encoder
    protocol: Protocol
    runtime: Runtime
    tokens: int = 0
    caches: dict[tuple[bool, bool], bool] = field(default_factory=dict)
    warn: Callable[[str], None] = field(default=lambda message: None)
    padding: Padding = field(default_factory=Padding)
    heads: bool = True
    engines: Engines | None = None

    def __post_init__(self) -> None:
        """The engine that is asked for must be there."""
        if self.engines is None:
            place = Place(
                self.accelerator.device, self.encoder.pad, self.protocol.precision, LOOSE[self.protocol.precision]
            )
            self.engines = Engines(self.runtime.engine, place, warn=self.warn, together=self.heads)

    @property
    def _writers(self) -> Engines:
        assert self.engines is not None
        return self.engines

    @property
    def wrote(self) -> dict[str, None]:
        """Names of the engines that have written answers."""
        return self._writers.used

    def predict(
        self,
        model: Any,
        examples: Sequence[Example],
        *,
        max_new_tokens: int,
        stop: tuple[str, ...] = (),
        probe: bool = False,
        on_batch: OnBatch = lambda answers: None,
        known: Answers | None = None,
    ) -> list[Prediction]:
        """Answers to all prompts, in the order of the examples.

        Args:
            model: causal LM.
            examples: what is asked; their answers are only carried along.
            max_new_tokens: of the task; the protocol's `max_answer_tokens` caps it.
            stop: texts at which an answer ends.
            probe: bounded by the model's window, half of which is the prompt's, instead of the protocol's lengths.
            on_batch: given each batch's answers.
            known: answers from before an interruption; batches that are whole among them are not asked again.
        """
        limit = min(max_new_tokens, window(model) // 2 if probe else self.protocol.max_answer_tokens)
        most = window(model) if probe else readable(model, most=self.protocol.max_prompt_tokens + limit)
        told = [self.encoder.asked(one) for one in examples]
        prompts = self.encoder.prompts(told, limit=most - limit)

        def ask(indices: list[int]) -> list[Answer]:
            asked = [prompts[index] for index in indices]
            found = self.generate(model, asked, limit=limit, stop=stop)
            texts = [told[index] for index in indices]
            return [self.read(*one, stop=stop) for one in zip(found, asked, texts, strict=True)]

        with self._asking():
            plans = bool(prompts) and self._writers.of(model, prompts).plans
        batches = at_once(len(prompts)) if plans else self.batches(model, prompts, limit=limit)
        return self._ask_all(model, examples, batches, ask, on_batch=on_batch, known=known)

    def choose(
        self,
        model: Any,
        examples: Sequence[Example],
        *,
        probe: bool = False,
        on_batch: OnBatch = lambda answers: None,
        known: Answers | None = None,
    ) -> list[Prediction]:
        """Log-likelihoods of each example's choices, as the text that the scorers of `clbench.scoring.choices` read.

        Args:
            model: causal LM.
            examples: with choices.
            probe: see `predict`.
            on_batch: see `predict`.
            known: see `predict`.
        """
        held = readable(model, most=self.protocol.max_prompt_tokens + self.protocol.max_answer_tokens)
        questions = likelihood.encode(self.encoder, examples, window=window(model) if probe else held)
        size = self.runtime.eval_batch
        costs, most = self._memory(model, width=_longest(questions))
        batches = likelihood.plan_batches(questions, size=size, tokens=min(size * held, most // costs.cached))

        def ask(indices: list[int]) -> list[Answer]:
            asked = [questions[index] for index in indices]
            found = self._likelihoods(model, asked)
            return [
                Answer(choices.dumps(examples[index].choices, values, one.scored), False, 0)
                for index, values, one in zip(indices, found, asked, strict=True)
            ]

        return self._ask_all(model, examples, batches, ask, on_batch=on_batch, known=known)

    def recall(self, model: Any, examples: Sequence[Example], known: Answers, *, on_batch: OnBatch) -> list[Prediction]:
        """All answers, which are known, as `predict` and `choose` give them."""
        return self._ask_all(model, examples, [[*range(len(examples))]], lambda _: [], on_batch=on_batch, known=known)

    def _ask_all(
        self,
        model: Any,
        examples: Sequence[Example],
        batches: list[list[int]],
        ask: Callable[[list[int]], list[Answer]],
        *,
        on_batch: OnBatch,
        known: Answers | None,
    ) -> list[Prediction]:
        """This device's batches one by one, and what the others found."""
        model.eval()
        found: Answers = {}
        for indices in batches[self.accelerator.process_index :: self.accelerator.num_processes]:
            answers = {index: known[index] for index in indices if known and index in known}
            if len(answers) < len(indices):
                answers = dict(zip(indices, memory.in_halves(indices, ask, warn=self.warn), strict=True))
            found.update(answers)
            on_batch(answers)
        found = self.gather(found)
        self.tokens += sum(one.tokens for one in found.values())
        return [
            Prediction(prompt=one.prompt, prediction=found[i].text, answer=one.answer, truncated=found[i].truncated)
            for i, one in enumerate(examples)
        ]

    def mean_loss(self, model: Any, examples: Sequence[Example]) -> float:
        """Mean loss (nats a token) of the given answers and their end-of-text tokens."""
        encoded = sorted(self.encoder.wholes(examples), key=lambda one: len(one.ids))
        lengths = [len(one.ids) for one in encoded]
        costs, most = self._memory(model, width=lengths[-1])

        def ask(indices: list[int]) -> list[float]:
            batch = collate([encoded[index] for index in indices], pad=self.encoder.pad, device=self.accelerator.device)
            with torch.inference_mode(), autocast(self.protocol, self.accelerator.device):
                each = forward(model, batch).likelihoods(batch["targets"])
            parts = each.split([encoded[index].num_answer for index in indices])
            return [-part.sum().item() for part in parts]

        model.eval()
        size, alike = self.runtime.micro_batch or ROWS, not self.padding.training
        batches = cut(lengths, size=size, alike=alike, tokens=most // costs.read)
        sums = [one for batch in batches for one in memory.in_halves(batch, ask, warn=self.warn)]
        return math.fsum(sums) / sum(one.num_answer for one in encoded)

    def batches(self, model: Any, prompts: Sequence[Sequence[int]], *, limit: int) -> list[list[int]]:
        """Batches of prompts that begin alike or are of like lengths, the longest first: out of memory shows soon."""
        costs, most = self._memory(model, width=max(map(len, prompts), default=1) + limit)
        size, alike = self.runtime.eval_batch, not self.padding.asking
        groups = clusters(prompts, worth=WORTH_SHARING, least=FEW) if self.heads else [list(range(len(prompts)))]
        batches: list[list[int]] = []
        for group in groups:
            order = sorted(group, key=lambda index: (-len(prompts[index]), prompts[index], index))
            lengths = [len(prompts[index]) + limit for index in order]
            rows = cut(lengths, size=size, alike=alike, tokens=most // costs.cached)
            batches += [[order[place] for place in batch] for batch in rows]
        return sorted(batches, key=lambda batch: -len(prompts[batch[0]]))

    def _memory(self, model: Any, *, width: int) -> tuple[memory.Costs, int]:
        """What tokens cost, and what there is for a batch (bytes)."""
        return memory.costs(model, width=width), memory.budget(self.accelerator.device)

    def generate(
        self,
        model: Any,
        prompts: Sequence[Sequence[int]],
        *,
        limit: int,
        stop: tuple[str, ...] = (),
        draw: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> list[Written]:
        """One batch of prompts, continued.

        Args:
            model: causal LM.
            prompts: their tokens.
            limit: new tokens at most.
            stop: texts at which all have come to an end.
            draw: tokens so far and scores to other scores, of which the greatest is taken.
        """
        once = list(dict.fromkeys(map(tuple, prompts))) if draw is None else prompts
        stopped = partial(self._has_stopped, stop=stop) if stop else None
        ends = frozenset(model.generation_config.eos_token_id)
        with self._asking():
            rows = self._writers.write(model, Batch(once, limit, ends, stopped, draw))
        found = [until_end(row, ends) for row in rows]
        if draw is not None:
            return found
        known = dict(zip(once, found, strict=True))
        return [known[tuple(one)] for one in prompts]

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Without gradients, in the protocol's precision."""
        with torch.inference_mode(), autocast(self.protocol, self.accelerator.device):
            yield

    def read(self, written: Written, asked: Sequence[int], prompt: str, *, stop: tuple[str, ...]) -> Answer:
        """The answer that tokens give where they stand, up to the first stop."""
        ids, ended = written.ids, written.end is not None
        told = self.encoder.detokenizer
        text = told.answer(ids, after=asked, prompt=prompt)
        if (cut := until(text, stop)) == text:
            return Answer(text, not ended, len(ids) + ended)

        def stopped(number: int) -> bool:
            return any(one in told.answer(ids[:number], after=asked, prompt=prompt) for one in stop)

        used = bisect.bisect_left(range(len(ids)), True, key=stopped)
        return Answer(cut, False, used)  # the others of the batch may have gone on

    def _has_stopped(self, row: Sequence[int], start: int, *, stop: tuple[str, ...]) -> bool:
        """Whether one of the texts stands in what was written, looked for at its end."""
        longest = max(len(one.encode()) for one in stop)  # a token is a byte at least
        cut = max(start, len(row) - longest - 4)
        tail = self.encoder.detokenizer.text(row[cut:], after=row[:cut])
        return any(one in tail for one in stop)

    def _likelihoods(self, model: Any, questions: list[likelihood.Question]) -> list[list[float]]:
        inner, device = getattr(model, "module", model), self.accelerator.device
        costs, most = self._memory(model, width=_longest(questions))
        where: dict[str, Any] = {"pad": self.encoder.pad, "device": device}
        whole = {**where, "alike": not self.padding.training, "tokens": most // costs.read}
        with torch.inference_mode(), autocast(self.protocol, device):
            uneven = len({one.shared for one in questions}) > 1
            kind = (self.heads and likelihood.common_head(questions) > 0, uneven)
            if kind not in self.caches and all(self.caches.values()):
                few = [questions[0], *questions[1:][-1:]]
                expected = likelihood.full_scores(inner, few, **whole)
                self.caches[kind] = self._cache_serves(inner, few, where, expected=expected)
            if all(self.caches.values()):
                return likelihood.scores(inner, questions, heads=self.heads, **where)
            return likelihood.full_scores(inner, questions, **whole)

    def _cache_serves(
        self, model: Any, few: list[likelihood.Question], where: dict[str, Any], *, expected: list[list[float]]
    ) -> bool:
        """Whether a batch's longest and shortest question get what is expected; some models keep another cache."""
        try:
            found = likelihood.scores(model, few, heads=self.heads, **where)
        except CACHE_ERRORS as error:
            if memory.is_exhausted(error):
                raise
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        else:
            loose = LOOSE[self.protocol.precision]
            pairs = [pair for a, b in zip(found, expected, strict=True) for pair in zip(a, b, strict=True)]
            if all(math.isclose(a, b, rel_tol=loose, abs_tol=loose) for a, b in pairs):
                return True
            reason = "it gives other numbers than whole forward passes"
        self.warn(f"likelihoods without the model's cache, which is slower ({reason})")
        return False

    def gather(self, found: dict[int, Any]) -> dict[int, Any]:
        """What all devices have found together."""
        if self.accelerator.num_processes == 1:
            return found
        from accelerate.utils import gather_object

        return dict(gather_object(list(found.items())))


def at_once(number: int) -> list[list[int]]:
    """Batches for an engine that makes batches by itself."""
    return [list(range(start, min(start + AT_ONCE, number))) for start in range(0, number, AT_ONCE)]


def _longest(questions: Sequence[likelihood.Question]) -> int:
    return max((len(row) for one in questions for row in one.rows), default=1)
