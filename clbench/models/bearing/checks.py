"""What a model must be able to do, tried once when it is loaded: see nothing that comes later, bear padding, be packed.

Three forward passes and two short generations over 16 made-up tokens, in the run's precision. A masked model (BERT …)
sees the answers that it is to learn and is refused. A model whose state runs over padding (RWKV, RecurrentGemma …) is
asked and trained in batches of one length, and that is said. One whose texts are not kept apart in one row (a state or
a convolution that runs on, an attention of its own) is trained in padded rows. No random number is drawn and nothing
is changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from clbench.base.errors import ModelError
from clbench.data.batches import pack
from clbench.models.bearing import packed
from clbench.models.bearing.padding import Padding, masked_attention

if TYPE_CHECKING:
    import torch

    from clbench.models.loading import LoadedModel

LONG, SHORT, LATER, NEW = 16, 9, 2, 4
"""Tokens: of two texts, of the first's end that is exchanged, and of what is generated."""
LOOSE = {"fp32": 1e-3, "bf16": 5e-2}
"""How far logits may move, as a share of how far they lie apart: far above rounding, far below what padding does."""

TRAINING = "padding changes this model's losses: it is trained in batches of texts of one length"
ASKING = "padding changes this model's answers: it is asked in batches of prompts of one length"


class Texts(NamedTuple):
    """What is tried.

    Args:
        long: tokens.
        other: the same, with another end.
        short: fewer tokens.
    """

    long: list[int]
    other: list[int]
    short: list[int]


def check(loaded: LoadedModel, *, name: str, precision: Literal["fp32", "bf16"]) -> LoadedModel:
    """The model with what it bears, and notes of what it does not.

    Raises:
        ModelError: a later token changes what stands before it.
    """
    import torch

    model: Any = loaded.model
    pad = int(model.generation_config.pad_token_id or 0)
    texts = _texts(int(model.get_input_embeddings().weight.shape[0]), avoid=pad)
    device = next(model.parameters()).device
    with _still(model), torch.inference_mode(), _autocast(device, precision), masked_attention():
        batch = torch.tensor([texts.long, texts.other, _filled(texts.short, pad=pad, left=False)], device=device)
        logits = model(input_ids=batch, use_cache=False).logits.float()
        _refuse_later(logits, name=name, loose=LOOSE[precision])
        alone = model(input_ids=torch.tensor([texts.short], device=device), use_cache=False).logits.float()
        training = not differ(logits[2:, :SHORT], alone, loose=LOOSE[precision])
        asking = _asks_alike(model, texts, pad=pad, loose=LOOSE[precision])
        apart = [*logits[:2].unbind(), alone[0]]
        packing = packed.reach(model.config) if _packs_alike(model, texts, apart, loose=LOOSE[precision]) else 0
    said = [note for good, note in ((training, TRAINING), (asking, ASKING)) if not good]
    return dataclasses.replace(loaded, padding=Padding(training, asking, packing), notes=(*loaded.notes, *said))


def _texts(vocabulary: int, *, avoid: int) -> Texts:
    """Tokens from all over the vocabulary, none of them padding; small ones are special, as a rule."""
    first = min(3, vocabulary - 1)
    tokens = [first + (number * 7919) % (vocabulary - first) for number in range(1, LONG + LATER + SHORT + 1)]
    tokens = [first + (token + 1 - first) % (vocabulary - first) if token == avoid else token for token in tokens]
    long, later, short = tokens[:LONG], tokens[LONG : LONG + LATER], tokens[LONG + LATER :]
    return Texts(long, [*long[:-LATER], *later], short)


def _filled(ids: Sequence[int], *, pad: int, left: bool) -> list[int]:
    padding = [pad] * (LONG - len(ids))
    return [*padding, *ids] if left else [*ids, *padding]


def differ(found: torch.Tensor, expected: torch.Tensor, *, loose: float) -> bool:
    """Whether logits are others beyond rounding, of which what is no number says nothing."""
    return bool((found - expected).abs().max() > loose * expected.std())


def _refuse_later(logits: torch.Tensor, *, name: str, loose: float) -> None:
    before, after = logits[0, :-LATER], logits[1, :-LATER]
    if differ(before, after, loose=loose):
        raise ModelError(
            f"model {name!r}: is no causal language model: a later token changes what stands before it (logits move by "
            f"{float((before - after).abs().max()):.2g}), so that it would see the answers that it is to learn; take a "
            "model that was made to predict the next token"
        )


def _asks_alike(model: Any, texts: Texts, *, pad: int, loose: float) -> bool:
    """Whether the shorter text is continued alike alone and behind padding, as long as the same tokens are read."""
    import torch

    device = next(model.parameters()).device
    ids = torch.tensor([texts.long, _filled(texts.short, pad=pad, left=True)], device=device)
    mask = torch.tensor([[1] * LONG, [0] * (LONG - SHORT) + [1] * SHORT], device=device)
    one = torch.tensor([texts.short], device=device)
    try:
        expected, tokens = _continued(model, one, torch.ones_like(one))
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return True  # what cannot be asked at all says so itself when it is asked
    try:
        found, others = _continued(model, ids, mask)
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    for step, (mine, theirs) in enumerate(zip(expected, found, strict=False)):
        if differ(theirs[-1:], mine, loose=loose):
            return False
        if tokens[-1, step] != others[-1, step]:
            break  # a tie that rounding broke: what follows is another text
    return True


def _continued(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Logits of each step, and the tokens."""
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        min_new_tokens=NEW,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return [one.float() for one in output.logits], output.sequences[:, ids.shape[1] :]


def _packs_alike(model: Any, texts: Texts, apart: Sequence[torch.Tensor], *, loose: float) -> bool:
    """Whether texts that share a row have the logits that each has apart, its first tokens' among them."""
    import torch

    device = next(model.parameters()).device
    packed.install(model)
    try:
        if not packed.ready(model):
            return False
        batch = {name: tensor.to(device) for name, tensor in pack(texts).items()}
        with packed.holding(model, len(texts)):
            found = model(**packed.arguments(batch, longest=LONG), use_cache=False).logits.float()[0]
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    finally:
        packed.remove(model)
    return found.shape == torch.cat([*apart]).shape and not differ(found, torch.cat([*apart]), loose=loose)


@contextmanager
def _still(model: Any) -> Iterator[None]:
    """Without dropout; the mode is what it was afterwards."""
    was_training = model.training
    model.eval()
    yield
    model.train(was_training)


def _autocast(device: torch.device, precision: str) -> Any:
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
