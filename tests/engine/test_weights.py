"""Weights and moments in fewer bits, in whole runs: what is kept in what, exact resume, boards, refusals."""

import json
import math

import pytest
import small
import torch
from safetensors.torch import load_file

from clbench.base.errors import OptionError, RunError
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.spec.protocol import Protocol

PURE = {"precision": "bf16", "weights": "bf16", "moments": "bf16"}


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2])


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """Wide enough for nf4's blocks."""
    folder, tokenizer = tmp_path_factory.mktemp("llama"), small.byte_level()
    return small.save(folder, small.make_llama(len(tokenizer), width=64, inner=128), tokenizer)


def run(stream, method, llama, home, **changes):
    (outcome,) = small.run_stream(stream, method, model=llama, home=home, **changes)
    return outcome


def need_libraries(protocol):
    """Of what is kept in a byte or less."""
    if protocol.get("moments") == "8bit" or protocol.get("weights") == "frozen-nf4":
        pytest.importorskip("bitsandbytes")
    if protocol.get("weights") == "frozen-int8":
        pytest.importorskip("torchao")


def losses(outcome):
    events = map(json.loads, (outcome.run_dir.path / "events.jsonl").read_text("utf-8").splitlines())
    return [one["loss"] for one in events if one["event"] == "step"]


def predictions(outcome, rows="*"):
    return [path.read_bytes() for path in sorted((outcome.run_dir.path / "predictions").glob(f"{rows}/*"))]


class Killed(BaseException):
    """Nothing is tidied up."""


def test_what_fp32_boards_are_called_has_not_changed():
    assert not {"weights", "moments"} & set(Protocol().identity())
    named = Protocol(**PURE).identity()
    assert (named["weights"], named["moments"]) == ("bf16", "bf16")
    assert Protocol(precision="bf16", weights="frozen-nf4").identity()["weights"] == "frozen-nf4"


def test_fp32_arithmetic_takes_fp32_weights():
    with pytest.raises(ValueError, match="weights=bf16 needs precision=bf16"):
        Protocol(weights="bf16")


def test_a_model_learns_in_bf16_alone(stream, llama, home):
    """Its weights at the end are bf16, and its last losses are those of fp32 within what bf16 moves them."""
    pure = run(stream, "sequential", llama, home, protocol=PURE | {"learning_rate": 1e-3}, save_model="end")
    full = run(stream, "sequential", llama, home, protocol={"learning_rate": 1e-3, "precision": "bf16"})
    saved = load_file(pure.run_dir.path / "model" / "model.safetensors")
    assert {one.dtype for one in saved.values()} == {torch.bfloat16}
    assert losses(full)[-1] < losses(full)[0] - 0.3  # something was learned
    assert losses(pure) == pytest.approx(losses(full), rel=0.03)


@pytest.mark.parametrize(
    ("method", "protocol"),
    [
        ("sequential", PURE),
        ("sequential", {"moments": "8bit"}),
        ("lora", {"precision": "bf16", "weights": "frozen-bf16"}),
        ("lora", {"precision": "bf16", "weights": "frozen-nf4"}),
        ("loramoe", {"precision": "bf16", "weights": "frozen-int8"}),
    ],
)
def test_a_run_that_is_cut_off_ends_the_same(stream, llama, home, tmp_path, monkeypatch, method, protocol):
    """After a cut in the second task, the same losses and the same predictions."""
    from clbench.engine.runner import Runner

    pytest.importorskip("clbench_loramoe" if method == "loramoe" else "clbench_peft")
    need_libraries(protocol)
    given = {"protocol": protocol, "runtime": {"checkpoint_steps": 2}}
    whole = run(stream, method, llama, tmp_path / "whole", **given)
    on_step = Runner.on_step

    def killed(self, told):
        if told.step == 5:
            raise Killed
        return on_step(self, told)

    monkeypatch.setattr(Runner, "on_step", killed)
    with pytest.raises(Killed):
        run(stream, method, llama, home, **given)
    monkeypatch.undo()
    resumed = run(stream, method, llama, home, **given)
    assert predictions(resumed) == predictions(whole)
    assert losses(resumed)[-3:] == losses(whole)[-3:]
    assert all(math.isfinite(one) for one in losses(whole))


