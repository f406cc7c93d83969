"""What a launcher's environment asks for changes no result, and is named in one line."""

import os

import pytest
import small
import torch

from clbench.models import device, environment


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, None),
        ({"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "NO"}, None),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1", "ACCELERATE_USE_FSDP": "false"}, None),
        ({"WORLD_SIZE": "2", "ACCELERATE_USE_FSDP": "true"}, None),
        ({"WORLD_SIZE": "1", "ACCELERATE_USE_FSDP": "true"}, "ACCELERATE_USE_FSDP=true"),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, "ACCELERATE_MIXED_PRECISION=bf16"),
        (
            {"NVIDIA_TF32_OVERRIDE": "1", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
            "ACCELERATE_GRADIENT_ACCUMULATION_STEPS=4, NVIDIA_TF32_OVERRIDE=1",
        ),
        ({"ACCELERATE_USE_DEEPSPEED": "true", "WORLD_SIZE": "2"}, "ACCELERATE_USE_DEEPSPEED=true"),
    ],
)
def test_one_line_names_what_is_left_aside(given, told):
    assert environment.wants_parts(given) == (given.get("WORLD_SIZE") == "2" and "ACCELERATE_USE_FSDP" in given)
    found = environment.note(given)
    assert found == (told and f"the environment asks for {told}: left aside, as the protocol says otherwise")


def test_the_environment_is_what_it_was_afterwards(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with environment.set_aside():
        assert "ACCELERATE_MIXED_PRECISION" not in os.environ
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "fp16"


def test_what_accelerate_is_given_is_the_protocols(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    made = device.make_accelerator("cpu")
    assert made.mixed_precision == "no"
    assert made.gradient_accumulation_steps == 1
    assert str(made.state.dynamo_plugin.backend.value).upper() == "NO"
    assert str(made.distributed_type).endswith("NO")
    model = torch.nn.Linear(2, 2)
    assert made.prepare_model(model) is model
    assert model(torch.ones(1, 2)).dtype == torch.float32


def test_fp32_products_are_fp32s():
    torch.set_float32_matmul_precision("high")
    device.make_accelerator("cpu")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32


def test_a_run_gives_the_same_scores_whatever_the_launcher_was_configured_for(tmp_path, llama, home, monkeypatch):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2])

    def run(name):
        (outcome,) = small.run_stream(stream, model=llama, home=tmp_path / name)
        record = outcome.record.model_dump(mode="json")
        return record["scores"], record["drift"], record["warnings"]

    plain = run("plain")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR")
    pinned = run("pinned")
    assert pinned[:2] == plain[:2]
    (line,) = pinned[2].keys() - plain[2].keys()
    assert "ACCELERATE_MIXED_PRECISION=bf16, ACCELERATE_DYNAMO_BACKEND=INDUCTOR" in line
