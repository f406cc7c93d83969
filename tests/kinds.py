"""A small tokenizer of every kind in use, trained in milliseconds, and records that have broken each of them."""

import functools
import json
from collections.abc import Callable
from typing import Any

import small
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from clbench.data.example import Example

WORDS = "red cat dog Item Answer reverse hawk 17.48 def return pass A B C 支持 反对 中立 ½ ﬁne <EOL> ( x ) : , . \n"
TEXTS = [*small.TEXTS, *[f"{WORDS} {WORDS[i:]}" for i in range(0, 60, 7)]]


EXPRESSION = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+(?!\S)|\s+"


def _trained(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return tokenizer


def byte_level(*, split: bool = False, normalizer: Any = None, adds_prefix_space: bool = False) -> Any:
    """GPT-2's kind; with `split` the newer one's of Llama 3 and Tekken, whose words are found by an expression."""
    tokenizer = Tokenizer(models.BPE())
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=adds_prefix_space, use_regex=not split)
    words = pre_tokenizers.Split(Regex(EXPRESSION), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pieces]) if split else pieces
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=small.SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    return small.wrapped(_trained(tokenizer, trainer))


def sentencepiece(*, legacy: bool = False, prefix: bool = True) -> Any:
    """Llama 2's BPE with bytes as fallback, in both ways that transformers has built it; without `prefix` Gemma's."""
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="first" if prefix else "never", split=False)
    rough = Tokenizer(models.BPE(unk_token="<unk>"))
    rough.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    special = ["<unk>", *small.SPECIAL]
    rough = _trained(rough, trainers.BpeTrainer(vocab_size=260, special_tokens=special, show_progress=False))
    model = json.loads(rough.to_str())["model"]
    for byte in range(256):
        model["vocab"].setdefault(f"<0x{byte:02X}>", len(model["vocab"]))
    merges = [tuple(pair) for pair in model["merges"]]
    bpe = models.BPE(vocab=model["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    tokenizer = Tokenizer(bpe)
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = metaspace
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    return small.wrapped(tokenizer, unk_token="<unk>")


def unigram(*, normalizer: Any = None) -> Any:
    """T5's kind: the likeliest pieces, a dummy prefix; it knows the characters that it has seen."""
    tokenizer = Tokenizer(models.Unigram())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=[*small.SPECIAL, "<unk>"], unk_token="<unk>", show_progress=False
    )
    return small.wrapped(_trained(tokenizer, trainer), unk_token="<unk>")


def wordpiece() -> Any:
    """BERT's kind: lower case, no line breaks, no blanks."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["<unk>", *small.SPECIAL], show_progress=False)
    return small.wrapped(_trained(tokenizer, trainer), unk_token="<unk>", sep_token="</s>", cls_token="<s>")


def with_labels(tokenizer: Any, **how: Any) -> Any:
    """A tokenizer whose labels are special tokens of their own."""
    first = AddedToken("<A>", special=True, normalized=False, **how)
    labels = [first, AddedToken("<B>", special=True, normalized=False)]
    tokenizer.add_special_tokens({"additional_special_tokens": labels})
    return tokenizer


STRIP = normalizers.Sequence([normalizers.Strip(left=False), normalizers.Replace(Regex(" {2,}"), " ")])
KINDS: dict[str, Callable[[], Any]] = {
    "bytes": byte_level,
    "bytes with a beginning token": functools.partial(small.byte_level, adds_bos=True),
    "bytes with a dummy prefix": functools.partial(byte_level, adds_prefix_space=True),
    "bytes split by an expression": functools.partial(byte_level, split=True),
    "bytes under NFKC": lambda: byte_level(normalizer=normalizers.NFKC()),
    "bytes with labels": lambda: with_labels(byte_level()),
    "bytes with labels that take blanks on their left": lambda: with_labels(byte_level(), lstrip=True),
    "bytes with labels that take blanks on their right": lambda: with_labels(byte_level(), rstrip=True),
    "sentencepiece": sentencepiece,
    "sentencepiece, legacy": functools.partial(sentencepiece, legacy=True),
    "sentencepiece without a prefix": functools.partial(sentencepiece, prefix=False),
    "sentencepiece with labels": lambda: with_labels(sentencepiece()),
    "sentencepiece without a strip": small.metaspace,
    "unigram": unigram,
    "unigram that strips": lambda: unigram(normalizer=STRIP),
    "unigram under NFKC": lambda: unigram(normalizer=normalizers.NFKC()),
    "words": wordpiece,
}
LOSSLESS = [
    "bytes",
    "bytes with a beginning token",
    "bytes with a dummy prefix",
    "bytes split by an expression",
    "bytes with labels",
    "sentencepiece",
    "sentencepiece, legacy",
    "sentencepiece without a prefix",
    "sentencepiece with labels",
    "sentencepiece without a strip",
]
"""Those that have a token for everything and leave texts as they are, but for their own marks."""


def marks(kind: str) -> set[str]:
    """What this kind reads as something else: SentencePiece writes a blank as U+2581, and cannot tell the two apart."""
    return {"\u2581"} if kind.startswith("sentencepiece") else set()


@functools.cache
def tokenizer_of(kind: str) -> Any:
    """Each is made once."""
    return KINDS[kind]()


RECORDS = [
    Example("own/kinds", prompt, answer)
    for prompt, answer in (
        ("Item 3: reverse red cat dog Answer: ", "dog cat red"),
        ("Item 3: reverse red cat dog Answer:", " dog cat red"),
        ("Item 3: reverse red cat dog Answer:", "dog cat red"),
        ("Item 3: reverse red cat dog\nAnswer:\n", "dog cat red"),
        ("Item 3: reverse red cat dog Answer:  ", "dog  cat"),
        ("Item 3: reverse red cat", "dog"),
        ("<s> import os <EOL> def f <EOL>", "( x ) : <EOL>"),
        ("def f(x):\n", "    return x\n"),
        ("def f(x):\n    ", "return x\n\n    pass"),
        ("def f(x):", "\n    return x"),
        ("Question:\n17 + 4\nAnswer:", "17.48"),
        ("Question:\n17 + 4\nAnswer: 1", "7.48"),
        ("文本：\n支持吗\n态度：", "支持"),
        ("文本：\n支持吗\n态度：支", "持"),
        ("文本：\n支持吗\n态度： ", "A"),
        ("Label: ", "<A>"),
        ("Label:", "<B>"),
        ("Label:", " <A>"),
        ("Label: <B>", " red"),
        ("Half a cup: ", "½ ﬁne"),
        ("Smile: ", "🙂"),
        ("", "red cat"),
        (" ", "red cat"),
        ("dove", "s"),
    )
]
