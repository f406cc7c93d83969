"""`--save-model`: the trained model loads anywhere with the same logits, and nothing else of the run changes."""

import json

import pytest
import small
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from clbench.base.errors import ModelError
from clbench.models.loading import load_model
from clbench.models.naming import find_model
from clbench.spec.protocol import Runtime

PACKAGES = {
    **dict.fromkeys(("mofo", "hft"), "clbench_mofo"),
    **dict.fromkeys(("ewc", "wise-ft"), "clbench_penalty"),
    **dict.fromkeys(("lora", "dora", "olora", "osf"), "clbench_peft"),
    "replay": "clbench_replay",
}
PROMPT = "Repeat the word.\nWord:\nhawk"


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", epochs=1)


@torch.no_grad()
def logits(model, tokenizer):
    return model.eval()(**tokenizer(PROMPT, return_tensors="pt")).logits


class Spy:
    """Hears the logits of the model as it is measured at the end; those of the base come first."""

    def __init__(self, monkeypatch, base):
        from clbench.engine import keeping

        loaded = load_model(find_model(str(base)), device="cpu", runtime=Runtime())
        self.heard = {0: logits(loaded.model, loaded.tokenizer)}
        original = keeping.keep

        def keep(fixed, moving, *, row):
            original(fixed, moving, row=row)
            self.heard[row] = logits(moving.stage.run.model, moving.evaluator.encoder.tokenizer)

        monkeypatch.setattr("clbench.engine.runner.keep", keep)


@pytest.mark.parametrize("method", ["sequential", "mofo", "replay", "wise-ft", "ewc", "single"])
def test_a_kept_model_gives_the_same_logits_bit_for_bit(method, stream, llama, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES.get(method, "clbench"))
    spy = Spy(monkeypatch, llama)
    [done] = small.run_stream(stream, method, model=llama, home=tmp_path, save_model="end")
    folder = done.run_dir.path / "model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert torch.equal(logits(model, tokenizer), spy.heard[3])
    assert not torch.equal(spy.heard[3], spy.heard[0])


@pytest.mark.parametrize("method", ["lora", "dora", "olora", "osf"])
def test_adapters_are_merged(method, stream, llama, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES.get(method, "clbench"))
    spy = Spy(monkeypatch, llama)
    [done] = small.run_stream(stream, method, model=llama, home=tmp_path, save_model="end")
    folder = done.run_dir.path / "model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    torch.testing.assert_close(logits(model, tokenizer), spy.heard[3], rtol=1e-4, atol=1e-4)
    assert not any("lora" in name for name in model.state_dict())


def test_each_tasks_model_is_named_by_its_row(stream, llama, tmp_path):
    [done] = small.run_stream(stream, model=llama, home=tmp_path, save_model="each")
    assert sorted(path.name for path in (done.run_dir.path / "model").iterdir()) == ["1", "2", "3"]
    refs = [find_model(f"run:{done.run_dir.run_id}{row}", runs_dir=tmp_path / "runs") for row in ("", "/3", "/1")]
    assert refs[0].hash == refs[1].hash != refs[2].hash


@pytest.mark.parametrize("method", ["sequential", "lora"])
def test_keeping_changes_nothing_else(method, stream, llama, tmp_path):
    pytest.importorskip(PACKAGES.get(method, "clbench"))
    [plain] = small.run_stream(stream, method, model=llama, home=tmp_path / "plain")
    [kept] = small.run_stream(stream, method, model=llama, home=tmp_path / "kept", save_model="each")
    assert plain.run_dir.run_id == kept.run_dir.run_id
    assert plain.record.board == kept.record.board
    assert plain.record.matrix("strict") == kept.record.matrix("strict")
    assert plain.record.drift == kept.record.drift


def test_what_a_run_kept_is_a_model_for_the_next_one(stream, llama, tmp_path):
    [first] = small.run_stream(stream, model=llama, home=tmp_path, save_model="end")
    [second] = small.run_stream(stream, "frozen", model=f"run:{first.run_dir.run_id}", home=tmp_path)
    last, base = first.record.matrix("strict").rows[-1], second.record.matrix("strict").rows[-1]
    assert last == pytest.approx(base, abs=1e-12)
    assert second.record.board.model["name"] == f"run:{first.run_dir.run_id}"


def test_the_readme_says_where_it_comes_from(stream, llama, tmp_path):
    [done] = small.run_stream(stream, model=llama, home=tmp_path, save_model="end")
    told = (done.run_dir.path / "model" / "README.md").read_text()
    for part in (done.run_dir.run_id, done.record.board.model["hash"], "sequential", "own/word", "| seed | 0 |"):
        assert part in told
    assert json.loads((done.run_dir.path / "model" / "config.json").read_text())["architectures"] == [
        "LlamaForCausalLM"
    ]


def test_layers_that_nothing_else_could_load_are_refused_before_training(stream, llama, tmp_path):
    pytest.importorskip("clbench_loramoe")
    with pytest.raises(ModelError, match="--save-model: loramoe gives the model layers of its own"):
        small.run_stream(stream, "loramoe", model=llama, home=tmp_path, save_model="end")
    assert not list((tmp_path / "leaderboards").glob("*.md"))


def test_a_finished_run_that_kept_none_says_so(stream, llama, tmp_path, call):
    arguments = [stream, "--plugin", "sequential", "--model", llama, "--runs-dir", tmp_path / "r"]
    arguments = ["run", "--stream", *arguments, "--leaderboards-dir", tmp_path / "l"]
    assert call(*arguments).code == 0
    done = call(*arguments, "--save-model", "end")
    assert done.code == 0
    assert "kept no model; --fresh" in done.err


def test_only_two_ways_to_keep_there_are(stream, llama, call):
    done = call("run", "--stream", stream, "--plugin", "sequential", "--model", llama, "--save-model", "always")
    assert done.code == 2
    assert "save-model" in done.err


def test_a_loaded_model_is_a_model_again(stream, llama, tmp_path):
    [done] = small.run_stream(stream, model=llama, home=tmp_path, save_model="end")
    loaded = load_model(find_model(str(done.run_dir.path / "model")), device="cpu", runtime=Runtime())
    assert all(weight.requires_grad for weight in loaded.model.parameters())
