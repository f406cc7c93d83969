"""`epi`: an adapter a task, kept as it is, and a router that chooses among them by the prompt (EPI, ACL 2023).

Efficient parameter isolation trains private parameters for each task and never touches them again (`isolated`); what is
left to forget is which of them a question needs. That is decided without the task's name, by the frozen base model's
feature of the prompt and one Gaussian a task (`router`). The authors' private parameters are prefixes; here they are
LoRA's, as in later comparisons on TRACE.
"""

from __future__ import annotations

from typing import ClassVar, final

from pydantic import Field

from clbench import MethodOptions
from clbench_peft.features import Pooling
from clbench_peft.isolated import Isolated
from clbench_peft.method import LoraOptions
from clbench_peft.router import Router
from clbench_peft.routing import Routing


class EpiOptions(LoraOptions):
    """Options of `epi`, beside those of `lora`.

    Args:
        feature: of a prompt: the `mean` of the base model's last hidden states over its tokens, as the authors have it,
            or that of its `last` token.
        shrinkage: share (0–1) of the covariance that is the identity times its mean variance; 1 is the nearest mean.
    """

    feature: Pooling = "mean"
    shrinkage: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)


@final
class Epi(Isolated):
    """Adapters of past tasks, and which prompt each of them answers."""

    Options: ClassVar[type[MethodOptions]] = EpiOptions
    options: EpiOptions
    label = "epi"

    def routing(self) -> Routing:
        """By Gaussians."""
        return Routing(Router(self.options.shrinkage), self.options.feature)
