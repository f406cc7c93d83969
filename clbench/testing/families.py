"""Architectures of language models, tiny and with random weights: what must work with any model is tried on all.

The numbers below are the smallest that each architecture's configuration admits without losing one of its traits
(grouped queries, a sliding window, experts, a state). A model has 23,000 to 66,000 parameters and is made in a fraction
of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import unknown_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Args:
        name: as people write it.
        model_type: transformers' name of it.
        settings: keys of its configuration that make it tiny.
        causal: whether a token sees only those before it; masked models do not, and must be refused.
    """

    name: str
    model_type: str
    settings: Mapping[str, Any]
    causal: bool = True


_SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
_BASE = _SIZE | {"max_position_embeddings": 256}
_LLAMA = _BASE | {"num_key_value_heads": 2}
_WIDE = _LLAMA | {"num_attention_heads": 4, "head_dim": 16}  # heads wider together than the stream, grouped queries
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
_WINDOW = _WIDE | {"sliding_window": 64}
_EXPERTS = {"num_experts_per_tok": 2}
_LOCAL = _EXPERTS | {"num_local_experts": 4}
_STATE = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
_ROBERTA = _SIZE | {"max_position_embeddings": 258}
_LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}

FAMILIES: tuple[Family, ...] = (
    Family("Llama", "llama", _LLAMA),
    Family("GPT-2", "gpt2", _GPT),
    Family("GPT-NeoX", "gpt_neox", _BASE),
    Family("OPT", "opt", _BASE | {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    Family("BLOOM", "bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 2}),
    Family("MPT", "mpt", {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_seq_len": 256}),
    Family("Phi-3", "phi3", _LLAMA),
    Family("Qwen2", "qwen2", _LLAMA),
    Family("Qwen3", "qwen3", _WIDE),
    Family("Gemma 2", "gemma2", _WINDOW),
    Family("Gemma 3", "gemma3_text", _WINDOW),
    Family("Mistral", "mistral", _WINDOW),
    Family("OLMoE", "olmoe", _LLAMA | _EXPERTS | {"num_experts": 4}),
    Family("Mixtral", "mixtral", _WIDE | _LOCAL),
    Family("Mamba", "mamba", _STATE | {"time_step_rank": 4, "intermediate_size": 64}),
    Family("RWKV", "rwkv", _SIZE | {"attention_hidden_size": 32, "context_length": 256}),
    Family(
        "RecurrentGemma",
        "recurrent_gemma",
        _SIZE
        | {"num_hidden_layers": 3, "num_key_value_heads": 1, "intermediate_size": 96, "lru_width": 32}
        | {"attention_window_size": 256, "block_types": ["recurrent", "recurrent", "attention"]},
    ),
    Family("BioGPT", "biogpt", _BASE),
    Family("CodeGen", "codegen", _GPT | {"rotary_dim": 8, "n_head": 4}),
    Family("Cohere", "cohere", _LLAMA),
    Family("Cohere 2", "cohere2", _WINDOW),
    Family(
        "DeepSeek-V3",
        "deepseek_v3",
        _LLAMA
        | _LATENT
        | _EXPERTS
        | {"moe_intermediate_size": 24, "n_routed_experts": 4, "n_group": 1, "topk_group": 1}
        | {"n_shared_experts": 1, "first_k_dense_replace": 1},
    ),
    Family("EXAONE 4", "exaone4", _WINDOW),
    Family("Falcon", "falcon", _BASE | {"num_kv_heads": 2}),
    Family("Falcon Mamba", "falcon_mamba", _STATE | {"time_step_rank": 4, "intermediate_size": 64}),
    Family("Gemma", "gemma", _WIDE),
    Family("GLM", "glm", _WIDE),
    Family("GPT-BigCode", "gpt_bigcode", _GPT),
    Family(
        "GPT-Neo",
        "gpt_neo",
        {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 48, "max_position_embeddings": 256}
        | {"attention_types": [[["global", "local"], 1]], "window_size": 64},
    ),
    Family("GPT-J", "gptj", _GPT | {"rotary_dim": 8}),
    Family("GPT-OSS", "gpt_oss", _WINDOW | _LOCAL | {"layer_types": ["sliding_attention", "full_attention"]}),
    Family("Granite", "granite", _LLAMA),
    Family("GraniteMoE", "granitemoe", _LLAMA | _LOCAL),
    Family("LFM2", "lfm2", _LLAMA | {"layer_types": ["conv", "full_attention"]}),
    Family("Mamba 2", "mamba2", _STATE | {"num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 32}),
    Family(
        "MiniMax", "minimax", _WIDE | _LOCAL | {"layer_types": ["linear_attention", "full_attention"], "block_size": 32}
    ),
    Family("Nemotron", "nemotron", _LLAMA),
    Family("OLMo", "olmo", _LLAMA),
    Family("OLMo 2", "olmo2", _LLAMA),
    Family("Persimmon", "persimmon", _BASE),
    Family("Phi", "phi", _LLAMA),
    Family("Qwen3-MoE", "qwen3_moe", _WIDE | _EXPERTS | {"num_experts": 4, "moe_intermediate_size": 24}),
    Family("SmolLM3", "smollm3", _LLAMA),
    Family("StableLM", "stablelm", _LLAMA),
    Family("StarCoder2", "starcoder2", _LLAMA),
    Family("XGLM", "xglm", {"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 2} | _BASE),
    Family("BERT", "bert", _BASE, causal=False),
    Family("RoBERTa", "roberta", _ROBERTA, causal=False),
    Family("XLM-R", "xlm-roberta", _ROBERTA, causal=False),
    Family("ELECTRA", "electra", _BASE | {"embedding_size": 32}, causal=False),
)


def family(name: str) -> Family:
    """The family of that name or model type.

    Raises:
        UnknownNameError: there is none.
    """
    found = [one for one in FAMILIES if name in (one.name, one.model_type)]
    if not found:
        raise unknown_name("architecture", name, [one.name for one in FAMILIES])
    return found[0]


def make(one: Family, *, vocabulary: int, seed: int = 0) -> PreTrainedModel:
    """A model with random weights, larger than usual ones so that greedy answers differ from prompt to prompt.

    Args:
        one: which.
        vocabulary: tokens; 0, 1 and 2 pad, begin and end a text.
        seed: of the weights; torch's own generator is left as it was.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokens = {"vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = AutoConfig.for_model(one.model_type, **tokens, initializer_range=0.1, **one.settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config)


def save(one: Family, folder: Path, *, tokenizer: PreTrainedTokenizerBase, seed: int = 0) -> Path:
    """Into a model folder, as a user has one: with a few more rows of embeddings than tokens. See `make`."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    make(one, vocabulary=8 * (len(tokenizer) // 8 + 1), seed=seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
