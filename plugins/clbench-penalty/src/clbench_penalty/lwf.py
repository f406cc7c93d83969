"""`lwf`: learning without forgetting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench_penalty.anchors import Tensors, copies, num_bytes, place
from clbench_penalty.distil import Teacher, divergence

if TYPE_CHECKING:
    import torch


class LwfOptions(MethodOptions):
    """Options of `lwf`.

    Args:
        strength: α of loss + α·T²·KL(old‖new).
        temperature: T, that both distributions' logits are divided by.
    """

    strength: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    temperature: float = Field(default=2.0, gt=0, allow_inf_nan=False)


@final
class Lwf(Method):
    """Loss + α·T²·KL(p_old‖p_new) over the answer tokens; p_old is the model's before the task. From task 2 on."""

    Options: ClassVar[type[MethodOptions]] = LwfOptions
    options: LwfOptions

    def __init__(self, options: LwfOptions | None = None) -> None:
        super().__init__(options)
        self._learned = False
        self._old: Tensors = {}
        self._teacher: Teacher | None = None

    def before_experience(self, run: Run, experience: Experience) -> None:
        """The model as it is becomes the teacher, if it has learned a task."""
        self._old = copies(run.model) if self._learned and self.options.strength else {}
        self._teacher = None

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """α times the divergence, by one forward pass of the teacher."""
        if not self._old:
            return None
        if self._teacher is None:
            self._teacher = Teacher(run.model, place(self._old, run.device))
        old = self._teacher.logits(batch)
        term = divergence(output.logits, old, batch["labels"], temperature=self.options.temperature)
        return self.options.strength * term

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """From now on there is something to forget."""
        self._learned = True

    def state_dict(self) -> dict[str, Any]:
        """The teacher's weights."""
        return {"learned": self._learned, "old": dict(self._old)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._learned, self._old, self._teacher = state["learned"], dict(state["old"]), None

    def footprint(self) -> Footprint:
        """The teacher: its trainable parameters, and a forward pass a step once there is one."""
        return Footprint(stored_bytes=num_bytes(self._old), extra_passes=1 / 3 if self._old else 0.0)
