"""What the kit trains on: a random Llama of 32,000 parameters, and a stream of small tasks with numbered examples.

Every example carries a number in its prompt, so that it is known again wherever a method keeps it: as an object, as
text, as tokens.
"""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clbench.base import seeding
from clbench.data.example import Example
from clbench.testing import families

TASKS = ("kit/first", "kit/last", "kit/longest")
SIZE, TEST_SIZE = 16, 4
EPOCHS, GLOBAL_BATCH = 3, 8
STEPS = EPOCHS * SIZE // GLOBAL_BATCH
"""Of a task, before a method changes its data."""
PROTOCOL = {
    "learning_rate": 1e-2,
    "epochs": EPOCHS,
    "global_batch": GLOBAL_BATCH,
    "max_prompt_tokens": 96,
    "max_answer_tokens": 8,
}
_WORDS = ("hawk", "dove", "budget", "rate", "tree", "house", "17", "4", "council", "neutral")
_MARKER = re.compile(r"q(\d{5})")
_SPECIAL = ("<pad>", "<s>", "</s>")
_FIRST = 33  # "!", the first character of the byte-level alphabet; its token follows the special ones


def device() -> str:
    """What runs of the kit are made on: a CPU, where they repeat to the bit, or as `CLBENCH_CHECK_DEVICE` says.

    On a GPU torch is told to be deterministic, in each process of the kit, and says where it cannot be.
    """
    found = os.environ.get("CLBENCH_CHECK_DEVICE", "cpu")
    if found != "cpu":
        import torch

        torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return found


def write(folder: Path, *, sizes: Sequence[int], family: families.Family | None = None) -> tuple[Path, Path]:
    """A stream file and a model folder.

    Args:
        folder: where.
        sizes: training examples of each task.
        family: of the model, instead of the kit's own.
    """
    model = folder / "model"
    model.mkdir()
    if family is not None:
        families.save(family, model, tokenizer=byte_tokenizer())
    for name, content in _model_files().items() if family is None else ():
        (model / name).write_bytes(content)
    return _write_stream(folder / "stream", sizes=sizes), model


def _write_stream(folder: Path, *, sizes: Sequence[int]) -> Path:
    import yaml

    folder.mkdir(parents=True)
    tasks = {}
    for number, (task, size) in enumerate(zip(TASKS, sizes, strict=False)):
        name = task.rpartition("/")[2]
        for split, count in (("train", size), ("test", TEST_SIZE)):
            lines = [json.dumps(_record(number, index, split=split)) for index in range(count)]
            (folder / f"{name}.{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        tasks[task] = {
            "data": {"files": {split: f"{name}.{split}.jsonl" for split in ("train", "test")}},
            "scorers": {"strict": "fuzz_levenshtein", "lenient": "exact"},
            "max_new_tokens": 4,
        }
    path = folder / "kit.yaml"
    content = {"stream": "kit", "tasks": tasks, "protocol": PROTOCOL}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _record(task: int, index: int, *, split: str) -> dict[str, str]:
    rng = seeding.rng(0, "kit", task, split, index)
    words = rng.choices(_WORDS, k=rng.randint(2, 6))
    answer = (words[0], words[-1], max(words, key=len))[task]
    return {"prompt": f"{TASKS[task]} q{task}{split == 'test':d}{index:03d} {' '.join(words)}:", "answer": answer}


def test_records() -> list[Example]:
    """One of each task, as nobody may have it."""
    found = [_record(number, 0, split="test") for number in range(len(TASKS))]
    return [Example(task, one["prompt"], one["answer"]) for task, one in zip(TASKS, found, strict=True)]


def markers(texts: Iterable[str]) -> set[str]:
    """The numbers of all examples that are named in some texts."""
    return {found for text in texts for found in _MARKER.findall(text)}


def is_test(marker: str) -> bool:
    """Whether a number belongs to a test example."""
    return marker[1] == "1"


def decode(ids: Iterable[int]) -> str:
    """Tokens as text; what is not ASCII becomes a space."""
    return "".join(chr(one - len(_SPECIAL) + _FIRST) if len(_SPECIAL) <= one < 97 else " " for one in ids)


@functools.cache
def _model_files() -> dict[str, bytes]:
    """The model, made once a process."""
    with tempfile.TemporaryDirectory(prefix="clbench-check-") as folder:
        _save_model(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _save_model(folder: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,  # so that greedy answers differ from prompt to prompt
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def byte_tokenizer() -> Any:
    """A byte is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*_SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = dict(zip(("pad_token", "bos_token", "eos_token"), _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=10_000, **special)
