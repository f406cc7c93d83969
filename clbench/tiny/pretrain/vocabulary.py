"""The tokenizer: byte-level BPE over the world's text and `mini`'s training split.

Bytes are its alphabet, so nothing is unknown and every string comes back exactly; digits stand alone, so that numbers
are spelt the same wherever they are. The literal `<s>` of TRACE's code records is plain text here.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from clbench.data.mini import FORMS, record
from clbench.tiny.world import documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VOCABULARY = 2048
PAD, EOS = "<|pad|>", "<|eos|>"
MAX_TOKENS = 2048
"""Longest input the bundled model is declared for, in tokens; it was trained on far shorter ones."""

WORLD_TEXTS = 40_000
MINI_TEXTS = 1_200
"""How many documents of the world, and records of each form of `mini`, the merges are counted on."""

SEED = 0

COUNTED = tuple(form for form in FORMS if form != "wordproblem")
"""The forms that there were when the tokenizer was made."""


def texts() -> Iterator[str]:
    """What the merges are counted on, in a fixed order."""
    yield from (document.text for document in islice(documents(SEED), WORLD_TEXTS))
    for form in COUNTED:
        for index in range(MINI_TEXTS):
            one = record(form, split="train", index=index, seed=SEED)
            yield one["prompt"] + one["answer"]


def train_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer, made anew."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def special_ids(tokenizer: PreTrainedTokenizerFast) -> tuple[int, int]:
    """The numbers of the padding and of the end token."""
    pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
    assert isinstance(pad, int)
    assert isinstance(eos, int)
    return pad, eos


def write_tokenizer(folder: Path) -> None:
    """Train the tokenizer and save `tokenizer.json` and `tokenizer_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    train_tokenizer().save_pretrained(str(folder))
