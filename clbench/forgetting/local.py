"""A side whose weights are here: loaded when it is first needed, freed when it is not needed any more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.data.sources import TaskData
from clbench.models.ref import ModelRef
from clbench.runs.predictions import Prediction
from clbench.spec.protocol import ASKED, Protocol, Runtime

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.evaluation.evaluator import Answers, Evaluator, OnBatch
    from clbench.models.loading import LoadedModel
    from clbench.plugins.manager import Plugins


@dataclass(frozen=True, slots=True)
class Desk:
    """Where and how models are asked.

    Args:
        accelerator: the device.
        protocol: lengths and precision.
        runtime: batch size.
        plugins: that may load models.
    """

    accelerator: Accelerator
    protocol: Protocol
    runtime: Runtime
    plugins: Plugins | None = None


class LocalModel:
    """A model by its description.

    Args:
        ref: which one.
        desk: where and how it is asked.
    """

    lasting = True

    def __init__(self, ref: ModelRef, desk: Desk) -> None:
        self.ref, self.desk, self.name = ref, desk, ref.name
        self.notes: list[str] = []
        self._loaded: LoadedModel | None = None
        self._evaluator: Evaluator | None = None

    def identity(self) -> Mapping[str, Any]:
        """Its content's hash, and what of the protocol and the device moves an answer."""
        how = self.desk.protocol.model_dump(include=ASKED)
        return {"hash": self.ref.hash, "device": self.desk.accelerator.device.type, **how}

    @property
    def model(self) -> Any:
        """The weights."""
        return self._load().model

    @property
    def evaluator(self) -> Evaluator:
        """Prompts to answers."""
        self._load()
        assert self._evaluator is not None
        return self._evaluator

    def _load(self) -> LoadedModel:
        if self._loaded is None:
            from clbench.models.bearing.checks import check
            from clbench.models.loading import add_end, load_model

            desk = self.desk
            loaded = load_model(self.ref, device=desk.accelerator.device, runtime=desk.runtime, plugins=desk.plugins)
            found = check(loaded, name=self.name, precision=desk.protocol.precision)
            self.notes += found.notes
            self._evaluator = make_evaluator(found.tokenizer, desk, padding=found.padding, warn=self._warn)
            add_end(found.model, self._evaluator.encoder.end)
            self._loaded = found
        return self._loaded

    def _warn(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @property
    def is_loaded(self) -> bool:
        """Whether its weights are in memory."""
        return self._loaded is not None

    def answer(self, data: TaskData, *, on_batch: OnBatch, known: Answers) -> list[Prediction]:
        """Its answers to a task's records."""
        return answers(self.evaluator, self.model, data, on_batch=on_batch, known=known)

    def close(self) -> None:
        """Free its memory."""
        self._loaded = self._evaluator = None


def make_evaluator(tokenizer: Any, desk: Desk, **known: Any) -> Evaluator:
    """The evaluator of a tokenizer."""
    from clbench.data.tokenising import make_encoder
    from clbench.evaluation.evaluator import Evaluator

    encoder = make_encoder(tokenizer, desk.protocol)
    return Evaluator(
        accelerator=desk.accelerator, encoder=encoder, protocol=desk.protocol, runtime=desk.runtime, **known
    )


def answers(
    evaluator: Evaluator, model: Any, data: TaskData, *, on_batch: OnBatch = lambda found: None, known: Answers
) -> list[Prediction]:
    """A model's answers to a probe; a loss is a text, too: `{"nats": …, "tokens": …}`."""
    from clbench.evaluation.asking import ask, record_losses

    if data.task.measure != "loss":
        return ask(evaluator, model, data, on_batch=on_batch, known=known)
    found = record_losses(evaluator, model, data.test)
    return [
        Prediction(one.prompt, json.dumps({"nats": nats, "tokens": tokens}), one.answer)
        for one, (nats, tokens) in zip(data.test, found, strict=True)
    ]


def losses_of(found: Sequence[Prediction]) -> list[tuple[float, int]]:
    """Nats and tokens of each record, from what `answers` wrote."""
    told = [json.loads(one.prediction) for one in found]
    return [(float(one["nats"]), int(one["tokens"])) for one in told]


def both_fit(first: LocalModel) -> bool:
    """Whether a second model of the same size fits beside the first one, which is loaded."""
    import torch

    device = first.desk.accelerator.device
    needed = sum(one.numel() * one.element_size() for one in first.model.parameters())
    if device.type == "cuda":
        return needed < 0.8 * torch.cuda.mem_get_info(device)[0]
    free = _free_memory()
    return free is None or needed * 2 < free  # loading holds some tensors twice


def _free_memory() -> int | None:
    """Bytes of main memory that are free or can be freed; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 (no file of a user's)
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
