"""A Llama's pass on top of a cache: transformers' own operations in their order, without what takes time between them.

Projections, norms, embeddings and head are the model's own modules, whatever a method has put in their place; masks are
made once a pass, rotations and activations in place. A model whose other modules are not exactly transformers', or are
watched by hooks, is read in the usual way.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaDecoderLayer,
    LlamaForCausalLM,
    LlamaMLP,
    LlamaModel,
    LlamaRMSNorm,
)

from clbench.models.bearing import packed
from clbench.models.bearing.padding import masked_attention
from clbench.training import head

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def fits(model: Any) -> bool:
    """Whether a model is such a Llama, as it stands."""
    inner = head.bare(model)
    if not (_is_plain(inner, LlamaForCausalLM) and _is_plain(inner.model, LlamaModel)):
        return False
    config = inner.config
    return (
        packed.is_sdpa(inner)
        and config.hidden_act == "silu"
        and not inner.training
        and all(
            _is_plain(one, LlamaDecoderLayer) and _is_plain(one.self_attn, LlamaAttention) for one in inner.model.layers
        )
    )


def _is_plain(module: Any, kind: type) -> bool:
    return type(module) is kind and "forward" not in vars(module) and not any(getattr(module, one) for one in HOOKS)


def read_on(model: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any, *, places: torch.Tensor) -> head.Output:
    """As `clbench.evaluation.likelihood.read_on`."""
    inner = head.bare(model)
    body = inner.model
    hidden = body.embed_tokens(ids)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    turn = [one[:, :, None] for one in body.rotary_emb(hidden, position_ids=positions)]
    seen = _seen(mask, ids.shape[1], like=turn[0])
    with masked_attention():
        for layer, kept in zip(body.layers, cache.layers, strict=True):
            normed = _normed(layer.input_layernorm, hidden)
            hidden = hidden + _attended(layer.self_attn, normed, turn, seen=seen, cache=kept)
            hidden = hidden + _fed(layer.mlp, _normed(layer.post_attention_layernorm, hidden))
    wanted = hidden.flatten(0, 1).index_select(0, places)
    return head.Output(body.norm(wanted), head.Head(inner.lm_head, inner.config))


def _seen(mask: torch.Tensor, new: int, *, like: torch.Tensor) -> torch.Tensor | None:
    """What is added to attention's logits, once for all layers: (rows or 1, 1, new, tokens); None: nothing.

    Padding sees itself, so that it stays a number.
    """
    held, size = mask.bool(), mask.shape[1]
    whole = bool(held.all())
    if new == 1:
        return None if whole else _added(held[:, None, None], like)
    causal = torch.ones((new, size), dtype=torch.bool, device=mask.device).tril(size - new)
    if whole:
        return _added(causal[None, None], like)
    itself = torch.eye(new, dtype=torch.bool, device=mask.device)
    return _added(((causal & held[:, None]) | F.pad(itself, (size - new, 0)))[:, None], like)


def _added(seen: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(seen, dtype=like.dtype).masked_fill_(~seen, -torch.inf)


def _normed(module: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The same number by one operation, where nothing is cast on the way."""
    if not (_is_plain(module, LlamaRMSNorm) and hidden.dtype == module.weight.dtype == torch.float32):
        return module(hidden)
    return F.rms_norm(hidden, module.weight.shape, module.weight, module.variance_epsilon)


def _attended(
    module: Any, normed: torch.Tensor, turn: list[torch.Tensor], *, seen: torch.Tensor | None, cache: Any
) -> torch.Tensor:
    shape = (*normed.shape[:2], -1, module.head_dim)
    queries, keys, values = (one(normed).view(shape) for one in (module.q_proj, module.k_proj, module.v_proj))
    queries, keys = _turned(queries, *turn), _turned(keys, *turn)
    keys, values = cache.update(keys.transpose(1, 2), values.transpose(1, 2))
    groups = module.num_key_value_groups
    found = F.scaled_dot_product_attention(
        queries.transpose(1, 2), keys, values, attn_mask=seen, scale=module.scaling, enable_gqa=groups > 1
    )
    return module.o_proj(found.transpose(1, 2).reshape(*normed.shape[:2], -1))


def _turned(vectors: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions: (rows, tokens, heads, width); halves turn into each other."""
    half = vectors.shape[-1] // 2
    turned = vectors * cos
    turned[..., :half].addcmul_(vectors[..., half:], sin[..., :half], value=-1)
    turned[..., half:].addcmul_(vectors[..., :half], sin[..., half:])
    return turned


def _fed(module: Any, normed: torch.Tensor) -> torch.Tensor:
    if not (_is_plain(module, LlamaMLP) and _is_plain(module.gate_proj, torch.nn.Linear)):
        return module(normed)  # what a hook has kept is not written over
    return module.down_proj(F.silu(module.gate_proj(normed), inplace=True).mul_(module.up_proj(normed)))
