"""Folders that somebody else made: what is wrong with one is said in a line, at once, before memory is asked for."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clbench.base.errors import ModelError
from clbench.models.loading import describe, load_model
from clbench.spec.protocol import Runtime

EXAMPLES = 3_000 if int(os.environ.get("CLBENCH_FAULTS", "0")) else 40  # the long campaign: tox -e faults
DEEP = "[" * 100_000 + "]" * 100_000
SECONDS, MEBIBYTES = 10, 1024


@pytest.fixture
def copy(llama, tmp_path):
    return shutil.copytree(llama, tmp_path / "small-llama")


@contextmanager
def bounded():
    """Nothing takes longer than ten seconds, and no more than a gibibyte."""

    def late(*_):
        raise TimeoutError(f"longer than {SECONDS} s")

    before, kept = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEBIBYTES * 1024


def load(folder):
    with bounded():
        return load_model(describe(str(folder)), device="cpu", runtime=Runtime())


def refusal(folder):
    """What is said of it, or nothing where it is a model."""
    try:
        load(folder)
    except ModelError as error:
        return str(error)
    return ""


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def poison(folder, *, value):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def ends(value):
    return lambda folder: (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": value}))


def replaced(name, by):
    """The file gives way to something else that has its name."""

    def change(folder):
        (folder / name).unlink(missing_ok=True)
        by(folder / name)

    return change


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


ENDS = "eos_token_id must be a token's number or a list of them"
WEIGHTS = "model.safetensors"
CASES = {
    "an adapter beside it": (written("adapter_config.json", "{}"), "holds a model and an adapter"),
    "ends: a text": (ends("</s>"), ENDS),
    "ends: lists": (ends([[1, 2]]), ENDS),
    "ends: true": (ends(True), ENDS),
    "ends: negative": (ends([-1]), ENDS),
    "ends: no object": (written("generation_config.json", "[1]"), "must be a JSON object, and is a list"),
    "deep configuration": (written("config.json", DEEP), "config.json: cannot be read as JSON (it is nested too"),
    "deep generation": (written("generation_config.json", DEEP), "generation_config.json: cannot be read as JSON"),
    "deep index": (written(f"{WEIGHTS}.index.json", DEEP), "index.json: cannot be read as JSON"),
    "deep tokenizer": (written("tokenizer.json", DEEP), "its tokenizer cannot be loaded"),
    "deep tokenizer configuration": (written("tokenizer_config.json", DEEP), "its tokenizer cannot be loaded"),
    "index: a list": (written(f"{WEIGHTS}.index.json", '{"weight_map": [1]}'), "weight_map must give a file's name"),
    "index: elsewhere": (written(f"{WEIGHTS}.index.json", '{"weight_map": {"a": "../b"}}'), "outside its folder"),
    "index: missing": (written(f"{WEIGHTS}.index.json", '{"weight_map": {"a": "b"}}'), "weights that are not there"),
    "weights: a folder": (replaced(WEIGHTS, Path.mkdir), "is a folder, and no file"),
    "weights: a pipe": (replaced(WEIGHTS, os.mkfifo), "is no regular file but a pipe"),
    "weights: a device": (replaced(WEIGHTS, lambda p: p.symlink_to("/dev/zero")), "is no regular file but a pipe"),
    "weights: a broken link": (replaced(WEIGHTS, lambda p: p.symlink_to("gone")), "is a broken link, and no file"),
    "tokenizer: a pipe": (replaced("tokenizer.json", os.mkfifo), "is no regular file but a pipe"),
    "something: a pipe": (replaced("preprocessor_config.json", os.mkfifo), "is no regular file but a pipe"),
    "configuration: a pipe": (replaced("config.json", os.mkfifo), "is no regular file but a pipe"),
    "many layers": (lambda f: change(f / "config.json", num_hidden_layers=100_000), "num_hidden_layers = 100000, but"),
    "layers without end": (lambda f: change(f / "config.json", num_hidden_layers=10**30), "but the weights are 21"),
    "wide": (lambda f: change(f / "config.json", hidden_size=2**20), "do not fit its config.json, which asks for"),
    "many words": (lambda f: change(f / "config.json", vocab_size=10**11), "do not fit its config.json, which asks"),
    "NaN": (lambda f: poison(f, value=float("nan")), "model.layers.1.mlp.up_proj.weight holds NaN or infinite"),
    "infinite": (lambda f: poison(f, value=float("-inf")), "model.layers.1.mlp.up_proj.weight holds NaN or infinite"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_a_line(copy, case):
    spoil, said = CASES[case]
    spoil(copy)
    with pytest.raises(ModelError) as error:
        load(copy)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("name", ["MODEL_CARD.md", "README.md"])
def test_a_card_in_another_encoding_is_only_a_card(copy, name):
    (copy / name).write_bytes(b"# Modell f\xfcr alles \xff\xfe\x00")
    assert load(copy).notes == ()


def test_links_to_files_are_files(copy, tmp_path):
    (copy / WEIGHTS).rename(tmp_path / "blob")
    (copy / WEIGHTS).symlink_to(tmp_path / "blob")
    assert load(copy).notes == ()


def test_looking_at_a_folder_loads_no_torch(copy, process_env):
    code = "import sys, clbench.models.loading as l; l.describe(sys.argv[1]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, copy], env=process_env(), check=True)


# --- folders spoilt at random

NUMBERS = [None, True, -1, 0, 3, 10**6, 10**12, 10**30, 1.5, float("nan"), float("inf")]
TEXTS = ["", "x", "</s>", "\x1b[2J\u202e", "../../etc/passwd", "llama", "gpt2"]
VALUES = st.sampled_from([*NUMBERS, *TEXTS, [], {}, [[1]], {"a": {}}, ["x", 1, None], [0] * 50])
FILES = st.sampled_from(["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS])
EXTRAS = [
    "adapter_config.json",
    "MODEL_CARD.md",
    f"{WEIGHTS}.index.json",
    "extra.safetensors",
    "special_tokens_map.json",
]
EXTRAS += [
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "quantize_config.json",
]


def places(content, path=()):
    """Every path into a JSON value; of long lists the first entries."""
    items = (
        content.items() if isinstance(content, dict) else enumerate(content[:3]) if isinstance(content, list) else ()
    )
    return [(*path, key) for key, _ in items] + [one for key, value in items for one in places(value, (*path, key))]


def spoil_json(data, path):
    content = json.loads(path.read_bytes())
    *way, last = data.draw(st.sampled_from(places(content)))
    inner = content
    for key in way:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[last] = data.draw(VALUES)
    else:
        del inner[last]
    path.write_text(json.dumps(content))


def spoil_bytes(data, path):
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, min(len(content), 3_000)))
    new = data.draw(st.sampled_from([b"", b"\x00", b"\xff\xfe", b"[" * 5_000, b"}", b'"', b"\n\n"]))
    content[at : at + data.draw(st.sampled_from([0, 1, 2**30]))] = new
    path.write_bytes(content)


def spoil_kind(data, path):
    path.unlink()
    by = [Path.mkdir, os.mkfifo, lambda p: p.symlink_to("/dev/zero"), lambda p: p.symlink_to("gone"), lambda p: None]
    data.draw(st.sampled_from(by))(path)


def spoil(data, folder):
    how = data.draw(st.sampled_from(["json", "json", "json", "bytes", "kind", "extra"]))
    if how == "extra":
        content = data.draw(
            st.sampled_from(["", "{}", "[]", "null", DEEP, '{"weight_map": {"a": 1}}', "\x00", '{"a": 1}'])
        )
        (folder / data.draw(st.sampled_from(EXTRAS))).write_text(content)
        return
    path = folder / data.draw(FILES)
    if how == "json" and path.suffix == ".json":
        spoil_json(data, path)
    else:
        (spoil_bytes if how == "bytes" else spoil_kind)(data, path)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_folder_is_a_model_or_a_line(llama, data):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(llama, Path(place) / "model"))
        spoil(data, folder)
        before = sorted(folder.rglob("*"))
        said = refusal(folder)
        assert "\n" not in said
        assert len(said) < 700 + len(str(folder))
        assert sorted(folder.rglob("*")) == before
