"""Shapes of models whose speed is measured; their weights are random, since speed does not depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's.

    Args:
        name: what it is called here.
        hidden: width of the residual stream.
        inner: width of the feed-forward layers.
        layers: blocks.
        heads: of attention.
        kv: heads of keys and values.
        vocabulary: tokens.
        tied: whether the head is the embedding.
    """

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    kv: int
    vocabulary: int
    tied: bool = True

    @property
    def parameters(self) -> int:
        """How many, a tied head counted once."""
        narrow = self.hidden // self.heads * self.kv
        block = 2 * self.hidden * (self.hidden + narrow) + 3 * self.hidden * self.inner + 2 * self.hidden
        return self.layers * block + self.hidden + self.vocabulary * self.hidden * (1 if self.tied else 2)


SHAPES = {
    one.name: one
    for one in (
        Shape("tiny", 128, 384, 4, 4, 4, 2048),
        Shape("smollm2", 576, 1536, 30, 9, 3, 49152),
        Shape("tinyllama", 2048, 5632, 22, 32, 4, 32000, tied=False),
    )
}
"""clbench/tiny, SmolLM2-135M and TinyLlama-1.1B, by their configurations."""


def build(shape: Shape, *, device: torch.device | str, end: int, pad: int) -> PreTrainedModel:
    """A model of that shape, in fp32, the same each time.

    Args:
        shape: which.
        device: where its weights are made.
        end: token that ends a text.
        pad: token that fills batches.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv,
        max_position_embeddings=2048,
        tie_word_embeddings=shape.tied,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=[end], pad_token_id=pad, do_sample=False)
    return model
