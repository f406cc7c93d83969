"""Which engine writes for a model: the one that is wanted, once it has shown that it can; else the next.

That is asked at a model's first batch, and again when it gets other parts or hooks, such as an adapter's.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from clbench.base.errors import RunError
from clbench.evaluation.engines.continuous import Continuous
from clbench.evaluation.engines.engine import Batch, Engine, Place
from clbench.evaluation.engines.greedy import Greedy
from clbench.evaluation.engines.hf import Generate
from clbench.evaluation.engines.vllm import Vllm
from clbench.training.losses import evaluating

SAMPLE = 8  # new tokens that are looked at
ROUTED = "each prompt is answered in a way of its own, which transformers' generate alone keeps apart"


@dataclass(slots=True)
class Engines:
    """The engines of a run, and which of them each model is asked by.

    Args:
        wanted: `runtime.engine`.
        place: of the models.
        warn: told where an engine that was asked for by name cannot be had.
        together: off where each prompt is answered in a way of its own.
        used: names of those that have written, in the order of their first answers.
    """

    wanted: str
    place: Place
    warn: Callable[[str], None]
    together: bool = True
    used: dict[str, None] = field(default_factory=dict)
    _those: list[Engine] = field(init=False)
    _chosen: weakref.WeakKeyDictionary[Any, tuple[int, Engine]] = field(
        init=False, default_factory=weakref.WeakKeyDictionary
    )

    def __post_init__(self) -> None:
        by_name = {"continuous": Continuous, "vllm": Vllm}
        check(self.wanted, self.place.device)
        first = [by_name[self.wanted](self.place)] if self.wanted in by_name else []
        own = [] if self.wanted == "hf" else [Greedy(self.place)]
        self._those = [*first, *own, Generate(self.place)]

    def of(self, model: Any, prompts: Sequence[Sequence[int]]) -> Engine:
        """The engine that writes for a model.

        Args:
            model: causal LM.
            prompts: some that it is asked.
        """
        if len(self._those) == 1 or not isinstance(model, torch.nn.Module):
            return self._those[-1]
        parts = sum(1 + len(one._forward_hooks) + len(one._forward_pre_hooks) for one in model.modules())
        known = self._chosen.get(model)
        if known is None or known[0] != parts:
            with evaluating(model):
                known = self._chosen[model] = parts, self._choose(model, _sample(prompts))
        return known[1]

    def write(self, model: Any, batch: Batch) -> list[list[int]]:
        """New tokens of each prompt; what is drawn, by transformers."""
        engine = self._those[-1] if batch.draw else self.of(model, batch.prompts)
        self.used.setdefault(engine.name)
        return engine.write(model, batch)

    def _choose(self, model: Any, sample: Batch) -> Engine:
        for engine in self._those[:-1]:
            reason = engine.refusal(model, sample) if self.together else ROUTED
            if not reason:
                return engine
            if engine.name == self.wanted:
                self.warn(f"runtime.engine={engine.name} is not used ({reason})")
        return self._those[-1]


def check(wanted: str, device: torch.device) -> None:
    """Whether an engine can be had at all.

    Raises:
        RunError: it is not installed, or needs another device.
    """
    problem = {"continuous": Continuous.missing, "vllm": Vllm.missing}.get(wanted, lambda device: "")(device)
    if problem:
        raise RunError(f"runtime.engine={wanted}: {problem}; or leave it at auto")


def _sample(prompts: Sequence[Sequence[int]]) -> Batch:
    """The longest and the shortest prompt; of one length, one of them without its first tokens."""
    ordered = sorted(prompts, key=len, reverse=True)
    long, short = ordered[0], ordered[-1]
    return Batch([long, short if len(short) < len(long) else long[len(long) // 2 :]], SAMPLE)
