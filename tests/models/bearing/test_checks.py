"""Causality and padding of every architecture, as they are found when a model is loaded."""

from types import SimpleNamespace

import architectures
import pytest
import small
import torch

from clbench.base.errors import ModelError
from clbench.models.bearing import packed
from clbench.models.bearing.checks import ASKING, TRAINING, check, differ
from clbench.models.bearing.padding import Padding
from clbench.models.loading import LoadedModel
from clbench.testing import families
from clbench.testing.families import FAMILIES, family, make

LEFT_PADDING_IS_READ = {"rwkv", "minimax"}
NEVER_PACKED = {  # a state or a convolution that runs on, an attention that is not transformers' interface
    *("bloom", "mpt", "gemma2", "mamba", "rwkv", "recurrent_gemma", "codegen", "falcon", "falcon_mamba", "gpt_neo"),
    *("gptj", "gpt_oss", "lfm2", "mamba2", "minimax", "nemotron", "stablelm", "xglm"),
}
WINDOWS = {"gemma3_text": 64, "mistral": 64, "cohere2": 64, "exaone4": 64}


def loaded(one, *, vocabulary=64, **how):
    from transformers import GenerationConfig

    model = make(one, vocabulary=vocabulary, **how)
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=[2], pad_token_id=0)
    return LoadedModel(model, SimpleNamespace(), ("before",))


def packs(one):
    """Tokens of a text that may share a row."""
    return 0 if one.model_type in NEVER_PACKED else WINDOWS.get(one.model_type, packed.ANY)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("one", [one for one in FAMILIES if one.causal], ids=lambda one: one.model_type)
def test_what_a_causal_model_bears(one, precision):
    drawn = torch.random.get_rng_state()
    given = loaded(one)
    given.model.train()
    found = check(given, name=one.name, precision=precision)
    reads = one.model_type in LEFT_PADDING_IS_READ
    assert found.padding == Padding(training=True, asking=not reads, packing=packs(one))
    assert found.notes == ("before", *([ASKING] if reads else []))
    assert found.model is given.model
    assert found.model.training
    assert torch.equal(torch.random.get_rng_state(), drawn)


@pytest.mark.parametrize("one", [one for one in FAMILIES if not one.causal], ids=lambda one: one.model_type)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_masked_models_are_refused(one, precision):
    with pytest.raises(ModelError, match=f"model '{one.name}': is no causal language model: a later token"):
        check(loaded(one), name=one.name, precision=precision)


def test_a_masked_model_is_refused_on_the_command_line(tmp_path, call, home):
    from clbench.testing.families import save

    stream = small.write_stream(tmp_path / "stream")
    folder = save(family("bert"), tmp_path / "bert", tokenizer=small.byte_level())
    done = call("run", "--stream", stream, "--plugin", "sequential", "--model", folder, "--runs-dir", tmp_path / "runs")
    assert done.code == 2
    assert "model 'bert': is no causal language model" in done.err
    assert "Traceback" not in done.err


def test_padding_that_changes_losses_is_found():
    """A model that normalises over all tokens: what stands behind a text reaches back only through their number."""
    given = loaded(family("llama"))
    real = given.model.model.forward

    def forward(*args, **more):
        output = real(*args, **more)
        output.last_hidden_state = output.last_hidden_state * output.last_hidden_state.shape[1]
        return output

    given.model.model.forward = forward
    found = check(given, name="odd", precision="fp32")
    assert not found.padding.training
    assert TRAINING in found.notes


def test_what_is_no_number_says_nothing():
    assert not differ(torch.tensor([float("nan")] * 2), torch.tensor([1.0, 2.0]), loose=1e-3)


def test_it_costs_three_passes_and_two_short_generations():
    given, seen = loaded(family("llama")), []
    given.model.register_forward_pre_hook(lambda _, __, more: seen.append(more["input_ids"].numel()), with_kwargs=True)
    check(given, name="llama", precision="fp32")
    assert seen[:2] == [48, 9]
    assert len(seen) == 3 + 2 * 4
    assert sum(seen) < 160


def test_the_page_has_a_line_for_every_architecture_and_says_what_holds_here():
    lines = [line.split(" | ") for line in architectures.PAGE.read_text("utf-8").splitlines() if " | " in line]
    told = {cells[0].removeprefix("| "): cells[2:] for cells in lines if len(cells) == 6}
    for one in FAMILIES:
        found = told[one.name]
        assert found[0].startswith("not seen" if one.causal else "is seen: refused")
        if one.causal:
            before = "equal lengths" if one.model_type in LEFT_PADDING_IS_READ else "nothing changes"
            packing = {0: "padded", 64: "packed, up to 64 tokens"}.get(packs(one), "packed")
            assert found[1:] == ["nothing changes", before, f"{packing} |"]


def test_the_pages_table_is_made_by_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(families, "FAMILIES", [family("rwkv"), family("bert")])
    text = architectures.page(f"before\n{architectures.BEGIN}old{architectures.END}after\n")
    assert text.startswith(f"before\n{architectures.BEGIN}\n| architecture")
    assert text.endswith(f"\n\n{architectures.END}after\n")
    real = architectures.PAGE.read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| RWKV", "| BERT"))]
    assert len(rows) == 2
    assert all(row in real for row in rows)
