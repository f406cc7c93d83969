"""What a method may see and do in the run that it takes part in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.base import seeding
from clbench.data.example import Example
from clbench.methods import added, asked
from clbench.methods.answering import Answer, Answering, Sample

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from clbench.data.tokenising import Encoded
    from clbench.methods.method import Experience
    from clbench.runs.predictions import Prediction
    from clbench.spec.protocol import Protocol


@dataclass(slots=True)
class Run:
    """What a method may see of the run it takes part in, and ask of its model.

    Args:
        seed: the run's.
        protocol: how the stream is trained; `learning_rate` is the one that this method trains with.
        num_experiences: T.
        device: of the model.
        model: the causal LM being trained (after `prepare_model`).
        loss: mean answer-token loss of some examples under the present model, with its graph, in one pass. Without
            dropout it is what the loop minimises. It draws no random numbers and leaves gradients alone.
        gradients: gradient of that mean over any number of examples, by name of trainable parameter; in micro-batches,
            `.grad` is left as it was. For memories and Fisher values.
        groups: task name to its type in the stream file (`groups:`); empty where the stream names none.
        row_tasks: the task of each row of the micro-batch that `extra_loss` is given.
        optimizer: set before the first experience.
        experience: the present one.
        step: optimizer steps so far, over all experiences; those that had nothing to train on are counted.
        notes: what methods put into the record: see `note`.
        warnings: counted warnings of the record.
        tokenizer: of the model, from transformers.
        rows: of the micro-batch that `extra_loss` and `own_loss` are given; the objects that `batch_data` returned,
            where it returned rows.
        records: prompt and answer of the present experience's records.
        sampled: tokens that `generate` has given.
        answering: who generates, scores and computes likelihoods.
    """

    seed: int
    protocol: Protocol
    num_experiences: int
    device: torch.device
    model: PreTrainedModel
    loss: Callable[[Sequence[Example]], torch.Tensor]
    gradients: Callable[[Sequence[Example]], dict[str, torch.Tensor]]
    groups: Mapping[str, str] = field(default_factory=dict)
    row_tasks: tuple[str, ...] = ()
    optimizer: Optimizer | None = None
    experience: Experience | None = None
    step: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    tokenizer: Any = None
    rows: tuple[Encoded, ...] = ()
    records: frozenset[tuple[str, str]] = frozenset()
    sampled: int = 0
    answering: Answering | None = None

    def rng(self, name: str, *more: str | int) -> random.Random:
        """A generator for one named use, begun anew at each call; begin the name with the method's own."""
        return seeding.rng(self.seed, "method", name, *more)

    def torch_rng(self, name: str, *more: str | int, device: str | torch.device = "cpu") -> torch.Generator:
        """As `rng`, torch's."""
        return seeding.torch_rng(self.seed, "method", name, *more, device=device)

    @property
    def prompts(self) -> asked.Prompts | None:
        """Tokens that each row of the forward pass under way is asked, for hooks on the model's modules.

        In training what stands before the answer, in evaluation what is to be answered or continued; the same object
        as long as the same rows are continued. None where nobody says so, as in another library's own loop. A method
        that answers prompts in ways of their own declares `routes_prompts`; questions then share no computation.
        """
        return asked.prompts()

    def note(self, name: str, value: Any) -> None:
        """Put a JSON value into the record under `method_notes`."""
        self.notes[name] = value

    def warn(self, message: str) -> None:
        """Count a warning in the record; nothing is skipped silently."""
        self.warnings[message] = self.warnings.get(message, 0) + 1

    def add_parameters(self, values: Mapping[str, torch.Tensor]) -> dict[str, torch.nn.Parameter]:
        """Add trained parameters to the model, such as those of one task: `run.add_parameters({"pool_3": zeros})`.

        The optimizer trains them from here on, checkpoints and the footprint have them. After an interruption they are
        there again, and the same call gives them back.

        Args:
            values: where each begins, by a name that is an identifier; begin it with the method's own.

        Raises:
            RunError: the model is on several devices, or the name is wrong or taken by another shape.
        """
        params = added.add(self.model, values)
        assert self.optimizer is not None, "parameters are added from the first experience on"
        added.train(self.optimizer, params, learning_rate=self.protocol.learning_rate)
        return params

    def generate(
        self,
        examples: Sequence[Example],
        *,
        n: int = 1,
        temperature: float = 1.0,
        max_new_tokens: int | None = None,
        stream: str = "generate",
    ) -> list[list[Sample]]:
        """The present model's own answers to some examples' prompts, `n` to each.

        Without dropout, batched as an evaluation is, stopped where one stops. Each token is chosen by a number of its
        own from a named stream, so that no other draw moves and answers do not depend on how they are batched.

        Args:
            examples: whose prompts are asked; their answers are carried along.
            n: answers a prompt.
            temperature: of sampling from the whole distribution; 0: greedy.
            max_new_tokens: each task's own by default, at most the protocol's `max_answer_tokens`.
            stream: name of the draws, which also depend on the step; begin it with the method's own.
        """
        generator = self.torch_rng(stream, self.experience.index if self.experience else 0, self.step)
        found = self._answering().generate(
            self.model,
            examples,
            n=n,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            generator=generator,
        )
        self.sampled += sum(len(one.ids) for samples in found for one in samples)
        return found

    def score(self, task: str, predictions: Sequence[Prediction]) -> list[float]:
        """Scores (0–1) of answers to the present experience's own records, by the scorer that ranks: a reward.

        Args:
            task: whose scorer.
            predictions: prompt, what was written, and the record's answer.

        Raises:
            PermissionError: one is of no record of the present experience.
            RunError: the task is measured by likelihoods, which no written answer has.
        """
        if any((one.prompt, one.answer) not in self.records for one in predictions):
            raise PermissionError(
                "only answers to the present experience's own records are scored: a method sees nothing else"
            )
        return self._answering().score(task, predictions)

    def encode(
        self, examples: Sequence[Example], answers: Sequence[Answer], *, weights: Sequence[float] | None = None
    ) -> list[Encoded]:
        """Rows to train on: prompts as they are asked, followed by given answers. `batch_data` may return them.

        Args:
            examples: whose prompts.
            answers: text, or tokens such as a sample's `ids`.
            weights: of each row's loss, 1 by default; a negative one makes its answer less likely.
        """
        return self._answering().encode(examples, answers, weights)

    def logprobs(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[torch.Tensor]:
        """Log-likelihood (nats) of each token of given answers, a tensor an answer, without dropout.

        With its graph, unless it is asked for within `torch.no_grad`.
        """
        return self._answering().logprobs(self.encode(examples, answers))

    def _answering(self) -> Answering:
        assert self.answering is not None, "this run has no model to ask"
        return self.answering
