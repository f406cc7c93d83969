"""A run's weights asked again, by the base model's own code: answers, losses of probes, drift.

The untouched model is always at hand; the weights of the last row where checkpoints were kept
(`runtime.keep_checkpoints=true`) and hold nothing but the base model's own parameters. A method that changes what is
computed besides the weights, or the answers on their way, gives other answers than its weights do.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clbench.base import seeding
from clbench.evaluation.divergence import divergence, logits_of, texts_of, together
from clbench.forecast.estimate import token_sums
from clbench.models import drift
from clbench.models.measured import MEASURED, with_weights
from clbench.runs.predictions import predictions_path, read
from clbench.spec.protocol import Protocol, Runtime
from clbench.verification.origins import AbsentError
from clbench.verification.rederive import Rederived, base_model, compared

if TYPE_CHECKING:
    from clbench.data.sources import TaskData

SAMPLE = 8  # prompts of each task
NEAR = 1e-3  # relative, of losses and drift: another number of threads rounds differently
CLOSE = 1e-6  # nats: a divergence that is nothing but rounding


class Again:
    """The base model and the weights that a run left.

    Args:
        run: with its record and what it was made from.

    Raises:
        AbsentError: the model is another than the run's.
    """

    def __init__(self, run: Rederived) -> None:
        self.run, self.record = run, run.record
        assert run.model is not None
        self.ref = base_model(run.model, hash_=self.record.board.model["hash"])
        config = run.run_dir.state()["config"]
        self.runtime = Runtime.model_validate({**config["runtime"], "device": "auto"})
        self.protocol = Protocol.model_validate(self.record.board.protocol)
        self.last = len(self.record.tasks)

    def tokens(self) -> str:
        """Tokens that were trained on, counted again with the base model's tokenizer."""
        if self.protocol.end_of_text != "all":
            raise AbsentError("which texts learn to end depends on what they share a step with")
        epochs = self.run.origins.plan.epochs()
        sums = [token_sums(self.encoder, one.train) for one in self.run.origins.data]
        trained = self.record.method.regime != "frozen"
        total = sum(times * one[0] for times, one in zip(epochs, sums, strict=True)) * trained
        answers = sum(times * one[1] for times, one in zip(epochs, sums, strict=True)) * trained
        own = self.run.is_own
        return compared("training tokens", self.record.costs.train_tokens, total, own=own) or compared(
            "answer tokens", self.record.costs.answer_tokens, answers, own=own
        )

    def losses(self) -> str:
        """Losses of probes in the first row, and in the last where its weights are there."""
        asked = [one for one in self.run.probes if one.task.measure == "loss"]
        rows = {one.task.name: self.record.probes[one.task.name] for one in asked}
        for row in (0, self.last):
            known = [one for one in asked if rows[one.task.name][row] is not None]
            model = self.model_of(row) if known else None
            for one in known:
                again, stated = self.evaluator.mean_loss(model, one.test), rows[one.task.name][row]
                if not math.isclose(again, stated or 0.0, rel_tol=NEAR):
                    return f"{one.task.name}: row {row} has {stated:.4f}; its weights give {again:.4f}"
        between = sum(cell is not None for cells in rows.values() for cell in cells[1:-1])
        if between and self.record.method.regime != "frozen":
            raise AbsentError(f"{between} of rows whose weights are gone")
        return ""

    def drift(self) -> str:
        """How far the last row's weights are from the base model's."""
        if not self.record.drift:
            return ""
        base = drift.snapshot(self.model_of(0))
        found = drift.measure(self.model_of(self.last), base)
        stated = self.record.drift.get("relative_l2")
        near = isinstance(stated, float) and math.isclose(found["relative_l2"], stated, rel_tol=NEAR, abs_tol=1e-12)
        return self._kl() if near else f"relative_l2 is {stated}; its weights give {found['relative_l2']:.6g}"

    def _kl(self) -> str:
        """What is wrong with the divergence from the base model on each task's prompts, where it is stated."""
        stated, tasks = self.record.drift.get("kl"), self.record.drift.get("kl_tasks")
        if not stated and not tasks:  # nothing was trained, or memory was not enough
            return ""
        how = {"protocol": self.protocol, "device": self.accelerator.device}
        models = self.model_of(0), self.model_of(self.last)
        base, last = (logits_of(one, **how) for one in models)
        texts = {one.task.name: texts_of(one, self.encoder, *models) for one in self.run.origins.data}
        found = {name: divergence(base, last, some) for name, some in texts.items()}
        again = {"all tasks": together(list(found.values())), **{name: one.nats for name, one in found.items()}}
        told: dict[str, Any] = {**(tasks if isinstance(tasks, dict) else {}), "all tasks": stated}
        for name, nats in again.items():
            here = told.get(name)
            if not isinstance(here, float) or not math.isclose(nats, here, rel_tol=NEAR, abs_tol=CLOSE):
                return f"KL of {name} is {here}; its weights give {nats:.6g}"
        return ""

    def answers(self) -> str:
        """A seeded sample of the first and the last row's answers, generated again."""
        return self._row(0) or self._row(self.last)

    def _row(self, row: int) -> str:
        """What is wrong with the answers of one row."""
        model = self.model_of(row)
        found = [self._ask(model, one, row) for one in (*self.run.origins.data, *self.run.probes)]
        wrong, asked = (sum(numbers) for numbers in zip(*found, strict=True))
        told = f"{wrong} of {asked} answers of row {row} are not what the weights give"
        if wrong and (self.protocol.precision != "fp32" or self.record.costs.device != self.device_name):
            raise AbsentError(f"{told}, on another device or in {self.protocol.precision}, where rounding may do it")
        return told if wrong else ""

    def _ask(self, model: Any, data: TaskData, row: int) -> tuple[int, int]:
        """How many of how many answers differ."""
        path = predictions_path(self.run.run_dir.path, row=row, task=data.task)
        if data.task.measure != "generate" or not path.is_file():
            return 0, 0
        said = read(path)
        rng = seeding.rng(self.record.seed, "again", data.task.name, row)
        chosen = sorted(rng.sample(range(len(said)), min(SAMPLE, len(said))))
        if len(said) != len(data.test):
            return len(chosen), len(chosen)
        found = self.evaluator.predict(
            model,
            [data.test[index] for index in chosen],
            max_new_tokens=data.task.max_new_tokens,
            stop=data.task.stop,
            probe=data in self.run.probes and data.source != "world",  # type: ignore[union-attr]
        )
        differ = sum(one.prediction != said[index].prediction for index, one in zip(chosen, found, strict=True))
        return differ, len(chosen)

    # --- what is asked

    @cached_property
    def loaded(self) -> Any:
        """The untouched model."""
        from clbench.models.loading import add_end, load_model

        found = load_model(
            self.ref, device=self.accelerator.device, runtime=self.runtime, weights=self.protocol.weights
        )
        add_end(found.model, self.encoder.end)
        return found

    def model_of(self, row: int) -> Any:
        """The model of the first or the last row, by the base model's own code.

        Raises:
            AbsentError: its weights are not there, or are not the base model's architecture.
        """
        return self.loaded.model if row == 0 else self.trained

    @cached_property
    def trained(self) -> Any:
        """The model of the last row."""
        if self.record.method.regime == "frozen":
            return self.loaded.model
        path = self.run.run_dir.checkpoints / MEASURED
        if not path.is_file():
            raise AbsentError("the last row's weights were not kept (runtime.keep_checkpoints=true keeps them)")
        model = with_weights(self.loaded.model, path)
        if model is None:
            raise AbsentError("the method changes the model, so that its weights alone do not give its answers")
        return model

    @cached_property
    def accelerator(self) -> Any:
        """Where it is asked."""
        from clbench.models import device

        return device.make_accelerator(self.runtime.device)

    @property
    def device_name(self) -> str:
        """As a record has it."""
        from clbench.models import device

        return device.device_name(self.accelerator.device)

    @cached_property
    def encoder(self) -> Any:
        """The base model's tokens."""
        from clbench.data.tokenising import make_encoder
        from clbench.models.loading import load_tokenizer

        return make_encoder(load_tokenizer(self.ref), self.protocol)

    @cached_property
    def evaluator(self) -> Any:
        """As the run had it."""
        from clbench.evaluation.evaluator import Evaluator

        padding = self.loaded.padding
        return Evaluator(self.accelerator, self.encoder, self.protocol, self.runtime, padding=padding)
