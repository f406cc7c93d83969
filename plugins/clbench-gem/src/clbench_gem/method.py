"""`gem` and `agem`: gradients that do not conflict with those of past records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.base.errors import RunError
from clbench_gem.memory import Memory
from clbench_gem.project import project
from clbench_gem.references import References

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class AGemOptions(MethodOptions):
    """Options of `agem`.

    Args:
        memory: records kept of each task.
        sample: records of the memory, over all tasks, that a step's reference gradient is of; as many as the
            protocol's global batch unless set.
        dtype: of the buffer of the reference gradient.
    """

    memory: int = Field(default=16, ge=1, le=1_000_000)
    sample: int | None = Field(default=None, ge=1)
    dtype: Literal["fp32", "bf16"] = "fp32"


class GemOptions(AGemOptions):
    """Options of `gem`.

    Args:
        memory: records kept of each task.
        sample: records of each past task that a step's reference gradients are of; the whole memory unless set.
        margin: once a constraint is violated, at least so much of every past task's reference is added, in units of
            the gradient's length: the paper's γ for references and gradient of unit length. 0 is the nearest gradient.
        gamma: the same in absolute units, as the authors' code has it (0.5 by default): the reference itself times γ.
        epsilon: added to each reference's squared length, as a share of it, so that the solution stays bounded.
        dtype: of the buffer of reference gradients.
    """

    margin: float = Field(default=0.0, ge=0, le=100, allow_inf_nan=False)
    gamma: float = Field(default=0.0, ge=0, le=1e6, allow_inf_nan=False)
    epsilon: float = Field(default=1e-6, ge=0, le=1, allow_inf_nan=False)


@dataclass(slots=True)
class Counts:
    """What projection did.

    Args:
        steps: optimizer steps in all.
        checked: those with a past to compare with.
        projected: those of them that were changed.
        active: constraints that held with equality afterwards, summed over the steps projected.
        trained: examples of the experiences that steps trained on.
        referred: examples that reference gradients were of.
        buffer_bytes: of the buffer of references, also when it is not there between experiences or after a resume.
    """

    steps: int = 0
    checked: int = 0
    projected: int = 0
    active: int = 0
    trained: int = 0
    referred: int = 0
    buffer_bytes: int = 0


class _Projected(Method):
    """A memory of each task, and a projection of each step's gradient against references from it."""

    name: ClassVar[str]
    options: AGemOptions
    margin = gamma = epsilon = 0.0

    def __init__(self, options: AGemOptions | None = None) -> None:
        super().__init__(options)
        self._memory = Memory()
        self._counts = Counts()
        self._references: References | None = None

    @abstractmethod
    def _sets(self, run: Run) -> dict[str, list[Example]]:
        """The examples of each reference gradient of this step, by what they are of."""

    def _rows(self, run: Run) -> int:
        """Reference gradients that the buffer has room for."""
        return 1

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Lay out the buffer anew: another method may train other parameters now."""
        self._references = None

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch as it is, counted."""
        self._counts.trained += len(batch)
        return batch

    def after_backward(self, run: Run) -> None:
        """Project what was accumulated, before it is clipped."""
        self._counts.steps += 1
        sets = self._sets(run)
        if not sets:
            return
        references = self._fill(run, sets)
        products = references.products(len(sets))
        self._check(products, sets, run.step + 1)
        self._counts.checked += 1
        if not np.isfinite(products).all():
            return  # the gradient itself: the loop says so when it clips
        gram, dots, norm = products[:-1, :-1], products[:-1, -1], float(np.sqrt(products[-1, -1]))
        found = project(gram, dots, norm, margin=self.margin, gamma=self.gamma, epsilon=self.epsilon)
        if found is not None:
            references.add(found.coefficients)
            self._counts.projected += 1
            self._counts.active += found.active

    def _fill(self, run: Run, sets: Mapping[str, list[Example]]) -> References:
        """The gradients of each set under the present weights."""
        if self._references is None or self._references.rows < len(sets):
            params = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
            rows = max(self._rows(run), len(sets))
            self._references = References(params, rows=rows, dtype=DTYPES[self.options.dtype])
            self._counts.buffer_bytes = self._references.nbytes
        for row, examples in enumerate(sets.values()):
            self._references.put(row, run.gradients(examples))
            self._counts.referred += len(examples)
        return self._references

    def _check(self, products: np.ndarray[Any, Any], sets: Mapping[str, list[Example]], step: int) -> None:
        for row, name in enumerate(sets):
            if not np.isfinite(products[row, row]):
                raise RunError(
                    f"{self.name}: the reference gradient of {name} is not finite at optimizer step {step}: "
                    "training has diverged; lower protocol.learning_rate, or use protocol.precision=fp32"
                )

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep a sample of it, and put into the record what and how often gradients were projected."""
        rng = run.rng(f"{self.name}.memory", experience.index)
        self._memory.keep(experience.task, data, number=self.options.memory, rng=rng)
        counts = self._counts
        run.note(
            self.name,
            {
                "examples": len(self._memory.all()),
                "bytes": self._memory.text_bytes(),
                "indices": dict(self._memory.positions),
                "steps": counts.steps,
                "checked_steps": counts.checked,
                "projected_share": counts.projected / max(1, counts.checked),
                "active_constraints": counts.active / max(1, counts.projected),
            },
        )

    def state_dict(self) -> dict[str, Any]:
        """Memory and counts. References are of the present weights, so they are no state; draws are named by step."""
        return {"memory": self._memory.to_json(), "counts": asdict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up memory and counts."""
        self._memory = Memory.from_json(state["memory"])
        self._counts = Counts(**state["counts"])

    def footprint(self) -> Footprint:
        """The memory's text and the buffer; passes for each example trained on so far."""
        return Footprint(
            stored_examples=len(self._memory.all()),
            stored_bytes=self._memory.text_bytes() + self._counts.buffer_bytes,
            extra_passes=self._counts.referred / max(1, self._counts.trained),
        )


@final
class Gem(_Projected):
    """One constraint a past task, all at once."""

    name: ClassVar[str] = "gem"
    Options: ClassVar[type[MethodOptions]] = GemOptions

    def __init__(self, options: GemOptions | None = None) -> None:
        options = options or GemOptions()
        super().__init__(options)
        self.margin, self.gamma, self.epsilon = options.margin, options.gamma, options.epsilon

    def _rows(self, run: Run) -> int:
        return run.num_experiences - 1

    def _sets(self, run: Run) -> dict[str, list[Example]]:
        number = self.options.sample
        if number is None:
            return self._memory.examples
        return {
            task: run.rng("gem.sample", run.step, task).sample(examples, min(number, len(examples)))
            for task, examples in self._memory.examples.items()
        }


@final
class AGem(_Projected):
    """One constraint for all past tasks, of a fresh sample of the memory each step."""

    name: ClassVar[str] = "agem"
    Options: ClassVar[type[MethodOptions]] = AGemOptions

    def _sets(self, run: Run) -> dict[str, list[Example]]:
        everything = self._memory.all()
        if not everything:
            return {}
        number = min(self.options.sample or run.protocol.global_batch, len(everything))
        return {"the memory": run.rng("agem.sample", run.step).sample(everything, number)}
