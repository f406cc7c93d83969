"""Experts on a model: put beside its layers, saved, loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from clbench.base import atomic
from clbench.base.errors import ModelError, did_you_mean, pydantic_line
from clbench.models.layers import feed_forward_layers, in_every_block
from clbench_loramoe.config import ExpertConfig
from clbench_loramoe.experts import ExpertLinear

if TYPE_CHECKING:
    from transformers import PreTrainedModel

VERSION = 1
_OWN = ("down", "up", "router")


def add_to(model: PreTrainedModel, config: ExpertConfig) -> dict[str, ExpertLinear]:
    """Replace the targeted layers in place, and freeze everything else; returns the new layers by name.

    Raises:
        ValueError: a target that the model does not have, or that is no linear layer.
    """
    found = find(model, config.targets)
    model.requires_grad_(False)
    layers = {}
    for name, base in found.items():
        parent, _, leaf = name.rpartition(".")
        layers[name] = ExpertLinear(base, config=config).train(base.training)
        setattr(model.get_submodule(parent), leaf, layers[name])
    if any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        model.enable_input_require_grads()  # a frozen embedding gives checkpoints nothing to go back to
    return layers


def fitting(model: PreTrainedModel, config: ExpertConfig) -> ExpertConfig:
    """The configuration with targets that the model has.

    Those that were set, or that each of its blocks has, stay; else the linear layers of its feed-forward parts, by
    their whole names.

    Raises:
        ValueError: it has no such layers.
    """
    if "targets" in config.model_fields_set or in_every_block(model, config.targets):
        return config
    return config.model_copy(update={"targets": tuple(feed_forward_layers(model))})


def find(model: nn.Module, targets: Sequence[str]) -> dict[str, nn.Linear | Conv1D]:
    """The linear layers whose name ends in one of the targets, in the model's order.

    Raises:
        ValueError: a target that no layer has, or that is no linear layer.
    """
    modules = dict(model.named_modules())
    for target in targets:
        if not any(_matches(name, target) for name in modules):
            leaves = {name.rpartition(".")[2] for name, one in modules.items() if isinstance(one, nn.Linear | Conv1D)}
            raise ValueError(f"the model has no layer {target!r}{did_you_mean(target, leaves)}")
    found: dict[str, nn.Linear | Conv1D] = {}
    for name, module in modules.items():
        if not any(_matches(name, target) for target in targets):
            continue
        if not isinstance(module, nn.Linear | Conv1D):
            raise ValueError(f"{name} is a {type(module).__name__}, and no linear layer")
        found[name] = module
    return found


def _matches(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def layers_of(model: nn.Module) -> dict[str, ExpertLinear]:
    """The layers with experts, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, ExpertLinear)}


def save(model: nn.Module, folder: Path) -> None:
    """Write the experts and routers of a model as `experts.safetensors`, and their shape as `experts.json`.

    Raises:
        ModelError: the model has no experts.
    """
    layers = layers_of(model)
    if not layers:
        raise ModelError("the model has no experts to save")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {f"{name}.{own}": getattr(layer, own).detach().contiguous() for name, layer in layers.items() for own in _OWN},
        folder / "experts.safetensors",
    )
    config = next(iter(layers.values())).config.model_dump(mode="json", include=set(ExpertConfig.model_fields))
    atomic.write_json(folder / "experts.json", {"version": VERSION, **config})


def load(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Put saved experts on the base model that they were trained on; the model is changed in place.

    Raises:
        ModelError: the files are missing or damaged, or belong to another model.
    """
    try:
        content = json.loads((folder / "experts.json").read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("version", None) != VERSION:
            raise ValueError(f"experts.json is not of version {VERSION}")
        config = ExpertConfig.model_validate(content)
        tensors = load_file(folder / "experts.safetensors")
        _check(set(tensors), {f"{name}.{own}" for name in find(model, config.targets) for own in _OWN})
        for name, layer in add_to(model, config).items():
            layer.load_state_dict({own: tensors[f"{name}.{own}"] for own in _OWN}, strict=False)
    except ValidationError as error:
        raise ModelError(f"{folder}: experts.json: {pydantic_line(error)}") from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: {' '.join(str(error).split())[:200]}") from error
    return model


def _check(have: set[str], want: set[str]) -> None:
    if odd := sorted(have ^ want):
        where = "the file lacks" if odd[0] in want else "the model has no place for"
        raise ValueError(f"{where} {odd[0]}: the experts belong to another model")
