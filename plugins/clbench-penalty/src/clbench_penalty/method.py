"""`l2`, `l1` and `wise-ft`: distances to a point in weight space, and weights between it and the present ones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, final

from pydantic import Field

from clbench import Experience, Footprint, Method, MethodOptions, Run
from clbench_penalty.anchors import (
    Tensors,
    copies,
    num_bytes,
    place,
    pull_absolute,
    pull_squared,
    trainable,
    weights_between,
)

Anchor = Literal["base", "previous"]


class AnchoredOptions(MethodOptions):
    """What all three have.

    Args:
        anchor: θ₀, the weights before the first task (`base`) or before the present one (`previous`). Of adapters: the
            values they began with.
    """

    anchor: Anchor = "base"


class L2Options(AnchoredOptions):
    """Options of `l2`.

    Args:
        anchor: see `AnchoredOptions`.
        strength: λ of λ‖θ − θ₀‖². The baseline of MoFO's paper: 1e-3.
    """

    strength: float = Field(default=1e-3, ge=0, allow_inf_nan=False)


class L1Options(AnchoredOptions):
    """Options of `l1`.

    Args:
        anchor: see `AnchoredOptions`.
        strength: λ of λ‖θ − θ₀‖₁. The baseline of MoFO's paper: 1e-6.
    """

    strength: float = Field(default=1e-6, ge=0, allow_inf_nan=False)


class WiseFtOptions(AnchoredOptions):
    """Options of `wise-ft`.

    Args:
        anchor: see `AnchoredOptions`.
        share: a of (1 − a)θ₀ + aθ, 0–1; 1 is plain fine-tuning bit for bit, 0 the anchor.
    """

    share: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)


class Anchored(Method):
    """Keeps θ₀: 4 bytes a trainable parameter."""

    def __init__(self, options: AnchoredOptions | None = None) -> None:
        super().__init__(options)
        self._anchor: Tensors = {}

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Note θ₀ where it is due.

        A parameter that another method thaws later is where it always was, so its base value is still to be had.
        """
        assert isinstance(self.options, AnchoredOptions)
        if self.options.anchor == "previous":
            self._anchor = copies(run.model)
        for name, p in trainable(run.model).items():
            if name not in self._anchor:
                self._anchor[name] = p.detach().clone()

    def state_dict(self) -> dict[str, Any]:
        """θ₀."""
        return {"anchor": dict(self._anchor)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up θ₀."""
        self._anchor = dict(state["anchor"])

    def footprint(self) -> Footprint:
        """θ₀'s bytes."""
        return Footprint(stored_bytes=num_bytes(self._anchor))


@final
class L2(Anchored):
    """Loss + λ‖θ − θ₀‖²."""

    Options: ClassVar[type[MethodOptions]] = L2Options
    options: L2Options

    def after_backward(self, run: Run) -> None:
        """Add the penalty's gradient."""
        pull_squared(run.model, place(self._anchor, run.device), strength=self.options.strength)


@final
class L1(Anchored):
    """Loss + λ‖θ − θ₀‖₁."""

    Options: ClassVar[type[MethodOptions]] = L1Options
    options: L1Options

    def after_backward(self, run: Run) -> None:
        """Add the penalty's gradient."""
        pull_absolute(run.model, place(self._anchor, run.device), strength=self.options.strength)


@final
class WiseFt(Anchored):
    """Trains θ and measures (1 − a)θ₀ + aθ."""

    Options: ClassVar[type[MethodOptions]] = WiseFtOptions
    options: WiseFtOptions

    def evaluating(self, run: Run, task: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Weights between θ₀ and θ; before the first task, the base model."""
        return weights_between(run.model, place(self._anchor, run.device), share=self.options.share)
