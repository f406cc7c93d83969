"""Does training reach the model that is measured, and does the batch size leave its answers alone?

An adapter that is trained and not used, or a model whose padding is read as text, gives numbers that look like results.
Neither shows in R, so both are looked for in each run. What is found is a counted warning of the record and never an
error. Nothing here draws a random number, changes a weight, or counts as cost.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clbench.data.example import Example
from clbench.methods.asked import asked
from clbench.methods.episodes import Episode, episodes
from clbench.runs.runconfig import RunConfig
from clbench.training import runstate

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Evaluator
    from clbench.methods.method import Run

PROMPTS, TOKENS = 2, 64  # what logits are compared on
SAMPLE, NEW_TOKENS = 4, 16  # what is asked together and one by one
CANDIDATES = 8  # prompts of each task that the sample is taken from


@dataclass(slots=True)
class Guards:
    """The guards of one run.

    Args:
        config: of the run.
        evaluator: of the run; its tokens are not counted here.
        base: by row of R, the base model's logits on the first prompts of the training that leads to the row.
        before: the present model's on those of the next training.
        step: optimizer steps made so far.
    """

    config: RunConfig
    evaluator: Evaluator
    base: dict[int, str] = field(default_factory=dict)
    before: str = ""
    step: int = 0

    def look(self, run: Run, *, row: int) -> None:
        """Ask, inside `Method.evaluating` and before a row of R is measured (0 = base); warn of what is wrong.

        Args:
            run: with the model that is measured, and the record's warnings and notes.
            row: of R.
        """
        with _undisturbed(run):
            if row == 0:
                self.base = {number: self._logits(run.model, number) for number in self._episodes()}
                self._ask(run)
            else:
                self._compare(run, row)
            later = [number for number in self.base if number > row]
            self.before = self._logits(run.model, min(later)) if later else ""
            self.step = run.step

    def _compare(self, run: Run, row: int) -> None:
        """Bit for bit, so that one changed weight is enough to be seen."""
        if row not in self.base or run.step == self.step or not _has_learning_rate(run):
            return
        task, after = self._task(row), self._logits(run.model, row)
        if after == self.before:
            run.warn(f"training left the logits of {task} unchanged: is what is trained part of what is measured?")
        elif after == self.base[row]:
            run.warn(f"training left the logits of {task} at the base model's: is what is trained part of it?")

    def _episodes(self) -> dict[int, Episode]:
        plan = episodes(self.config.choice.regime, len(self.config.data))
        return {one.row: one for one in plan if self._first_examples(one)}

    def _first_examples(self, episode: Episode) -> Sequence[Example]:
        return self.config.data[episode.tasks[0]].train[:PROMPTS]

    def _task(self, row: int) -> str:
        return "+".join(self.config.data[position].task.name for position in self._episodes()[row].tasks)

    def _logits(self, model: Any, row: int) -> str:
        """SHA-256 of the logits on a row's prompts."""
        import torch

        from clbench.data.batches import right_pad
        from clbench.training.losses import autocast, evaluating

        encoder, device = self.evaluator.encoder, self.evaluator.accelerator.device
        examples = self._first_examples(self._episodes()[row])
        prompts = [ids[-TOKENS:] for ids in encoder.prompts([encoder.asked(one) for one in examples])]
        ids = right_pad(prompts, pad=encoder.pad)[0].to(device)
        with evaluating(model), torch.no_grad(), autocast(self.evaluator.protocol, device), asked(lambda: prompts):
            logits = model(input_ids=ids, use_cache=False).logits
        return hashlib.sha256(logits.float().cpu().numpy().tobytes()).hexdigest()

    def _ask(self, run: Run) -> None:
        """The same prompts in one padded batch and one by one: greedy answers should be the same."""
        examples = self._sample()
        if len(examples) < 2:  # nothing that could be padded, or a batch size of 1
            return
        together, alone = (self._answers(run.model, examples, batch=size) for size in (len(examples), 1))
        differ = sum(one != other for one, other in zip(together, alone, strict=True))
        if differ:
            precision = self.evaluator.protocol.precision
            reason = "" if precision == "fp32" else f" ({precision} rounds differently in batches of another size)"
            run.warn(f"greedy answers depend on the batch size: {differ} of {len(examples)} differ{reason}")
            run.note("batch_size_check", {"asked": len(examples), "differ": differ, "precision": precision})

    def _sample(self) -> list[Example]:
        """Training prompts from the shortest to the longest; no more at once than the evaluation's own batches have."""
        found = [one for task in self.config.data for one in task.train[:CANDIDATES]]
        encoder = self.evaluator.encoder
        lengths = encoder.prompts([encoder.asked(one) for one in found])
        by_length = {len(ids): one for ids, one in zip(lengths, found, strict=True)}
        ordered = [by_length[length] for length in sorted(by_length)]
        size = min(SAMPLE, self.config.runtime.eval_batch, len(ordered))
        if size < 2:
            return []
        return [ordered[round(place * (len(ordered) - 1) / (size - 1))] for place in range(size)]

    def _answers(self, model: Any, examples: Sequence[Example], *, batch: int) -> list[str]:
        runtime = self.config.runtime.model_copy(update={"eval_batch": batch})
        asker = replace(self.evaluator, runtime=runtime, tokens=0)
        return [one.prediction for one in asker.predict(model, examples, max_new_tokens=NEW_TOKENS)]

    def state_dict(self) -> dict[str, Any]:
        """What must be known again after an interruption, for a checkpoint."""
        return {"base": self.base, "before": self.before, "step": self.step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what a checkpoint has."""
        self.base, self.before, self.step = dict(state["base"]), state["before"], state["step"]


def _has_learning_rate(run: Run) -> bool:
    assert run.optimizer is not None
    return any(group.get("base_lr", group["lr"]) for group in run.optimizer.param_groups)


@contextlib.contextmanager
def _undisturbed(run: Run) -> Iterator[None]:
    """The global random streams are afterwards where they were, even if a model draws when it is asked."""
    states = runstate.random_states(run.device)
    yield
    runstate.set_random_states(states, run.device)
