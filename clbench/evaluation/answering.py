"""A model is asked while it is trained: answers that it samples, and what they are worth. For methods, through `Run`.

An answer's tokens are drawn by the inverse of the distribution's sum: one number from 0 to 1 a token, all of them drawn
beforehand from a generator that is the caller's. So sampling moves no global generator, and an answer is the same
however prompts are batched (but for rounding).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from clbench.base.errors import RunError
from clbench.data.example import Example
from clbench.methods.answering import Answer, Sample
from clbench.models import memory
from clbench.runs.predictions import score_records
from clbench.training.losses import evaluating

if TYPE_CHECKING:
    from clbench.data.tokenising import Encoded
    from clbench.evaluation.evaluator import Evaluator
    from clbench.runs.predictions import Prediction
    from clbench.scoring.spec import ScorerSpec
    from clbench.spec.task import Task
    from clbench.training.losses import Losses

Choose = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Tokens so far and scores to other scores, of which the greatest is taken."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The model of a run, asked between its steps; see `clbench.methods.answering.Answering`.

    Args:
        evaluator: that batches, reads and stops as an evaluation does.
        losses: of the same model.
        tasks: of the stream, by name; none of their records.
        scorer: a scorer's spec by name.
    """

    evaluator: Evaluator
    losses: Losses
    tasks: Mapping[str, Task]
    scorer: Callable[[str], ScorerSpec]

    def generate(
        self,
        model: Any,
        examples: Sequence[Example],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int | None,
        generator: torch.Generator,
    ) -> list[list[Sample]]:
        """`n` answers to each example; each task's in batches of their own, as tasks stop differently."""
        rows = [one for one in examples for _ in range(n)]
        limits = [self._limit(one.task, max_new_tokens) for one in rows]
        numbers = torch.rand((len(rows), max(limits, default=1)), generator=generator, dtype=torch.float64)

        def draw(places: list[int], prompts: list[list[int]]) -> Choose:
            return Draw(numbers[places], temperature, prompts) if temperature else _greatest

        found: dict[int, Sample] = {}
        with evaluating(model):
            for task in dict.fromkeys(one.task for one in rows):
                places = [place for place, one in enumerate(rows) if one.task == task]
                found |= self._of_task(model, rows, places, limit=limits[places[0]], draw=draw)
        return [[found[place] for place in range(start, start + n)] for start in range(0, len(rows), n)]

    def _limit(self, task: str, wanted: int | None) -> int:
        most = self.evaluator.protocol.max_answer_tokens
        return wanted or min(self.tasks[task].max_new_tokens if task in self.tasks else most, most)

    def _of_task(
        self,
        model: Any,
        rows: Sequence[Example],
        places: Sequence[int],
        *,
        limit: int,
        draw: Callable[[list[int], list[list[int]]], Choose],
    ) -> dict[int, Sample]:
        """Samples of one task's rows, by place; this device's share, and what the others found."""
        asker, accelerator = self.evaluator, self.evaluator.accelerator
        task = self.tasks.get(rows[places[0]].task)
        stop = task.stop if task else ()
        told = [asker.encoder.asked(rows[place]) for place in places]
        prompts = asker.encoder.prompts(told)

        def ask(indices: list[int]) -> list[Sample]:
            asked = [prompts[index] for index in indices]
            drawn = draw([places[index] for index in indices], asked)
            written = asker.generate(model, asked, limit=limit, stop=stop, draw=drawn)
            answers = [
                asker.read(one, ids, told[index], stop=stop)
                for one, ids, index in zip(written, asked, indices, strict=True)
            ]
            return [
                Sample(rows[places[index]], said.text, one.whole[: said.tokens], said.truncated)
                for index, one, said in zip(indices, written, answers, strict=True)
            ]

        found: dict[int, Sample] = {}
        batches = asker.batches(model, prompts, limit=limit)
        for indices in batches[accelerator.process_index :: accelerator.num_processes]:
            samples = memory.in_halves(indices, ask, warn=asker.warn)
            found.update(zip((places[index] for index in indices), samples, strict=True))
        return asker.gather(found)

    def score(self, task: str, predictions: Sequence[Prediction]) -> list[float]:
        """By the scorer in the role that ranks.

        Raises:
            RunError: the task has no written answers.
        """
        one = self.tasks[task]
        if one.measure != "generate":
            raise RunError(f"{task} is measured by likelihoods, so what a model writes has no score there")
        name = one.scorers.pairs()[self.evaluator.protocol.scorer]
        return score_records(one, predictions, scorer=self.scorer(name))

    def encode(
        self, examples: Sequence[Example], answers: Sequence[Answer], weights: Sequence[float] | None
    ) -> list[Encoded]:
        """By the run's own tokenizer, template and limits."""
        return self.evaluator.encoder.rows(examples, answers, weights)

    def logprobs(self, rows: Sequence[Encoded]) -> list[torch.Tensor]:
        """In micro-batches of the run's."""
        return self.losses.logprobs(rows)


def _greatest(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Scores as they are; said all the same, as what a method asks for is generated in one way, and counted in one."""
    return scores


class Draw:
    """Chooses each next token: the first whose share of the distribution's sum reaches a number that was drawn for it.

    Args:
        numbers: 0–1 (rows, new tokens).
        temperature: that logits are divided by.
        prompts: what stands before; the longest one's length is where new tokens begin.
    """

    def __init__(self, numbers: torch.Tensor, temperature: float, prompts: Sequence[Sequence[int]]) -> None:
        self.numbers, self.temperature, self.start = numbers, temperature, max(map(len, prompts))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores by which the greediest token is the one that was drawn."""
        sums = (scores.double() / self.temperature).softmax(-1).cumsum(-1)
        wanted = self.numbers[:, input_ids.shape[1] - self.start, None].to(sums.device) * sums[:, -1:]
        chosen = torch.searchsorted(sums, wanted, right=True).clamp_(max=sums.shape[1] - 1)
        return scores.new_full(scores.shape, float("-inf")).scatter_(1, chosen, 0.0)
