"""Models by name: told apart by content, loaded as fp32, refused when transformers would guess."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import small
import torch

from clbench.base.errors import ModelError
from clbench.base.hashing import file_digest
from clbench.models.loading import BUNDLED, describe, load_config, load_model, load_tokenizer
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.manager import load_plugins
from clbench.spec.protocol import Runtime
from clbench.testing.families import family, save


@pytest.fixture
def copy(llama, tmp_path):
    """A model folder to change."""
    return shutil.copytree(llama, tmp_path / "small-llama")


def load(folder, **options):
    return load_model(describe(str(folder)), device="cpu", runtime=Runtime(), **options)


def change(path, **values):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | values), encoding="utf-8")


# --- which model a name means


def test_a_folder_is_called_by_its_own_name_wherever_it_stands(llama, copy, monkeypatch):
    one, other = describe(str(llama)), describe(str(copy))
    assert one.identity() == other.identity() == {"name": "small-llama", "hash": one.hash}
    assert one.local
    assert not one.trust_remote_code
    monkeypatch.chdir(copy)
    assert describe(".").identity() == one.identity()
    assert describe(f"{llama}/").identity() == one.identity()


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"]
)
def test_whatever_changes_the_results_changes_the_hash(copy, name):
    before = describe(str(copy)).hash
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + b"\0" if name.endswith("safetensors") else content + b"\n")
    assert describe(str(copy)).hash != before


def test_a_readme_does_not_change_the_hash(copy):
    before = describe(str(copy)).hash
    (copy / "README.md").write_text("a model")
    assert describe(str(copy)).hash == before


def test_the_bundled_model_is_found_under_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ref = describe(BUNDLED)
    assert ref.name == BUNDLED
    assert len(load_tokenizer(ref)) <= load_config(ref).vocab_size


def test_a_model_whose_card_states_other_hashes_is_damaged(copy):
    path = copy / "model.safetensors"
    row = "| sha256 of {} | `{}` |\n"
    card = row.format("model.safetensors", file_digest(path)) + row.format("tokenizer.json", "0" * 64)
    (copy / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json: is damaged or missing"):
        describe(str(copy))
    (copy / "MODEL_CARD.md").write_text(card.splitlines()[0], encoding="utf-8")
    assert describe(str(copy)).files["model.safetensors"] == file_digest(path)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("./missing", "is no folder; give a folder"),
        ("/tmp/missing/model", "is no folder"),
        ("a/b/c", "is no folder"),
        ("nobody-has-this", "neither a local folder nor to be had from the Hub"),
        ("not a name!", "neither a local folder nor to be had from the Hub"),
    ],
)
def test_a_name_that_means_nothing_is_refused(monkeypatch, name, complaint):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=complaint):
        describe(name)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_hub_model_is_pinned_to_the_revision_it_has_now(monkeypatch, trusted):
    asked = []

    def model_info(self, name, *, revision):
        asked.append((name, revision))
        return SimpleNamespace(sha="abc123")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)
    ref = describe("lab/model", revision="main", trust_remote_code=trusted)
    assert asked == [("lab/model", "main")]
    assert (ref.name, ref.hash, ref.local, dict(ref.files)) == ("lab/model", "abc123", False, {})
    assert ref.trust_remote_code is trusted


# --- what is loaded


@pytest.mark.parametrize("kind", ["llama", "bos_llama", "gpt2"])
def test_the_saved_model_comes_back_in_fp32(request, kind):
    from safetensors.torch import load_file

    folder = request.getfixturevalue(kind)
    loaded = load(folder)
    saved = load_file(folder / "model.safetensors")
    held = loaded.model.state_dict()
    assert all(torch.equal(tensor, held[name]) for name, tensor in saved.items())
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert loaded.notes == ()


def test_half_precision_weights_become_fp32_masters(copy):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(copy).half().save_pretrained(copy)
    assert {parameter.dtype for parameter in load(copy).model.parameters()} == {torch.float32}


def test_a_checkpoints_sampling_is_forgotten_and_its_end_tokens_are_kept(copy):
    settings = {"do_sample": True, "temperature": 0.1, "top_p": 0.9, "repetition_penalty": 3.0, "num_beams": 4}
    (copy / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [2, 7]}))
    config = load(copy).model.generation_config
    assert (config.do_sample, config.eos_token_id, config.pad_token_id) == (False, [2, 7], 0)
    assert config.temperature in (None, 1.0)
    assert config.repetition_penalty in (None, 1.0)
    assert config.num_beams in (None, 1)


def test_a_model_without_padding_token_pads_with_its_end_token(copy):
    change(copy / "tokenizer_config.json", pad_token=None)
    assert load(copy).model.generation_config.pad_token_id == 2


@pytest.mark.parametrize(("name", "attention"), [("llama", "sdpa"), ("bloom", "eager"), ("gemma2", "eager")])
def test_attention_is_the_best_that_the_architecture_has(name, attention, tmp_path):
    folder = save(family(name), tmp_path / name, tokenizer=small.byte_level())
    loaded = load(folder)
    assert loaded.model.config._attn_implementation == attention
    said = f"{name}: attention is eager, as its architecture has no sdpa"
    assert loaded.notes == ((said,) if attention == "eager" else ())
    asked = load_model(describe(str(folder)), device="cpu", runtime=Runtime(attention="eager"))
    assert (asked.model.config._attn_implementation, asked.notes) == ("eager", ())


def test_attention_that_the_architecture_lacks_is_refused(tmp_path):
    folder = save(family("mpt"), tmp_path / "mpt", tokenizer=small.byte_level())
    with pytest.raises(ModelError, match=r"no sdpa.*runtime\.attention=auto"):
        load_model(describe(str(folder)), device="cpu", runtime=Runtime(attention="sdpa"))


def test_a_model_computes_and_keeps_the_same_in_training_and_in_evaluation(tmp_path):
    """RWKV would halve the weights of every sixth block for evaluation, and a checkpoint would hold the halves."""
    deep = family("rwkv")
    deep = replace(deep, settings={**deep.settings, "num_hidden_layers": 8})
    model = load(save(deep, tmp_path / "rwkv", tokenizer=small.byte_level())).model
    ids = torch.arange(3, 13)[None]
    with torch.no_grad():
        before = {name: p.clone() for name, p in model.train().named_parameters()}
        trained = model(input_ids=ids, use_cache=False).logits
        asked = model.eval()(input_ids=ids, use_cache=False).logits
    assert torch.equal(trained, asked)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_a_plugins_model_is_taken_and_decodes_greedily_too(llama):
    mine, tokenizer = small.make_llama(320, seed=5), small.byte_level()
    mine.generation_config.do_sample = True

    @hookimpl
    def clbench_load_model(name, device):
        return (mine, tokenizer, {}) if name == str(llama) else None

    plugins = load_plugins()
    plugins.manager.register(SimpleNamespace(clbench_load_model=clbench_load_model), name="lab")
    loaded = load(llama, plugins=plugins)
    assert loaded.model is mine
    assert (mine.generation_config.do_sample, mine.generation_config.eos_token_id) == (False, [2])


# --- what is refused


def no_config(folder):
    (folder / "config.json").unlink()


def broken_config(folder):
    (folder / "config.json").write_text("{")


def unknown_type(folder):
    change(folder / "config.json", model_type="nonsense")


def no_causal_lm(folder):
    change(folder / "config.json", model_type="vit")


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def missing_layer(folder):
    change(folder / "config.json", num_hidden_layers=3)


def other_size(folder):
    change(folder / "config.json", intermediate_size=64)


def pickled_weights(folder):
    torch.save(small.make_llama(320).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def pickled_beside_others(folder):
    torch.save(small.make_llama(320).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder / "adapter.safetensors")


def larger_tokenizer(folder):
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["added_tokens"].append(content["added_tokens"][0] | {"id": 320, "content": "<more>"})
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


BAD = {
    no_config: r"config\.json is missing",
    broken_config: r"config\.json: cannot be read as JSON",
    unknown_type: r"its (config\.json|tokenizer) cannot be loaded",
    no_causal_lm: "cannot be loaded as a causal LM",
    cut_weights: r"model\.safetensors: cannot be read as weights .*incomplete",
    no_weights: r"holds no \*\.safetensors weights",
    missing_layer: r"9 tensors are missing or have another shape, such as model\.layers\.2",
    other_size: "6 tensors are missing or have another shape",
    pickled_weights: "pickled ones are never loaded",
    pickled_beside_others: "cannot be loaded as a causal LM",
    larger_tokenizer: "the tokenizer has 321 tokens, the model 320: they do not fit",
    no_tokenizer: "its tokenizer cannot be loaded",
}


@pytest.mark.parametrize("damage", BAD, ids=lambda damage: damage.__name__)
def test_a_damaged_folder_is_refused_in_one_line(copy, damage, capfd):
    damage(copy)
    with pytest.raises(ModelError, match=BAD[damage]) as error:
        load(copy)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert capfd.readouterr().err == ""


def test_weights_that_are_left_out_are_noted(copy):
    change(copy / "config.json", num_hidden_layers=1)
    assert load(copy).notes == ("small-llama: 9 tensors of its weights are no part of the model and were left out",)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_models_own_code_runs_only_when_asked_for(copy, tmp_path, trusted):
    ran = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(ran)!r}).touch()\nraise ImportError('own code')\n"
    (copy / "own_code.py").write_text(code)
    change(
        copy / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "own_code.OwnConfig", "AutoModelForCausalLM": "own_code.OwnModel"},
    )
    ref = describe(str(copy), trust_remote_code=trusted)
    with pytest.raises(ModelError):
        load_model(ref, device="cpu", runtime=Runtime())
    assert ran.exists() is trusted
