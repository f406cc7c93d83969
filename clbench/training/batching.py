"""In which form examples pass through a model: padded rows of like lengths, or one row without padding.

One place decides, for the loop and for what methods ask of `run.loss` and `run.gradients`. Both forms have the same
loss but for rounding. What a method sees of a batch is rows in either; only where layers themselves are looked at row
by row must they be passed as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.data.batches import NO_LIMIT, collate, micro_batches
from clbench.models.bearing import packed
from clbench.models.bearing.padding import Padding

if TYPE_CHECKING:
    import torch

    from clbench.data.tokenising import Encoded
    from clbench.spec.protocol import Protocol, Runtime

ROWS = 16
"""Padded rows a pass, unless a user says otherwise."""
TOKENS = {"cpu": 4096}
"""Tokens a pass, unless a user says otherwise: on a CPU larger passes are slower, as they leave its caches."""
MANY_TOKENS = 16_384
"""The same on a GPU."""
OWN = ("accelerate", "clbench", "peft", "torch", "transformers")
"""Packages whose hooks treat all tokens of a row alike."""


@dataclass(frozen=True, slots=True)
class Form:
    """Of some examples' passes.

    Args:
        rows: examples a pass at most.
        tokens: a pass at most, padding included.
        alike: only examples of one length share a pass.
        packed: they share one row.
    """

    rows: int
    tokens: int
    alike: bool = False
    packed: bool = False

    def cut(
        self, step: Sequence[Encoded], *, rows: int = NO_LIMIT, rank: int = 0, world: int = 1
    ) -> list[list[Encoded]]:
        """The passes of one step.

        Args:
            step: its examples.
            rows: examples a pass at most, where memory asks for fewer.
            rank: of the device, for its part of the step.
            world: devices.
        """
        how = {"alike": self.alike, "packed": self.packed}
        size = min(self.rows, rows)
        return micro_batches(step, size=size, tokens=self.tokens, rank=rank, world=world, **how)

    def largest(self, step: Sequence[Encoded]) -> int:
        """Examples of the largest pass."""
        return max(map(len, self.cut(step)))


@dataclass(slots=True)
class Batching:
    """Chooses forms for one model.

    Args:
        model: that is trained.
        pad: token that fills rows.
        protocol: precision.
        runtime: what the user wants.
        device: of the model.
        padding: what the model bears.
        sees_rows: whether a method says that its layers look at rows.
        warn: told where a row cannot be shared.
    """

    model: Any
    pad: int
    protocol: Protocol
    runtime: Runtime
    device: torch.device
    padding: Padding = Padding()  # noqa: RUF009 (frozen)
    sees_rows: bool = False
    warn: Callable[[str], None] = lambda message: None

    def __post_init__(self) -> None:
        if self.runtime.packing != "off" and self.padding.packing:
            packed.install(self.model)

    def form(self, examples: Sequence[Encoded], *, room: int = NO_LIMIT) -> Form:
        """The form of some examples' passes.

        Args:
            examples: of one step, on all devices.
            room: tokens that memory has room for.
        """
        runtime, widest = self.runtime, max((len(one.ids) for one in examples), default=1)
        tokens = min(room, runtime.micro_tokens or TOKENS.get(self.device.type, MANY_TOKENS))
        rows = runtime.micro_batch or ROWS
        if self._wanted(min(rows, len(examples)) * widest > tokens) and self._possible(widest):
            return Form(runtime.micro_batch or NO_LIMIT, tokens, packed=True)
        return Form(rows, tokens, alike=not self.padding.training)

    def collate(self, examples: Sequence[Encoded], form: Form) -> dict[str, torch.Tensor]:
        """The tensors of one pass."""
        return collate(examples, pad=self.pad, device=self.device, packed=form.packed)

    def _wanted(self, large: bool) -> bool:
        """On a GPU padding is always lost time; on a CPU, where a padded pass would be too large anyhow."""
        if self.runtime.packing != "auto":
            return self.runtime.packing == "on"
        return large if self.device.type == "cpu" else self.protocol.precision == "bf16"

    def _possible(self, widest: int) -> bool:
        reason = next(self._reasons(widest), None)
        if reason is not None:
            self.warn(f"texts are padded, as they cannot share a row: {reason}")
        return reason is None

    def _reasons(self, widest: int) -> Iterator[str]:
        """Why not."""
        if not self.padding.packing:
            yield "this model's layers do not keep them apart"
        elif widest > self.padding.packing:
            yield f"some layers see {self.padding.packing} tokens only"
        elif not packed.ready(self.model):
            yield "the model's attention was exchanged"
        if self.sees_rows:
            yield "the method looks at rows"
        elif watched(self.model):
            yield "hooks on the model's layers may look at rows"


def watched(model: torch.nn.Module) -> bool:
    """Whether hooks of a package that nobody here knows stand on some layer."""
    hooks = (hook for module in model.modules() for kind in _hooks(module) for hook in kind.values())
    return any((getattr(hook, "__module__", None) or "").partition(".")[0] not in OWN for hook in hooks)


def _hooks(module: torch.nn.Module) -> tuple[dict[int, Any], ...]:
    return module._forward_hooks, module._forward_pre_hooks, module._backward_hooks  # type: ignore[return-value]
