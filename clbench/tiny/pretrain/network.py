"""The model and one training step's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from clbench.tiny.pretrain.muon import Muon
from clbench.tiny.pretrain.packing import mask
from clbench.tiny.pretrain.vocabulary import MAX_TOKENS, special_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from clbench.tiny.pretrain.packing import Batch
    from clbench.tiny.pretrain.plan import Plan


def build_model(plan: Plan, *, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of the plan's size with fresh weights drawn from the plan's seed; input and output embeddings tied."""
    pad, eos = special_ids(tokenizer)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=plan.hidden,
        intermediate_size=plan.inner,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        max_position_embeddings=MAX_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=eos,
        pad_token_id=pad,
        dtype="float32",
    )
    torch.manual_seed(plan.seed)
    return LlamaForCausalLM(config)


def build_optimizers(model: LlamaForCausalLM, *, plan: Plan) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the blocks, AdamW for the embedding and the norms' gains."""
    named = sorted(model.named_parameters())
    inner = [one for name, one in named if one.ndim == 2 and "embed" not in name]
    outer = [one for name, one in named if one.ndim != 2 or "embed" in name]
    muon = Muon(inner, lr=plan.matrix_rate, weight_decay=plan.weight_decay)
    adamw = torch.optim.AdamW(outer, lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return muon, adamw


def loss_of(forward: Callable[..., Tensor], batch: Batch) -> Tensor:
    """Weighted mean cross-entropy of the next tokens.

    Args:
        forward: Gives the logits of (ids, places, mask).
        batch: The packed rows.
    """
    logits = forward(batch.ids, batch.places, mask(batch.owners))
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), batch.ids[:, 1:].flatten(), reduction="none"
    )
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def forward_of(model: LlamaForCausalLM, *, plan: Plan) -> Callable[..., Tensor]:
    """The model as a function of (ids, places, mask), in the plan's precision."""
    run = torch.compile(model) if plan.compile else model
    half = plan.precision == "bf16" or (plan.precision == "auto" and model.device.type == "cuda")

    def forward(ids: Tensor, places: Tensor, seen: Tensor) -> Tensor:
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=half):
            return run(input_ids=ids, position_ids=places, attention_mask=seen, use_cache=False).logits

    return forward
