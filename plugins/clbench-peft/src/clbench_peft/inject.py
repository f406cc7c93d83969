"""peft's tuners on a clbench model: a checked configuration, injected in place. peft is imported on first use.

Injection replaces layers inside the model, which stays what it is: `generate`, the signature of `forward`, and the
names of all weights but those of wrapped layers (`….base_layer.weight`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from clbench.base.errors import OptionError, did_you_mean
from clbench.models.layers import linear_layers

if TYPE_CHECKING:
    from peft import PeftConfig
    from peft.tuners.tuners_utils import BaseTunerLayer
    from transformers import PreTrainedModel

ADAPTER = "default"  # peft's name of the only adapter


def make_config(tuner: str, config: Mapping[str, Any]) -> PeftConfig:
    """The tuner's configuration.

    Raises:
        ValueError: no such tuner, one that cannot be injected, or a key or value that is wrong; named in the message.
    """
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
    from peft.tuners.tuners_utils import BaseTuner

    kinds = {kind.value: kind for kind, one in PEFT_TYPE_TO_TUNER_MAPPING.items() if issubclass(one, BaseTuner)}
    if tuner not in kinds:
        hint = did_you_mean(tuner, map(str.lower, kinds))
        raise ValueError(f"{tuner!r} is no tuner that peft injects into layers{hint}")
    if PEFT_TYPE_TO_TUNER_MAPPING[kinds[tuner]].uses_shared_state:
        raise ValueError(f"{tuner} shares state between layers, so peft cannot inject it")
    kind = PEFT_TYPE_TO_CONFIG_MAPPING[kinds[tuner]]
    _check_keys(kind, config)
    try:
        return kind(**config)
    except (ValueError, TypeError) as error:
        raise ValueError(f"config of {tuner}: {error}") from error


def _check_keys(kind: type[PeftConfig], config: Mapping[str, Any]) -> None:
    """Hold each value against its field's annotation; peft takes any type, and fails later."""
    known = {field.name for field in fields(kind)} - {"peft_type", "task_type", "auto_mapping", "inference_mode"}
    try:
        hints = get_type_hints(kind)
    except NameError:  # an annotation of names that only type checkers import
        hints = {}
    for key, value in config.items():
        if key not in known:
            raise ValueError(f"config.{key}: unknown{did_you_mean(key, known)}")
        try:
            _check_type(hints.get(key, Any), value)
        except ValidationError as error:
            raise ValueError(f"config.{key}: {error.errors()[0]['msg']} (got {value!r})") from error


def _check_type(hint: Any, value: Any) -> None:
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a type that brings its own configuration, or none that pydantic knows
        return
    adapter.validate_python(value)


def inject(model: PreTrainedModel, config: PeftConfig) -> list[str]:
    """Replace the targeted layers, freeze the rest; returns peft's warnings.

    New parameters draw from torch's global generator, which the core seeds for it.

    Raises:
        ValueError: the configuration does not fit the model, or leaves nothing to train.
    """
    from peft import inject_adapter_in_model

    training = model.training
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            inject_adapter_in_model(config, model, adapter_name=ADAPTER)
        except Exception as error:  # whatever a tuner's own code meets in a configuration that it did not check
            said = " ".join(str(error).split())[:300].rstrip(".")
            said += " (fused experts take an adapter without dropout only)" if "ParamWrapper" in said else ""
            raise ValueError(f"does not fit the model: {said}") from error
    if not any(p.requires_grad for p in model.parameters()):  # peft passes by what a tuner has no layer for
        conv1d = " (they are Conv1D; lora, dora and olora take them)" if has_conv1d(model) else ""
        raise ValueError(f"peft's {str(config.peft_type).rpartition('.')[2]} takes none of these layers{conv1d}")
    model.train(training)  # new dropout layers begin in training mode
    if any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        model.enable_input_require_grads()  # a frozen embedding gives checkpoints nothing to go back to
    return sorted({f"{one.category.__name__}: {one.message}"[:200] for one in caught if _concerns_user(one)})


def _concerns_user(warning: warnings.WarningMessage) -> bool:
    told = "get_apply_tensor_subclass" in str(warning.message)  # of merging into int8, which is done in fp32
    return not told and not issubclass(warning.category, (DeprecationWarning, FutureWarning))


def adapted_layers(model: torch.nn.Module) -> dict[str, BaseTunerLayer]:
    """Layers that peft has wrapped, by name."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)}


def has_conv1d(model: torch.nn.Module) -> bool:
    """Whether the blocks' layers are GPT-2's, whose weights are (inputs, outputs)."""
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(layer, Conv1D) for layer in linear_layers(model).values())


def has_weight(layer: BaseTunerLayer) -> bool:
    """Whether a single weight lies below the adapter, and not the stacked ones of fused experts."""
    return isinstance(getattr(layer.get_base_layer(), "weight", None), torch.nn.Parameter)


def base_weight(layer: BaseTunerLayer) -> torch.nn.Parameter:
    """The frozen weight of a wrapped linear layer, (outputs, inputs)."""
    weight = layer.get_base_layer().weight
    assert isinstance(weight, torch.nn.Parameter)
    return weight


def tied_layers(model: PreTrainedModel, layers: Mapping[str, BaseTunerLayer]) -> list[str]:
    """Wrapped layers whose weight is another module's too: folding an adapter into it would change both."""
    wrapped = {id(base_weight(layer)): name for name, layer in layers.items()}
    uses = [id(p) for _, p in model.named_parameters(remove_duplicate=False) if id(p) in wrapped]
    return sorted({wrapped[one] for one in uses if uses.count(one) > 1})


def layers_beside_weights(
    model: PreTrainedModel, *, method: str, instead: str, folded: bool = True
) -> dict[str, BaseTunerLayer]:
    """LoRA's layers, each beside a linear layer with a weight of its own.

    Args:
        model: with the adapter.
        method: for the message.
        instead: what could be named instead, for the message.
        folded: whether the adapter is added to the weight, which must then be no other layer's.

    Raises:
        OptionError: one of them is another kind of layer.
    """
    layers = adapted_layers(model)
    wrong = [name for name, one in layers.items() if ADAPTER not in one.lora_A or not has_weight(one)]  # type: ignore[operator]
    if wrong := wrong or (tied_layers(model, layers) if folded else []):
        raise OptionError(f"-o {method}.targets: {wrong[0]} is no linear layer with a weight of its own{instead}")
    return layers


def forget_moments(optimizer: torch.optim.Optimizer | None, params: list[torch.nn.Parameter]) -> None:
    """Begin these parameters' optimizer state anew, as they have: the old moments belong to other directions."""
    for p in params if optimizer is not None else ():
        optimizer.state.pop(p, None)  # type: ignore[union-attr]


@torch.no_grad()
def begin_anew(layers: Iterable[Any], *, generator: torch.Generator, optimizer: torch.optim.Optimizer | None) -> None:
    """LoRA's parameters with the values that they begin with: the optimizer keeps them, and forgets their moments.

    Args:
        layers: of LoRA; A kaiming, B = 0.
        generator: that A is drawn from, on the CPU.
        optimizer: of the run.
    """
    for layer in layers:
        a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
        fresh = torch.empty(a.shape)
        torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5), generator=generator)
        a.copy_(fresh)
        b.zero_()
        forget_moments(optimizer, [a, b])
