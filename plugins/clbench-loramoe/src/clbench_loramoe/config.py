"""What the experts are: enough to build them, and what is saved beside their weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

DropoutMask = Literal["shared", "per-expert"]
Target = Annotated[str, StringConstraints(min_length=1)]


class ExpertConfig(BaseModel):
    """The experts' shape. Defaults are the paper's.

    Args:
        experts: N, in all groups together.
        groups: of experts; each type of task in the stream file has one, in the file's order. N must divide by it.
        rank: r of each expert.
        alpha: α; an expert's output is scaled by α/r.
        dropout: of the experts' input, 0–1; the router sees the input whole.
        dropout_mask: `shared` by all experts, or one mask `per-expert` as in the authors' code, which keeps N times
            the input for the backward pass.
        targets: names of the linear layers that get experts, as the last part or parts of the module's name. Where they
            are not set, and not in every block of the model, the linear layers of its feed-forward parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experts: int = Field(default=6, ge=2, le=1024)
    groups: int = Field(default=2, ge=1, validate_default=True)
    rank: int = Field(default=4, ge=1)
    alpha: float = Field(default=32, gt=0, allow_inf_nan=False)
    dropout: float = Field(default=0.05, ge=0, lt=1, allow_inf_nan=False)
    dropout_mask: DropoutMask = "shared"
    targets: tuple[Target, ...] = Field(default=("gate_proj", "up_proj", "down_proj"), min_length=1)

    @field_validator("groups")
    @classmethod
    def _groups_divide_the_experts(cls, groups: int, info: ValidationInfo) -> int:
        experts = info.data.get("experts", groups)
        if experts % groups:
            said = "{experts} experts do not divide into {groups} groups of one size"
            raise PydanticCustomError("groups", said, {"experts": experts, "groups": groups})
        return groups
