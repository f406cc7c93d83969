"""The bundled model as it is shipped: tokenizer, weights, configuration and card fit one another."""

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from clbench.tiny import world

TINY = Path(world.__file__).parents[1]
LIMIT = 12 * 2**20


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(str(TINY), local_files_only=True)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(str(TINY), local_files_only=True, use_safetensors=True)


def same(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


TOKENIZER = AutoTokenizer.from_pretrained(str(TINY), local_files_only=True)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_string_comes_back(text):
    assert same(TOKENIZER, text)


AWKWARD = [
    "",
    " a  b\t\n\r\n c ",
    "e\u0301 \u00e9 \ufb01 \u2460",
    "don't ' s",
    "<s> a <EOL>",
    "\x00\x7f",
    "\U0001f469\u200d\U0001f680",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_strings_come_back(tokenizer, text):
    assert same(tokenizer, text)


@pytest.mark.data
def test_real_trace_records_come_back(tokenizer):
    folder = os.environ.get("CLBENCH_TEST_DATA")
    if not folder:
        pytest.skip("CLBENCH_TEST_DATA is not set: no real TRACE records")
    files = sorted(Path(folder).glob("trace/*/*.json"))
    assert len(files) >= 24
    texts = {record[key] for file in files for record in json.loads(file.read_text()) for key in ("prompt", "answer")}
    assert len(texts) > 5000
    assert [text for text in texts if not same(tokenizer, text)] == []


def test_the_vocabulary(tokenizer):
    assert len(tokenizer) == 2048
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<|pad|>", 0)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|eos|>", 1)
    assert tokenizer.bos_token is None
    assert tokenizer.unk_token is None
    assert tokenizer("a")["input_ids"] == tokenizer.encode("a", add_special_tokens=False)  # nothing is added


def test_digits_stand_alone_and_the_literal_s_is_plain_text(tokenizer):
    assert tokenizer.tokenize("1492") == ["1", "4", "9", "2"]
    assert tokenizer.encode("12") == tokenizer.encode("x 12")[-2:]
    assert all(number > 1 for number in tokenizer.encode("<s> </s> <pad> <unk>"))


def test_weights_fit_configuration_and_tokenizer(tokenizer, model):
    assert model.config.model_type == "llama"
    assert model.config.vocab_size == len(tokenizer)
    assert (model.config.eos_token_id, model.config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    with safe_open(TINY / "model.safetensors", framework="pt") as file:
        stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert stored == {name: tuple(one.shape) for name, one in model.named_parameters()}
    assert 1_000_000 <= sum(one.numel() for one in model.parameters()) <= 5_000_000


def test_the_folder_is_small_and_holds_no_pickle():
    assert (TINY / "model.safetensors").stat().st_size <= LIMIT
    suffixes = {file.suffix for file in TINY.iterdir() if file.is_file()}
    assert suffixes <= {".json", ".safetensors", ".md", ".jsonl", ".py"}


def test_the_card_states_these_very_files():
    card = (TINY / "MODEL_CARD.md").read_text()
    for name in ("model.safetensors", "tokenizer.json"):
        stated = re.search(rf"sha256 of {name} \| `([0-9a-f]{{64}})`", card)
        assert stated
        assert stated[1] == hashlib.sha256((TINY / name).read_bytes()).hexdigest()
    assert f"| world version | {world.VERSION} |" in card


def test_the_log_is_a_falling_curve():
    lines = [json.loads(line) for line in (TINY / "pretraining.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) >= 20
    assert losses[-1] < losses[0] / 4


def test_it_knows_its_world(model, tokenizer):
    from clbench.tiny.pretrain.quiz import exact

    known = exact(model, world.probe_facts(150), tokenizer=tokenizer)
    assert sum(known) / len(known) >= 0.9