@pytest.mark.parametrize(
    ("method", "protocol", "said"),
    [
        (
            "sequential",
            {"precision": "bf16", "weights": "frozen-nf4"},
            "of the base model; protocol",
        ),
        ("mofo", PURE, "brings its own optimizer"),
        ("mofo", {"moments": "8bit"}, "leave protocol.moments=8bit out"),
        ("osf", {"precision": "bf16", "weights": "frozen-bf16"}, "use weights=fp32"),
        ("olora", {"precision": "bf16", "weights": "frozen-int8"}, "use weights=fp32"),
        ("inflora", {"precision": "bf16", "weights": "frozen-nf4"}, "use weights=fp32"),
    ],
)
def test_what_does_not_go_together_is_refused(stream, llama, home, method, protocol, said):
    pytest.importorskip("clbench_mofo" if method == "mofo" else "clbench_peft")
    need_libraries(protocol if method == "sequential" else {})  # which is told when its model has been read
    with pytest.raises(OptionError, match=said):
        run(stream, method, llama, home, protocol=protocol)


def test_the_bound_without_training_stands_on_a_quantised_board_too(stream, llama, home):
    need_libraries({"weights": "frozen-nf4"})
    frozen = run(stream, "frozen", llama, home, protocol={"precision": "bf16", "weights": "frozen-nf4"})
    lora = run(stream, "lora", llama, home, protocol={"precision": "bf16", "weights": "frozen-nf4"})
    assert frozen.record.board.name == lora.record.board.name
    assert predictions(frozen)[:2] == predictions(lora)[:2] != []


@pytest.mark.parametrize("weights", ["frozen-int8", "frozen-nf4"])
def test_weights_that_gave_the_last_row_are_kept_without_the_quantised_ones(stream, llama, home, weights):
    need_libraries({"weights": weights})
    outcome = run(
        stream,
        "lora",
        llama,
        home,
        protocol={"precision": "bf16", "weights": weights},
        runtime={"keep_checkpoints": True},
    )
    kept = load_file(outcome.run_dir.checkpoints / "measured.safetensors")
    assert any("lora_A" in name for name in kept)
    assert not any(name.endswith("q_proj.base_layer.weight") for name in kept)
    assert all(one.is_floating_point() for one in kept.values())


class Mute(Method):
    """Brings an optimizer and declares nothing."""

    def make_optimizer(self, named_params, run):
        return torch.optim.SGD([p for _, p in named_params], lr=1e-3)


def test_an_optimizer_that_nobody_spoke_of_is_refused_where_it_would_not_round(stream, llama, home):
    lab = small.registry_with(MethodSpec("mute", f"{__name__}:Mute", "for a test"))
    with pytest.raises(OptionError, match=r"'Mute' brings its own optimizer.*leave protocol.moments=bf16 out"):
        run(stream, "mute", llama, home, protocol={"moments": "bf16"}, lab=lab)


class Writer(Method):
    """Freezes the base, adds a bias, and writes to the base after each task all the same."""

    def prepare_model(self, model):
        model.requires_grad_(False)
        model.get_output_embeddings().bias = torch.nn.Parameter(torch.zeros(model.config.vocab_size))
        return model

    @torch.no_grad()
    def after_experience(self, run, experience, data):
        run.model.get_input_embeddings().weight.add_(1e-4)


def test_a_frozen_base_that_is_written_to_all_the_same_is_found(stream, llama, home):
    lab = small.registry_with(MethodSpec("writer", f"{__name__}:Writer", "for a test"))
    with pytest.raises(RunError, match=r"writer: writes to model.embed_tokens.weight, which protocol.weights"):
        run(stream, "writer", llama, home, protocol={"precision": "bf16", "weights": "frozen-bf16"}, lab=lab)
    run(stream, "writer", llama, home, protocol={"precision": "bf16"}, lab=lab)
