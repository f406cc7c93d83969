"""`hft`: full fine-tuning of one half of the model, another half for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Method, MethodOptions, Run
from clbench.parallel import processes
from clbench_mofo.halves import frozen_half

if TYPE_CHECKING:
    import torch


class HftOptions(MethodOptions):
    """Options of `hft`.

    Args:
        share: 0.5, the paper's rule (see `halves`), or 0, which freezes nothing and is `sequential`. Other shares are
            refused: the rule by categories is not defined for them.
    """

    share: float = 0.5

    @field_validator("share")
    @classmethod
    def _only_the_papers(cls, share: float) -> float:
        if share not in (0, 0.5):
            raise PydanticCustomError("share", "is 0.5 (the paper's halves) or 0 (nothing is frozen)")
        return share


@final
class Hft(Method):
    """Freezes half of each layer's modules for one experience, drawn anew for the next.

    A frozen tensor has no gradient: every optimizer of torch then leaves it and its moments alone.
    """

    Options: ClassVar[type[MethodOptions]] = HftOptions
    options: HftOptions

    def __init__(self, options: HftOptions | None = None) -> None:
        super().__init__(options)
        self._frozen: dict[str, torch.nn.Parameter] = {}
        self._shares: dict[str, float] = {}

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Draw and freeze; the draw depends on the seed and the experience's number, so it can be made again.

        Raises:
            OptionError: the model does not name its tensors as Llama's descendants do.
        """
        self._release()
        if not self.options.share:
            return
        trained = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
        names = frozen_half(trained, run.rng("hft", experience.index))
        self._frozen = {name: trained[name] for name in trained if name in names}
        for p in self._frozen.values():
            p.requires_grad_(processes.launched())
        share = sum(p.numel() for p in self._frozen.values()) / sum(p.numel() for p in trained.values())
        self._shares[str(experience.index)] = share

    def after_backward(self, run: Run) -> None:
        """Drop what several processes had to compute: there each trainable parameter must take part in each pass."""
        for p in self._frozen.values():
            p.grad = None

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Everything trains again; the record gets the share of parameters that was frozen."""
        self._release()
        if self._shares:
            shares = list(self._shares.values())
            run.note("hft", {"frozen_share": sum(shares) / len(shares), "frozen_share_by_task": shares})

    def _release(self) -> None:
        for p in self._frozen.values():
            p.requires_grad_(True)
        self._frozen = {}

    def state_dict(self) -> dict[str, Any]:
        """The shares so far; which tensors are frozen follows from the experience's number."""
        return {"shares": dict(self._shares)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the shares."""
        self._shares = dict(state["shares"])
