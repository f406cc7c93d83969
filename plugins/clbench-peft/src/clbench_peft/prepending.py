"""Soft prompts before the tokens of a pass: of whole rows, padded on either side, or of rows that go on in a cache.

They stand between a row's padding and its first token, so that also a model whose state runs over the text sees no
padding behind them. Masks and positions are those of rows that many tokens longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from clbench.models.bearing.window import reserve
from clbench_peft.asked import goes_on

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attach(
    model: torch.nn.Module,
    begin: Callable[[torch.Tensor, dict[str, Any]], dict[str, Any] | None],
    *,
    most: int,
) -> None:
    """Have something stand before the tokens of every pass of a model, whose logits stay those of its own tokens.

    Args:
        model: causal LM.
        begin: a pass's tokens (rows, tokens) and its arguments by name, to other arguments; None: nothing stands there.
        most: soft tokens before a row, at the end of the stream.
    """
    reserve(model, most)
    width = 0  # tokens a row in the pass under way; 0: nothing stands before them

    def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        nonlocal width
        width = 0  # passes that `begin` makes itself are other ones
        ids: Any = kwargs["input_ids"] if "input_ids" in kwargs else next(iter(args), None)
        longer = begin(ids, kwargs)
        width = ids.shape[1] if longer is not None else 0
        return None if longer is None else ((), longer)

    def after(module: Any, args: Any, output: Any) -> None:
        if width and output.logits.shape[1] > width:
            output["logits"] = output.logits[:, -width:]

    model.register_forward_pre_hook(before, with_kwargs=True)
    model.register_forward_hook(after)


def embedding(model: PreTrainedModel) -> torch.nn.Embedding:
    """Of a model's tokens."""
    found: Any = model.get_input_embeddings()
    return found


def prepended(
    kwargs: Mapping[str, Any],
    ids: torch.Tensor,
    soft: torch.Tensor,
    *,
    embed: Callable[[torch.Tensor], torch.Tensor],
    skipped: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Arguments of the pass with its soft prompts.

    Args:
        kwargs: of the pass; a mask is two-dimensional.
        ids: its tokens (rows, tokens).
        soft: (rows, soft tokens, embedding width).
        embed: tokens to embeddings.
        skipped: how many of its first soft tokens each row does without (rows); they are padding. None: none.
    """
    mask, number = kwargs.get("attention_mask"), soft.shape[1]
    new = {name: value for name, value in kwargs.items() if name != "input_ids"}
    on = goes_on(ids, mask)
    held = torch.ones_like(ids) if mask is None else mask
    order = places(held, number)
    if mask is not None or skipped is not None:
        new["attention_mask"] = torch.cat([_held(held, number, skipped), held], dim=1).gather(1, order)
    if on:
        new["input_ids"] = ids
    else:
        words = embed(ids)
        both = torch.cat([soft.to(words.dtype), words], dim=1)
        new["inputs_embeds"] = both.gather(1, order[..., None].expand(-1, -1, both.shape[2]))
    for name in ("position_ids", "cache_position"):
        if (given := kwargs.get(name)) is not None:
            more = number if skipped is None or name == "cache_position" else number - skipped[:, None]
            new[name] = given + more if on else _positions(name, new.get("attention_mask"), given, number)
    return new


def _held(mask: torch.Tensor, number: int, skipped: torch.Tensor | None) -> torch.Tensor:
    """Of soft tokens: 1, or 0 for those that a row does without."""
    place = torch.arange(number, device=mask.device).expand(len(mask), -1)
    return (place >= (0 if skipped is None else skipped[:, None])).to(mask.dtype)


def places(mask: torch.Tensor, number: int) -> torch.Tensor:
    """Where each token of the longer rows comes from in `[soft tokens, row]`: (rows, soft tokens + tokens).

    Args:
        mask: (rows, tokens), 0 at padding; what is before the first 1 stays before the soft tokens.
        number: of soft tokens.
    """
    before = (mask.cumsum(1) == 0).sum(1, keepdim=True)
    place = torch.arange(mask.shape[1] + number, device=mask.device).expand(len(mask), -1)
    return torch.where(place < before, place + number, torch.where(place < before + number, place - before, place))


def _positions(name: str, mask: torch.Tensor | None, given: torch.Tensor, number: int) -> torch.Tensor:
    """Of rows that begin here."""
    whole = torch.arange(given.shape[-1] + number, device=given.device)
    if name == "position_ids":
        return whole.expand(len(given), -1) if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    return whole
