"""`migu`: only what speaks loudest in a layer is updated (arXiv 2406.17245).

n = mean over tokens of |h|/‖h‖₁, h = Wx a linear layer's output; of each layer's output units, the gradient of the
share with the largest n is kept and that of the others is 0. Tasks have been found to differ in which units these are,
so the mask keeps them apart without their names and without any memory. The method needs no adapter, and has a meaning
with one: `lora+migu` masks the rows of B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Experience, Method, MethodOptions, Run
from clbench.parallel import processes


class MiguOptions(MethodOptions):
    """Options of `migu`.

    Args:
        share: of each layer's output units that are updated, 0–1; 1 is training without a mask. The authors' threshold
            is 1 − share; they mask 70 % when all weights of T5-large are trained.
    """

    share: float = Field(default=0.3, gt=0, le=1)


@final
class Migu(Method):
    """Listens to the forward passes of a step, and masks its gradients."""

    Options: ClassVar[type[MethodOptions]] = MiguOptions
    options: MiguOptions

    def __init__(self, options: MiguOptions | None = None) -> None:
        super().__init__(options)
        self._layers: dict[str, torch.nn.Linear] = {}
        self._heard: dict[str, torch.Tensor] = {}  # outputs of the present pass
        self._loud: dict[str, torch.Tensor] = {}  # n of the present step, summed over its tokens

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Listen to every trained linear layer but the head, once, when all members have changed the model."""
        if self._layers or self.options.share == 1:
            return
        head = run.model.get_output_embeddings()
        for name, module in run.model.named_modules():
            trained = isinstance(module, torch.nn.Linear) and module.weight.requires_grad
            if trained and module is not head and ".lora_A." not in name:
                self._layers[name] = module  # type: ignore[assignment]
                module.register_forward_hook(_ear(name, self._heard))

    @torch.no_grad()
    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> None:
        """Nothing is added: the pass is over, and padding is known."""
        mask = batch["attention_mask"].bool()
        for name, one in self._heard.items():
            if one.shape[:-1] == mask.shape:  # an expert of a mixture sees some of the tokens, in another shape
                size = one[mask].float().abs()
                found = (size / size.sum(-1, keepdim=True).clamp(min=1e-12)).sum(0)
                self._loud[name] = self._loud[name] + found if name in self._loud else found
        self._heard.clear()

    @torch.no_grad()
    def after_backward(self, run: Run) -> None:
        """Keep the gradients of the loudest units."""
        kept = total = 0
        for name, loud in everywhere(self._loud, self._layers).items():
            layer, quiet = self._layers[name], quietest(loud, self.options.share)
            for p in (layer.weight, layer.bias):
                if p is not None and p.grad is not None:
                    p.grad[quiet] = 0
            kept, total = kept + int((~quiet).sum()), total + len(quiet)
        self._loud.clear()
        self._heard.clear()
        if total:
            run.note("migu", {"layers": len(self._layers), "updated_share": round(kept / total, 6)})


def everywhere(loud: dict[str, torch.Tensor], layers: Mapping[str, torch.nn.Linear]) -> dict[str, torch.Tensor]:
    """The sums over all processes: each has heard its own rows only, and all must keep the same gradients."""
    if not processes.launched():
        return loud
    found: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():  # in one order, also where a process has heard nothing of an expert
        one = loud.get(name, torch.zeros(layer.weight.shape[0], device=layer.weight.device))
        torch.distributed.all_reduce(one)
        if one.any():
            found[name] = one
    return found


def quietest(loud: torch.Tensor, share: float) -> torch.Tensor:
    """Which units are not among the share of the loudest (at least one is)."""
    number = max(1, round(share * len(loud)))
    quiet = torch.ones(len(loud), dtype=torch.bool, device=loud.device)
    quiet[loud.topk(number).indices] = False
    return quiet


def _ear(name: str, heard: dict[str, torch.Tensor]) -> Callable[..., None]:
    """Keeps a layer's output until its pass is over; passes of evaluation and without a gradient are not the step's."""

    def listen(module: torch.nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        if module.training and output.requires_grad:
            heard[name] = output.detach()

    return listen
