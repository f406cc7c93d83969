"""A probe of a model of a large vocabulary and a long window, with the defaults, in a process of its own.

The shape is SmolLM2-135M's, with random weights. `CLBENCH_MEMORY=1` (tox's environment `memory`) takes all of its 30
layers and 200 questions; otherwise there are two layers and a batch of 128, as the vocabulary is what takes the memory.
"""

import json
import os
import random
import subprocess
import sys

import small

from clbench.data.example import Example

WHOLE = bool(os.environ.get("CLBENCH_MEMORY"))
LAYERS, QUESTIONS, LONGEST = (30, 200, 40) if WHOLE else (2, 128, 20)
MOST = 3.0  # GB; plans by tokens, with whole logits, took 23.9 and 7.2
WORDS = ["take", "a", "small", "brush", "and", "paint", "the", "wooden", "box", "with", "two", "thin", "layers", "dry"]


def words():
    """A tokenizer of a token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    known = {word: number for number, word in enumerate([*small.SPECIAL, "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return small.wrapped(tokenizer, unk_token="<unk>")


def model():
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=49152,
            hidden_size=576,
            num_hidden_layers=LAYERS,
            num_attention_heads=9,
            num_key_value_heads=3,
            intermediate_size=1536,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
        )
    )


def write_questions(folder):
    """In the form of PIQA's records on the Hub, and of their lengths."""
    dice = random.Random(0)

    def said(least, most):
        return " ".join(dice.choices(WORDS, k=dice.randint(least, most)))

    rows = [{"goal": said(5, 12), "sol1": said(8, LONGEST), "sol2": said(8, LONGEST)} for _ in range(QUESTIONS)]
    rows = [{**row, "label": i % 2} for i, row in enumerate(rows)]
    (folder / "commonsense" / "piqa").mkdir(parents=True)
    (folder / "commonsense" / "piqa" / "test.json").write_text(json.dumps(rows))
    return folder


def test_a_probe_with_the_defaults_stays_small(tmp_path):
    folder = small.save(tmp_path / "wide", model(), words())
    stream = tmp_path / "stream"
    path = small.write_stream(stream, tasks=("own/word",), train=2, test=2)
    small.write_jsonl(
        stream / "word.test.jsonl", [Example("own/word", "take a", "small"), Example("own/word", "with two", "layers")]
    )
    command = [sys.executable, "-m", "clbench", "run", "--stream", path, "--plugin", "frozen", "--model", folder]
    probe = ["--probe", "piqa", "--probe-limit", "200", "--data", write_questions(tmp_path / "data")]
    where = ["--runs-dir", tmp_path / "runs", "--leaderboards-dir", tmp_path / "boards"]
    done = subprocess.run([*map(str, [*command, *probe, *where])], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = (tmp_path / "runs").glob("*/record.json")
    held = json.loads(record.read_text())
    peak = held["costs"]["peak_memory_bytes"] / 1e9
    print(f"{LAYERS} layers: {peak:.2f} GB, {held['costs']['eval_seconds']:.0f} s")  # noqa: T201 (for docs/models.md)
    assert peak < MOST
    (asked,) = record.parent.glob("predictions/00/*piqa.jsonl")
    assert len(asked.read_text().splitlines()) == QUESTIONS
    assert not [text for text in held["warnings"] if "memory" in text]
