"""What must hold on a GPU, by one command (`tox -e gpu`); without one, the same tests run on the CPU for one method.

Every method makes two steps a task in fp32 and bf16, is killed and taken up, and passes the conformance kit; one
process of a launcher is as none; gradients are numbers at the lengths that cuDNN's attention failed at. Bitwise where
torch's deterministic algorithms reach, else losses within `BOUND`.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch
from transformers import DynamicCache

from clbench.base.errors import PluginError
from clbench.data.batches import collate, left_pad
from clbench.data.tokenising import Encoded
from clbench.engine.runner import Runner
from clbench.evaluation.likelihood import read_on
from clbench.models.bearing import packed
from clbench.plugins.registry import registry
from clbench.runs.copying import Room
from clbench.training.losses import forward

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA begins

pytestmark = pytest.mark.gpu
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
ON_CPU = os.environ.get("CLBENCH_GPU_TESTS_ON_CPU", "sequential").split(",")
METHODS = list(registry().methods.entries)
BOUND = 2e-2  # relative, of a step's loss, where a kernel has no deterministic form
PROTOCOL = {"epochs": 1, "global_batch": 2, "max_answer_tokens": 4}


class Killed(BaseException):
    """What `kill -9` looks like from inside."""


@pytest.fixture
def method(request):
    """A method that is tried here."""
    if not GPU and request.param not in ON_CPU:
        pytest.skip(f"torch sees no GPU; on a CPU {', '.join(ON_CPU)} are tried")
    return request.param


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """Three tasks of two steps each."""
    return small.write_stream(tmp_path_factory.mktemp("gpu") / "stream", train=4, test=2, **PROTOCOL)


@contextlib.contextmanager
def deterministic(wanted):
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def carry_out(stream, method, *, model, home, precision, die_at=None):
    """One run to its end, or to the step at which it is killed."""
    on_step = Runner.on_step

    def deadly(self, told):
        on_step(self, told)
        if told.step == die_at:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, "on_step", deadly)
        runtime = {"device": DEVICE, "checkpoint_steps": 1}
        given = {"protocol": {"precision": precision}, "runtime": runtime}
        return small.run_stream(stream, method, model=model, home=home, **given)[0]


def twice(stream, method, home, **given):
    """The same run uninterrupted, and killed in its second task and taken up."""
    whole = carry_out(stream, method, home=home / "whole", **given)
    with contextlib.suppress(Killed):
        carry_out(stream, method, home=home / "cut", die_at=3, **given)
    return whole, carry_out(stream, method, home=home / "cut", **given)


def losses(outcome):
    lines = (outcome.run_dir.path / "events.jsonl").read_text("utf-8").splitlines()
    told = {one["step"]: one["loss"] for one in map(json.loads, lines) if one["event"] == "step"}
    return [told[step] for step in sorted(told)]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_two_steps_a_task_and_a_run_that_was_killed_ends_as_if_it_had_not_been(
    stream, method, precision, llama, tmp_path
):
    exact, given = True, {"model": llama, "precision": precision}
    try:
        with deterministic(True):
            whole, cut = twice(stream, method, tmp_path / "exact", **given)
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        exact = False
        whole, cut = twice(stream, method, tmp_path / "bound", **given)
    found, expected = losses(cut), losses(whole)
    assert all(map(math.isfinite, expected))
    assert (len(expected) >= 6) == (whole.record.method.regime != "frozen")
    if exact:
        assert found == expected
        assert cut.record.scores == whole.record.scores
        assert cut.record.predictions == whole.record.predictions
    else:
        assert found == pytest.approx(expected, rel=BOUND)
    costs = whole.record.costs
    assert (costs.share_of_peak is not None) == (GPU and whole.record.method.regime != "frozen")
    assert sum(costs.spent.values()) >= costs.train_seconds


@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_the_conformance_kit(method, monkeypatch):
    from clbench.testing import check

    monkeypatch.setenv("CLBENCH_CHECK_DEVICE", DEVICE)
    try:
        outcomes = check(method, properties=None if GPU else ["resumes"])
    except PluginError as error:
        pytest.skip(str(error))
    assert [f"{one.name}: {one.reason}" for one in outcomes if one.status == "failed"] == []


@pytest.fixture(scope="module")
def sharp():
    """A model in whose attention some rows of logits are very low: where cuDNN's gradients were NaN behind a mask."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=512)).to(DEVICE)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.q_proj.weight.mul_(20)
            layer.self_attn.k_proj.weight.mul_(20)
    return model


def texts(width):
    """Of which the longest makes rows of a width, and the others are padded."""
    made = torch.Generator().manual_seed(width)
    lengths = (width, width - 37, 9)
    return [Encoded(tuple(torch.randint(2, 512, (n,), generator=made).tolist()), 8) for n in lengths]


@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("width", [64, 192, 320])
def test_training_gives_numbers_at_lengths_of_64_modulo_128(sharp, width, packing):
    (packed.install if packing else packed.remove)(sharp)
    batch = collate(texts(width), pad=0, device=DEVICE, packed=packing)
    sharp.zero_grad()
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        loss = forward(sharp.train(), batch).loss(batch["targets"])
    loss.backward()
    assert loss.isfinite()
    assert [name for name, one in sharp.named_parameters() if not one.grad.isfinite().all()] == []
    assert all(one.grad.any() for one in sharp.model.layers.parameters())


@pytest.mark.parametrize("width", [64, 192, 320])
def test_prompts_behind_padding_give_numbers_at_such_lengths(sharp, width):
    packed.remove(sharp)
    ids, mask = (one.to(DEVICE) for one in left_pad([one.ids for one in texts(width)], pad=0))
    ends = torch.arange(1, 4, device=DEVICE) * width - 1
    with torch.inference_mode(), torch.autocast(DEVICE, dtype=torch.bfloat16):
        logits = read_on(sharp.eval(), ids, mask, DynamicCache(config=sharp.config), places=ends).logits
    assert logits.isfinite().all()


def test_a_copy_in_main_memory_is_the_state_when_it_was_made():
    room, x = Room(), torch.ones(1 << 20, device=DEVICE)
    for value in (1.0, 2.0):
        x.fill_(value)
        copy = room.copy({"x": x})["x"]
        for _ in range(10):
            x.add_(1)  # queued behind the copy
        room.wait()
        assert (copy.device.type, copy.eq(value).all()) == ("cpu", True)
    assert room.bytes.is_pinned() == GPU


@pytest.mark.long
def test_one_process_of_a_launcher_is_as_none(stream, llama, tmp_path):
    given = {"stream": str(stream), "model": str(llama)}
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", __file__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(small.__file__).parent), *sys.path])}
    command = [sys.executable, *launch, json.dumps({**given, "home": str(tmp_path / "launched")})]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = carry_out(stream, "sequential", model=llama, home=tmp_path / "alone", precision="fp32")
    (launched,) = (tmp_path / "launched" / "runs").glob("*/record.json")
    record = json.loads(launched.read_text("utf-8"))
    assert record["costs"]["steps"] == alone.record.costs.steps
    assert record["scores"] == alone.record.model_dump(mode="json")["scores"]


if __name__ == "__main__":
    said = json.loads(sys.argv[1])
    carry_out(Path(said["stream"]), "sequential", model=said["model"], home=Path(said["home"]), precision="fp32")
