"""How many tokens of a text a model takes: those that it was made for, and whether more of them can be read at all."""

from __future__ import annotations

from typing import Any

WINDOW = 2048  # tokens, where a model's configuration names none
SIZES = ("max_position_embeddings", "n_positions", "max_seq_len")  # keys of a configuration
TABLES = ("wpe", "embed_positions", "position_embeddings")  # one row a position; what grows or is computed is no table
_VIRTUAL = "virtual_tokens"


def reserve(model: Any, tokens: int) -> None:
    """Say that so many virtual tokens will stand before every text of a model, at most: texts have less room."""
    setattr(model, _VIRTUAL, tokens)


def reserved(model: Any) -> int:
    """Virtual tokens before every text."""
    return getattr(getattr(model, "module", model), _VIRTUAL, 0)


def stated(model: Any) -> int | None:
    """Tokens of a text that a model was made for, where its configuration says so."""
    config = getattr(model, "module", model).config
    return next(filter(None, (getattr(config, name, None) for name in SIZES)), None)


def window(model: Any) -> int:
    """The same, or a usual number; what can take no more has less room beside virtual tokens."""
    return (stated(model) or WINDOW) - (reserved(model) if is_bounded(model) else 0)


def is_bounded(model: Any) -> bool:
    """Whether a longer text is an error: positions are rows of a table (GPT-2, OPT, GPT-J), or of a bias (MPT)."""
    inner = getattr(model, "module", model)
    tables = [name for name, _ in (*inner.named_parameters(), *inner.named_buffers())]
    ends = {name.removesuffix(".weight").rpartition(".")[2] for name in tables}
    return not ends.isdisjoint(TABLES) or getattr(inner.config, "model_type", "") == "mpt"


def readable(*models: Any, most: int) -> int:
    """Tokens of a text that all of some models can read, at most so many."""
    return min([most, *(window(one) for one in models if is_bounded(one))])
