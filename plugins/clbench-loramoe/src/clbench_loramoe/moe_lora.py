"""`moe-lora`: a LoRA cut into experts that a router mixes, trained through all tasks (CoIN, arXiv 2403.08350).

    y = W x + (α/r) Σ_i g_i B_i A_i drop(x),   g = softmax(R x);   A_i: (r/N, d), B_i: (o, r/N)      section 4.2

The rank r of all experts together is that of one LoRA, and so is their number of parameters, but for the routers. All
experts take part in every token; nothing balances them, and nobody says which task a token is of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self, final

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from torch import nn

from clbench import MethodOptions
from clbench_loramoe.config import DropoutMask, ExpertConfig
from clbench_loramoe.mixture import Mixture

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SPREAD = 0.01  # standard deviation of A's entries at the beginning, as in the authors' code


class MoeLoraOptions(MethodOptions):
    """Options of `moe-lora`; the authors' number of experts, and TRACE's r and α.

    Args:
        experts: N.
        rank: r of all experts together; N must divide it.
        alpha: α of the scale α/r.
        dropout: of the experts' input, 0–1; the router sees the input whole.
        dropout_mask: `shared` by all experts, or one `per-expert` as in the authors' code.
        targets: names of the layers, see `loramoe`; the feed-forward ones by default.
    """

    experts: int = Field(default=4, ge=2, le=1024)
    rank: int = Field(default=8, ge=2)
    alpha: float = Field(default=32, gt=0, allow_inf_nan=False)
    dropout: float = Field(default=0.05, ge=0, lt=1, allow_inf_nan=False)
    dropout_mask: DropoutMask = "shared"
    targets: tuple[Annotated[str, StringConstraints(min_length=1)], ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _experts_divide_the_rank(self) -> Self:
        if self.rank % self.experts:
            said = "rank: {rank} does not divide into {experts} experts of one rank"
            raise PydanticCustomError("rank", said, {"rank": self.rank, "experts": self.experts})
        return self


@final
class MoeLora(Mixture):
    """A LoRA's parameters, mixed for each token."""

    Options: ClassVar[type[MethodOptions]] = MoeLoraOptions
    options: MoeLoraOptions
    label = "moe-lora"

    @property
    def experts(self) -> ExpertConfig:
        """One group of N; an expert of rank r/N has the same scale as the whole."""
        options = self.options
        shape = {
            "experts": options.experts,
            "groups": 1,
            "rank": options.rank // options.experts,
            "alpha": options.alpha / options.experts,
            "dropout": options.dropout,
            "dropout_mask": options.dropout_mask,
        }
        return ExpertConfig.model_validate(shape if options.targets is None else {**shape, "targets": options.targets})

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Experts beside their layers, with A as the authors begin it.

        Raises:
            OptionError: a target that the model does not have, or no feed-forward layers.
        """
        model = super().prepare_model(model)
        for layer in self._layers.values():
            nn.init.normal_(layer.down, std=SPREAD)
        return model
