"""Attention among texts that stand in one row without padding: each token sees what precedes it in its own text.

A row that holds several texts goes through a model's layers as one; attention alone must keep them apart, and does so
without a mask: on a GPU by flash attention of varying lengths, elsewhere text by text, those of one length together.
It is plugged into transformers' attention interface, which any of its models may use, and told where texts begin by
the arguments that models pass on to flash attention (`cu_seq_lens_q`, …). Without them it is sdpa, unchanged.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "clbench_packed"
MASKLESS = "clbench_packed_maskless"
"""The same during a packed pass: transformers makes no mask for a name of which it knows none, and looks for none."""
BOUNDS = ("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k")
WINDOWS = ("sliding_window", "attention_chunk_size", "local_attention", "attention_window_size")
"""What configurations call the tokens that some layer's attention reaches back."""

ANY = 2**31
"""A text of any length."""

_TEXTS: ContextVar[int | None] = ContextVar("clbench_packed_texts", default=None)


@contextlib.contextmanager
def holding(model: Any, number: int) -> Iterator[None]:
    """Within, the one row of a model's forward pass holds so many texts, and no mask is made."""
    token, kept = _TEXTS.set(number), _kind(model)
    _name(model.config, MASKLESS if kept == NAME else kept)
    try:
        yield
    finally:
        _name(model.config, kept)
        _TEXTS.reset(token)


def _name(config: Any, kind: str | None) -> None:
    """Of a model's attention; transformers hands it on to parts of a configuration."""
    if config._attn_implementation != kind:
        config._attn_implementation = kind


def texts() -> int | None:
    """How many the row of the pass under way holds; None where rows are texts."""
    return _TEXTS.get()


def arguments(batch: Mapping[str, torch.Tensor], *, longest: int) -> dict[str, Any]:
    """Of a forward pass over texts that `clbench.data.batches.pack` has put into one row.

    Args:
        batch: what it gave.
        longest: tokens of the longest text.
    """
    bounds = batch["packed_bounds"]
    places = {"input_ids": batch["packed_ids"], "position_ids": batch["packed_positions"]}
    return {**places, **dict(zip(BOUNDS, (bounds, bounds, longest, longest), strict=True))}


def install(model: Any) -> None:
    """Have a model's attention keep packed texts apart, where it is sdpa by the interface."""
    if _kind(model) != "sdpa":
        return
    import torch
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    for name in (NAME, MASKLESS):  # where blocks are compiled, attention is not: it asks how long texts are
        ALL_ATTENTION_FUNCTIONS.register(name, torch.compiler.disable(attend))
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    model.set_attn_implementation(NAME)


def remove(model: Any) -> None:
    """As it was before `install`."""
    if _kind(model) == NAME:
        model.set_attn_implementation("sdpa")


def ready(model: Any) -> bool:
    """Whether a model's attention is told where texts begin, as it is now."""
    return _kind(model) in (NAME, "flash_attention_2")


def is_sdpa(model: Any) -> bool:
    """Whether rows that are not packed go through sdpa."""
    return _kind(model) in ("sdpa", NAME)


def _kind(model: Any) -> str | None:
    return getattr(getattr(model, "config", None), "_attn_implementation", None)


def reach(config: Any) -> int:
    """Tokens of the longest text that all of a model's layers see whole; longer ones need masks."""
    inner = getattr(config, "get_text_config", lambda: config)()
    found = (getattr(inner, name, None) for name in WINDOWS)
    return min((one for one in found if isinstance(one, int) and one > 0), default=ANY)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers' interface has it.

    Args:
        module: layer.
        query: (rows, heads, tokens, width); packed: one row.
        key: the same, perhaps of fewer heads.
        value: as `key`.
        attention_mask: of rows that are not packed.
        more: `cu_seq_lens_q` (texts + 1), where each text of a packed row begins; scale, dropout and whatever else.

    Returns:
        (rows, tokens, heads, width).
    """
    import torch
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    plain = ALL_ATTENTION_FUNCTIONS["sdpa"]
    bounds, _, longest, _ = (more.pop(name, None) for name in BOUNDS)
    if bounds is None:
        return plain(module, query, key, value, attention_mask, **more)
    if fused(query) and not more.get("dropout"):
        return _varying(query, key, value, bounds, longest, scale=more.get("scaling"))[None], None
    parts = []
    runs = [(length, len(list(same))) for length, same in itertools.groupby(bounds.diff().tolist())]
    for some in zip(runs, *(_split(one, runs) for one in (query, key, value)), strict=True):
        (length, _), *tensors = some
        apart = [one[0].unflatten(1, (-1, length)).transpose(0, 1) for one in tensors]  # (texts, heads, length, width)
        parts.append(plain(module, *apart, None, **more)[0].flatten(0, 1))
    return torch.cat(parts)[None], None


def _split(tensor: torch.Tensor, runs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
    """Along its tokens; one split, as the gradient of each slice alone would be as large as the whole."""
    return tensor.split([length * number for length, number in runs], dim=2)


def fused(query: torch.Tensor) -> bool:
    """Whether one kernel takes texts of varying lengths: CUDA's flash attention, in half precision."""
    return query.is_cuda and query.itemsize == 2 and find_spec("torch.nn.attention.varlen") is not None


def _varying(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, longest: int, *, scale: Any
) -> torch.Tensor:
    """All texts by one kernel: (tokens, heads, width). Never cuDNN's (see `padding.masked_attention`)."""
    from torch.nn.attention import SDPBackend, sdpa_kernel, varlen

    q, k, v = (one[0].transpose(0, 1) for one in (query, key, value))
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        output = varlen.varlen_attn(
            q,
            k,
            v,
            bounds,
            bounds,
            longest,
            longest,
            scale=scale,
            window_size=(-1, 0),
            enable_gqa=q.shape[1] != k.shape[1],
        )
    assert not isinstance(output, tuple)
    return output
