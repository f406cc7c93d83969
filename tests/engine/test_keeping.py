"""`--save-model`: the trained model loads anywhere with the same logits, and nothing else of the run changes."""

import json

import pytest
import small
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import clbench
from clbench.base.errors import ModelError
from clbench.models.loading import load_model
from clbench.models.naming import find_model
from clbench.spec.protocol import Runtime

PACKAGES = {
    **dict.fromkeys(("mofo", "hft"), "clbench_mofo"),
    **dict.fromkeys(("ewc", "wise-ft"), "clbench_penalty"),
    **dict.fromkeys(("lora", "dora", "olora", "osf"), "clbench_peft"),
    "replay": "clbench_replay",
    "loramoe": "clbench_loramoe",
}
CPU = {"device": "cpu", "runtime": Runtime()}
KEPT = {"runtime": {"keep_checkpoints": True}}
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


@pytest.mark.parametrize("method", ["olora", "osf"])
def test_adapters_that_move_the_base_are_merged(method, stream, llama, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES.get(method, "clbench"))
    spy = Spy(monkeypatch, llama)
    [done] = small.run_stream(stream, method, model=llama, home=tmp_path, save_model="end")
    folder = done.run_dir.path / "model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    torch.testing.assert_close(logits(model, tokenizer), spy.heard[3], rtol=1e-4, atol=1e-4)
    assert not any("lora" in name for name in model.state_dict())


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT asks transformers by a name of yesterday
@pytest.mark.parametrize("method", ["lora", "dora"])
def test_adapters_have_pefts_own_form_and_are_merged_on_demand(method, stream, llama, tmp_path, monkeypatch, call):
    """PEFT alone gives the same bits; clbench and a merged folder the same numbers."""
    peft = pytest.importorskip("peft")
    pytest.importorskip("clbench_peft")
    spy = Spy(monkeypatch, llama)
    [done] = small.run_stream(stream, method, model=llama, home=tmp_path, save_model="end")
    folder = done.run_dir.path / "model"
    assert not (folder / "model.safetensors").exists()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    adapted = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama), folder)
    assert torch.equal(logits(adapted, tokenizer), spy.heard[3])
    loaded = load_model(find_model(f"run:{done.run_dir.run_id}", runs_dir=tmp_path / "runs"), **CPU)
    torch.testing.assert_close(logits(loaded.model, tokenizer), spy.heard[3], rtol=1e-4, atol=1e-4)
    out = tmp_path / "merged"
    said = call("export", done.run_dir.run_id, "--merge", "--out", out, "--runs-dir", tmp_path / "runs")
    assert said.code == 0, said.err
    model = AutoModelForCausalLM.from_pretrained(out)
    assert not any("lora" in name for name in model.state_dict())
    torch.testing.assert_close(logits(model, tokenizer), spy.heard[3], rtol=1e-4, atol=1e-4)
    assert (out / "README.md").read_text("utf-8") == (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("method", ["sequential", "wise-ft", "lora", "olora", "loramoe"])
def test_kept_checkpoints_are_exported_afterwards(method, stream, llama, tmp_path, monkeypatch, call):
    pytest.importorskip(PACKAGES.get(method, "clbench"))
    heard = hear_measured(monkeypatch)
    [done] = small.run_stream(stream, method, model=llama, home=tmp_path, **KEPT)
    place = "--model", llama, "--runs-dir", tmp_path / "runs"
    said = call("export", done.run_dir.run_id, *place)
    assert said.code == 0, said.err
    assert said.out.strip() == str(done.run_dir.path / "model")
    model, tokenizer = clbench.load_model(done.run_dir.path)
    torch.testing.assert_close(logits(model, tokenizer), heard[-1], rtol=1e-4, atol=1e-4)
    if method in ("sequential", "loramoe"):
        assert torch.equal(logits(model, tokenizer), heard[-1])
    early = call("export", done.run_dir.run_id, "--row", 1, *place)
    assert early.code == 2
    assert "kept no model of row 1; --save-model each" in early.err


def hear_measured(monkeypatch):
    """The logits of each row as it was measured, by the run's own tokenizer."""
    from clbench.engine.runner import Runner

    heard, original = [], Runner._keep

    def keep(self, row):
        with self.moving.method.evaluating(self.moving.stage.run):
            heard.append(logits(self.moving.stage.run.model, self.moving.evaluator.encoder.tokenizer))
        original(self, row)

    monkeypatch.setattr(Runner, "_keep", keep)
    return heard


def test_layers_of_a_methods_own_are_loaded_by_clbench_alone(stream, llama, tmp_path, monkeypatch, call):
    pytest.importorskip("clbench_loramoe")
    spy = Spy(monkeypatch, llama)
    [done] = small.run_stream(
        stream, "loramoe", model=llama, home=tmp_path, save_model="each", options={"loramoe": {"experts": 4}}
    )
    run = done.run_dir.run_id
    for row in (1, 3):
        model, tokenizer = clbench.load_model(run, row=row, runs_dir=tmp_path / "runs")
        assert torch.equal(logits(model, tokenizer), spy.heard[row])
    with pytest.raises(ModelError, match=r"clbench.load_model\(RUN\) loads it"):
        find_model(f"run:{run}", runs_dir=tmp_path / "runs")
    said = call("export", run, "--merge", "--out", tmp_path / "m", "--runs-dir", tmp_path / "runs")
    assert said.code == 2
    assert "its weights cannot hold" in said.err
    (path,) = (tmp_path / "runs" / run / "model/3").glob("trained.safetensors")
    assert path.stat().st_size < sum(one.numel() * 4 for one in model.parameters())  # without the frozen base


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["--row", "9"], "has rows 1 to 3"),
        ([], "kept no model of row 3"),
        (["--runs-dir", "nowhere"], "no run"),
    ],
)
def test_what_cannot_be_exported_is_one_line(change, complaint, stream, llama, tmp_path, call):
    [done] = small.run_stream(stream, "frozen", model=llama, home=tmp_path)
    said = call("export", done.run_dir.run_id, "--runs-dir", tmp_path / "runs", *change)
    assert said.code == 2
    assert complaint in said.err
    assert said.err.count("\n") == 1


def test_another_base_is_refused(stream, llama, tmp_path, call):
    [done] = small.run_stream(stream, model=llama, home=tmp_path, **KEPT)
    other = small.save(tmp_path / "other", small.make_llama(len(small.byte_level()), seed=9), small.byte_level())
    said = call("export", done.run_dir.run_id, "--model", other, "--runs-dir", tmp_path / "runs")
    assert said.code == 2
    assert "is not the base model of" in said.err


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
