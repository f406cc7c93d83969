"""Which layers get an adapter where the user names none: Llama's, where a model has them, else what fits the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from clbench.models.layers import in_every_block, linear_layers, within_blocks

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Targets(NamedTuple):
    """What peft's `target_modules` is to be, and, where that was chosen for this model, by which rule."""

    modules: str | list[str] | None
    chosen: str = ""


ALL = "all linear layers of its blocks"


def for_model(model: PreTrainedModel, wanted: Sequence[str], *, tuner: str) -> Targets:
    """The wanted layers if each block has them; else peft's own for the architecture; else all linear ones.

    Args:
        model: the base model.
        wanted: names of layers.
        tuner: a PEFT type, whose own table is asked.

    Raises:
        ValueError: the model has no blocks of linear layers.
    """
    if in_every_block(model, wanted):
        return Targets(list(wanted))
    own = own_targets(model, tuner=tuner)
    return all_linear(model) if own is None else Targets(own, "peft's for this architecture")


def own_targets(model: PreTrainedModel, *, tuner: str) -> str | list[str] | None:
    """What peft knows of the architecture for this tuner."""
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
    from peft.utils import PeftType

    table = getattr(PEFT_TYPE_TO_TUNER_MAPPING[PeftType(tuner)], "target_module_mapping", {})
    return table.get(model.config.model_type)


def all_linear(model: PreTrainedModel) -> Targets:
    """Every linear layer of the blocks, by its whole name.

    Raises:
        ValueError: there is none.
    """
    found = list(linear_layers(model))
    if not found:
        raise ValueError("the model has no blocks of linear layers")
    return Targets(found, ALL)


def hint(model: PreTrainedModel) -> str:
    """What could be given instead."""
    names = within_blocks(model, linear_layers(model))
    return f"; the linear layers of this model's blocks: {', '.join(names)}" if names else ""
