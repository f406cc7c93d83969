"""What a model's weights are kept in: fp32, bf16, or, where they stay as they are, a byte or half a byte each.

int8 is torchao's, weights only, a scale for each row; nf4 is that of QLoRA (Dettmers et al., arXiv 2305.14314) with
quantised scales, bitsandbytes' layer. The embeddings, the norms and the head stay in bf16. peft knows both; activations
are never quantised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ModelError
from clbench.models.layers import linear_layers

if TYPE_CHECKING:
    import torch

    from clbench.spec.protocol import Weights

BLOCK = 64  # weights of nf4 that share a scale; kernels on a CPU want them of one row
INSTALL = "python -m pip install 'clbench[quantised]'"


def dtype_of(weights: Weights) -> torch.dtype:
    """Of a model as it is loaded."""
    import torch

    return torch.float32 if weights == "fp32" else torch.bfloat16


def cast(model: Any, weights: Weights) -> None:
    """Parameters that came otherwise, as those of a plugin's loader; buffers stay, of which positions need fp32."""
    wanted = dtype_of(weights)
    for parameter in model.parameters():
        if parameter.is_floating_point() and parameter.dtype != wanted:
            parameter.data = parameter.data.to(wanted)


def quantise(model: Any, weights: Weights) -> None:
    """Make the linear layers of a model's blocks small, where its weights are kept in int8 or nf4.

    Args:
        model: in bf16, on its device.
        weights: see `Protocol.weights`.

    Raises:
        ModelError: the library is not installed, or a layer is none that can be quantised.
    """
    import torch

    if weights not in ("frozen-int8", "frozen-nf4"):
        return
    layers = linear_layers(model)
    for name, layer in layers.items():
        if not isinstance(layer, torch.nn.Linear):
            raise ModelError(f"weights={weights}: {name} is a {type(layer).__name__}, which cannot be quantised")
        if weights == "frozen-nf4" and layer.in_features % BLOCK:
            raise ModelError(f"weights={weights}: {name} has {layer.in_features} inputs, no multiple of {BLOCK}")
    try:
        _to_int8(model, layers) if weights == "frozen-int8" else _to_nf4(model, layers)
    except ImportError as error:
        raise ModelError(f"weights={weights} needs {error.name}: {INSTALL}") from error


def is_plain(parameter: torch.Tensor) -> bool:
    """Whether a parameter is numbers that one can reckon with: not quantised."""
    import torch

    return parameter.is_floating_point() and type(parameter.data) is torch.Tensor


def _to_int8(model: Any, layers: Mapping[str, Any]) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    chosen = set(layers.values())
    quantize_(model, Int8WeightOnlyConfig(), filter_fn=lambda module, name: module in chosen)


def _to_nf4(model: Any, layers: Mapping[str, Any]) -> None:
    """One layer after the other; moving one to the device quantises it."""
    import torch
    from bitsandbytes import nn

    for name, layer in layers.items():
        size, bias = (layer.in_features, layer.out_features), layer.bias is not None
        made = nn.Linear4bit(*size, bias=bias, compute_dtype=torch.bfloat16, quant_type="nf4", device="meta")
        made.weight = nn.Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")  # type: ignore[call-arg]
        made.bias = layer.bias
        made.support_avx512bf16_for_cpu = False  # its packing at the first evaluation has no gradient afterwards
        model.set_submodule(name, made.to(layer.weight.device))
    model.is_loaded_in_4bit = True  # what peft looks for
