"""A step's loss and norm as numbers: at once on a CPU, a step late on a GPU.

To read a number of a GPU is to wait until all that was handed to it before is done, and the GPU then waits for what
comes next. So the numbers of a step are copied beside the work, and looked at when the next step has been handed over.
Where they are none, training ends at the next step and names the step at which they were; no checkpoint is written
before all are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from clbench.parallel import parts
from clbench.training import divergence


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimizer step.

    Args:
        step: its number in the run.
        done: its number in the experience or rehearsal.
        loss: mean over the step's answer tokens, in nats.
        learning_rate: it was made with.
        tokens: of its examples, without padding.
        gradient_norm: global L2 norm of the gradients before they were clipped.
    """

    step: int
    done: int
    loss: float
    learning_rate: float
    tokens: int
    gradient_norm: float


StepObserver = Callable[[StepDone], None]


class Reading:
    """The numbers of one step.

    Args:
        model: whose gradients they are of.
        step: its number in the run.
        late: whether they are looked at when `read` is called only.
    """

    def __init__(self, model: torch.nn.Module, *, step: int, late: bool) -> None:
        self.model, self.step, self.late = model, step, late
        self._numbers: list[torch.Tensor] = []  # loss, norm, each tensor's norm
        self._names: list[str] = []
        self._sent: Callable[[], list[float]] | None = None

    def take_loss(self, loss: torch.Tensor) -> None:
        """Of the step; looked at before a method sees its gradients, unless that is late.

        Raises:
            DivergedError: it is no number.
        """
        self._numbers = [loss]
        if not self.late:
            divergence.finite_loss(loss.item(), step=self.step)

    def take_norm(self) -> torch.Tensor:
        """The global norm of the model's gradients, looked at before it is used, unless that is late.

        Raises:
            DivergedError: it is no number, and all of its parts are.
            RunError: one of them is none.
        """
        found = {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None}
        loss = self._numbers[0]
        norms = self._norms(list(found.values()))
        norm = torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros_like(loss)
        self._numbers = [loss, norm, *(norms if self.late else [])]
        self._names = list(found)
        if not self.late:
            divergence.check_norm(norm.item(), self.model, loss=loss.item(), step=self.step)
        return norm

    def _norms(self, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
        """Of each gradient; of those in parts, over all of them."""
        if not gradients:
            return []
        norms = torch._foreach_norm(gradients)
        if any(map(parts.is_part, norms)):
            return list(parts.full(torch.stack(norms)).to(self._numbers[0].device))
        return [one.to(self._numbers[0].device) for one in norms]

    def send(self) -> None:
        """Begin to copy them."""
        self._sent = sent(torch.stack([one.float() for one in self._numbers]))

    def read(self) -> tuple[float, float]:
        """Loss and norm.

        Raises:
            DivergedError: one of them is no number, as `take_loss` and `take_norm` have it.
            RunError: a gradient is none.
        """
        assert self._sent is not None
        loss, norm, *norms = self._sent()
        divergence.finite_loss(loss, step=self.step)
        bad = [name for name, one in zip(self._names, norms, strict=False) if math.isnan(one)]
        divergence.check_norm(norm, self.model, loss=loss, step=self.step, bad=bad)
        return loss, norm


def sent(values: torch.Tensor) -> Callable[[], list[float]]:
    """Numbers on their way from a device, without waiting for it; what is returned waits for them alone."""
    if not values.is_cuda:
        return values.tolist
    kept = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    kept.copy_(values, non_blocking=True)
    done = torch.cuda.Event()
    done.record()

    def read() -> list[float]:
        done.synchronize()
        return kept.tolist()

    return read
