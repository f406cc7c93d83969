"""Which layers of a model an adapter can stand beside, found by what they are and do, not by an architecture's names.

A block is an entry of the model's largest list of modules. Its linear layers are `nn.Linear` and GPT-2's `Conv1D`. Its
feed-forward part is position-wise (Vaswani et al. 2017, section 3.3): what it gives for a token depends on that token,
or on its neighbour too (RWKV), and on nothing further away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

TOKENS = 8  # in the text that feed-forward parts are found with
TOLERANCE = 1e-4  # of the largest output; a mixture of experts rounds otherwise in another company


def linear_layers(model: nn.Module) -> dict[str, Any]:
    """The linear layers of the blocks, by name, in the model's order; never embeddings or the head.

    Of a state-space mixer (it has `A_log`) only those that its input passes: of the others Mamba's kernels read the
    weights and leave the module out, so that an adapter in its place would train nothing.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    found = {}
    for prefix, block in blocks(model):
        for name, module in block.named_modules(prefix=prefix):
            parent, _, leaf = name.rpartition(".")
            bypassed = hasattr(model.get_submodule(parent), "A_log") and not leaf.startswith("in_proj")
            if isinstance(module, nn.Linear | Conv1D) and not bypassed:
                found[name] = module
    return found


def blocks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The blocks with their names: of all lists of modules that are in no other list, the one with most parameters."""
    from torch import nn

    lists: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and not any(name.startswith(f"{outer}.") for outer in lists):
            lists[name] = module
    if not lists:
        return []
    name, largest = max(lists.items(), key=lambda item: sum(p.numel() for p in item[1].parameters()))
    return [(f"{name}.{number}", block) for number, block in enumerate(largest)]


def feed_forward_layers(model: PreTrainedModel) -> dict[str, Any]:
    """The linear layers of the blocks' feed-forward parts, by name, in the model's order.

    The model computes one text of eight tokens for it, without dropout or gradients.

    Raises:
        ValueError: there are none, or they are mixtures of experts, of which each sees some of the tokens only.
    """
    parts = _tokenwise(model)
    for name in parts:
        if inside := _experts(model.get_submodule(name)):
            raise ValueError(f"{name} is a mixture of experts ({inside}), of which none sees every token")
    found = {
        name: layer
        for name, layer in linear_layers(model).items()
        if any(f"{name}.".startswith(f"{one}.") for one in parts)
    }
    if not found:
        raise ValueError("its blocks have no feed-forward layers")
    return found


def within_blocks(model: nn.Module, names: Iterable[str]) -> list[str]:
    """What layers are called inside their blocks, each name once: `model.layers.0.mlp.up_proj` is `mlp.up_proj`."""
    prefixes = [f"{prefix}." for prefix, _ in blocks(model)]
    return list(dict.fromkeys(name.removeprefix(_prefix(name, prefixes)) for name in names))


def in_every_block(model: nn.Module, targets: Sequence[str]) -> bool:
    """Whether each block has linear layers whose names end in all of these."""
    layers, found = list(linear_layers(model)), blocks(model)
    own = [[name for name in layers if name.startswith(f"{prefix}.")] for prefix, _ in found]
    return bool(found) and all(
        any(f".{one}".endswith(f".{target}") for one in names) for names in own for target in targets
    )


def _prefix(name: str, prefixes: Iterable[str]) -> str:
    return next((one for one in prefixes if name.startswith(one)), "")


def _experts(module: nn.Module) -> str:
    """The name of what holds several layers in one, if anything does."""
    from torch import nn

    stacked = (name for name, p in module.named_parameters() if p.squeeze().dim() > 2)
    lists = (name for name, one in module.named_modules() if isinstance(one, nn.ModuleList))
    return next(iter((*stacked, *lists)), "")


def _tokenwise(model: PreTrainedModel) -> list[str]:
    """The blocks' children, by name, whose output for a token depends on that token and the one before at most."""
    import torch

    found: list[str] = []
    hooks = [
        child.register_forward_hook(_watcher(f"{prefix}.{name}", found), with_kwargs=True)
        for prefix, block in blocks(model)
        for name, child in block.named_children()
    ]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()
            model(input_ids=torch.arange(3, 3 + TOKENS, device=model.device).unsqueeze(0), use_cache=False)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _watcher(name: str, found: list[str]) -> Any:
    """A hook that notes a module whose later outputs stay when the first token is replaced by the last."""

    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        import torch

        values = [*args, *kwargs.values()]
        position = next((i for i, one in enumerate(values) if isinstance(one, torch.Tensor) and one.dim() > 1), None)
        if position is None:
            return
        states = values[position].clone()
        states[..., 0, :] = states[..., -1, :]
        values[position] = states
        again = module.forward(*values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=True)))
        one, other = _first(output), _first(again)
        if (one - other)[..., 2:, :].abs().max() <= TOLERANCE * one.abs().max():
            found.append(name)

    return hook


def _first(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple | list) else output
