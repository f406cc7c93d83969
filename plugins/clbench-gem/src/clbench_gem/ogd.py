"""`ogd`: orthogonal gradient descent, steps that leave past outputs alone to first order (arXiv 1910.07104).

    V ← orthonormalised [V; ∇ f_y(x; θ)] for some records (x, y) of a task that is over         Gram–Schmidt, section 3
    g ← g − Vᵀ V g                                          before each step of the tasks after it

f_y is the logit of what is right (the paper's OGD-GTL), as the mean over an answer's tokens: its gradient does not
vanish where the loss does. Gradients are kept and no records. The step itself is the protocol's: what AdamW's moments
and scaling make of the projected gradient is not orthogonal any more; with plain SGD it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import torch
from pydantic import Field

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.data.batches import collate
from clbench.training.losses import autocast, evaluating, forward
from clbench_gem.basis import Basis, Vector


class OgdOptions(MethodOptions):
    """Options of `ogd`.

    Args:
        memory: records of each task whose gradients are kept, each as large as what is trained; 0 is plain fine-tuning.
    """

    memory: int = Field(default=8, ge=0, le=100_000)


@final
class Ogd(Method):
    """A basis of past gradients that no later gradient has a part in."""

    Options: ClassVar[type[MethodOptions]] = OgdOptions
    options: OgdOptions

    def __init__(self, options: OgdOptions | None = None) -> None:
        super().__init__(options)
        self._basis = Basis()
        self._counts = {"trained": 0, "gradients": 0, "projected": 0}  # examples; gradients taken; steps
        self._removed = 0.0  # shares of gradients' squared lengths, summed over steps

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Where gradients are."""
        self._basis.place(run.device)

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch as it is, counted."""
        self._counts["trained"] += len(batch)
        return batch

    @torch.no_grad()
    def after_backward(self, run: Run) -> None:
        """Take out of the step's gradient what lies in the basis, before it is clipped."""
        if not len(self._basis):
            return
        grads = {name: p.grad for name, p in run.model.named_parameters() if p.grad is not None}
        self._counts["projected"] += 1
        self._removed += self._basis.remove(grads)

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Add the gradients of some of its records; after the last task no step would look at them."""
        if experience.index < run.num_experiences:
            number = min(self.options.memory, len(data))
            for one in run.rng("ogd.records", experience.index).sample(list(data), number):
                self._counts["gradients"] += 1
                self._basis.add(gradient(run, one))
        steps = self._counts["projected"]
        share = round(self._removed / steps, 6) if steps else 0.0
        run.note("ogd", {"directions": len(self._basis), **self._counts, "mean_share_removed": share})

    def state_dict(self) -> dict[str, Any]:
        """The basis, and counts."""
        return {"basis": dict(self._basis.rows), "counts": dict(self._counts), "removed": self._removed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._basis, self._counts, self._removed = Basis(state["basis"]), dict(state["counts"]), state["removed"]

    def footprint(self) -> Footprint:
        """The basis; a pass for each of its gradients."""
        return Footprint(
            stored_bytes=self._basis.nbytes,
            extra_passes=self._counts["gradients"] / max(1, self._counts["trained"]),
        )


def gradient(run: Run, one: Example) -> Vector:
    """Of the mean logit of an answer's tokens, where they stand, by trained parameter; without dropout."""
    params = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
    batch = collate(run.encode([one], [one.answer]), pad=0, device=run.device)
    with evaluating(run.model), autocast(run.protocol, run.device):
        logits = forward(run.model, batch).logits
        right = logits.gather(1, batch["targets"][:, None]).float().mean()
    found = torch.autograd.grad(right, list(params.values()), allow_unused=True)
    return {name: one for name, one in zip(params, found, strict=True) if one is not None}
