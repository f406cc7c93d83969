"""Avalanche's storage policies as memories of clbench's examples, for methods that replay or for comparison.

`reservoir`: a uniform sample of all examples seen. `experience_balanced`: equal parts of each experience seen, each
part a uniform sample of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, Literal

from clbench import Example
from clbench_avalanche.loading import load, own_randomness

Policy = Literal["reservoir", "experience_balanced"]
_BUFFERS = {"reservoir": "ReservoirSamplingBuffer", "experience_balanced": "ExperienceBalancedBuffer"}


class BufferMemory:
    """One of Avalanche's buffers.

    Args:
        policy: which.
        size: examples it keeps at most, at least 1.
    """

    def __init__(self, policy: Policy, *, size: int) -> None:
        assert size >= 1
        self.policy, self.size = policy, size
        self._buffer = self._empty(size)

    def _empty(self, size: int) -> Any:
        load()
        from avalanche.training import storage_policy

        return getattr(storage_policy, _BUFFERS[self.policy])(max_size=size)

    def add(self, examples: Sequence[Example], *, rng: Random) -> None:
        """Offer one experience's examples.

        Args:
            examples: all of them.
            rng: what is kept depends on it; `run.rng("name", experience.index)`.
        """
        with own_randomness(rng):
            self._buffer.post_adapt(None, SimpleNamespace(dataset=_dataset(examples)))

    def examples(self) -> list[Example]:
        """What is kept."""
        return list(self._buffer.buffer)

    def __len__(self) -> int:
        return len(self._buffer.buffer)

    def state_dict(self) -> dict[str, Any]:
        """All examples with the random weights that decide which of them stay."""
        return {"parts": [_part(one) for one in self._parts()]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state of a memory of the same policy and size."""
        self._buffer = self._empty(self.size)
        if self.policy == "reservoir":
            _fill(self._buffer, state["parts"][0])
            return
        from avalanche.training.storage_policy import ReservoirSamplingBuffer

        for number, part in enumerate(state["parts"]):
            self._buffer.buffer_groups[number] = _fill(ReservoirSamplingBuffer(part["size"]), part)
        self._buffer._num_exps = len(state["parts"])

    def _parts(self) -> list[Any]:
        return [self._buffer] if self.policy == "reservoir" else list(self._buffer.buffer_groups.values())


def _dataset(examples: Sequence[Example]) -> Any:
    from avalanche.benchmarks.utils import AvalancheDataset

    stored: Any = list(examples)
    return AvalancheDataset([stored])


def _part(buffer: Any) -> dict[str, Any]:
    examples = [one.to_json() for one in buffer.buffer]
    return {"size": buffer.max_size, "examples": examples, "weights": buffer._buffer_weights}


def _fill(buffer: Any, part: Mapping[str, Any]) -> Any:
    buffer.buffer = _dataset([Example.from_json(one) for one in part["examples"]])
    buffer._buffer_weights = part["weights"].clone()
    return buffer
