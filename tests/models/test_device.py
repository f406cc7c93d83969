"""The device that is taken, and what a machine without Unix gives instead of its modules."""

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from clbench.models import device

ROOT = Path(__file__).parents[2]
UNIX = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline", "curses"}
CHILD = ROOT / "clbench" / "sandbox" / "kernel.py"  # runs where the sandbox does: on Linux alone


def test_apples_gpu_is_not_taken(monkeypatch):
    """It has no float64, in which sums over weights are taken."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.make_accelerator("auto").device.type == "cpu"


def test_peak_memory_without_resource(monkeypatch):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=123))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    monkeypatch.setitem(sys.modules, "resource", None)
    assert device.peak_memory(torch.device("cpu")) == 123


def test_peak_memory_is_of_this_process():
    assert 10 << 20 < device.peak_memory(torch.device("cpu")) < 1 << 40


def test_peak_memory_is_not_inherited():
    """A program begun by a large process is as large as it is itself: its parent here has torch."""
    program = "from clbench.models.device import peak_resident; print(peak_resident())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 5 << 20 < int(done.stdout) < device.peak_resident() / 2


def test_arithmetic_of_training_counts_weights_that_multiply():
    model = torch.nn.Sequential(torch.nn.Embedding(100, 4), torch.nn.Linear(4, 3, bias=False), torch.nn.Linear(3, 5))
    assert device.training_flops(model, 10) == 10 * 6 * (12 + 15 + 5)
    model[1].requires_grad_(requires_grad=False)
    assert device.training_flops(model, 10) == 10 * (6 * 20 + 4 * 12)


def test_an_embedding_that_is_the_head_too_is_counted():
    model = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Linear(4, 7, bias=False))
    model[1].weight = model[0].weight
    assert device.training_flops(model, 1) == 6 * 28


def test_the_share_of_the_peak_is_that_of_a_product(monkeypatch):
    where = torch.device("cuda")
    monkeypatch.setattr(device, "peak", lambda found, *, precision: {"bf16": 8e12, "fp32": 1e12}[precision])
    assert device.share_of_peak(where, flops=4e12, seconds=2.0, precision="bf16") == 0.25
    assert device.share_of_peak(where, flops=4e12, seconds=4.0, precision="fp32") == 1.0
    assert device.share_of_peak(where, flops=0.0, seconds=4.0, precision="fp32") is None
    assert device.share_of_peak(torch.device("cpu"), flops=4e12, seconds=4.0, precision="fp32") is None

    def short(*_, **how):
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(device, "peak", short)
    assert device.share_of_peak(where, flops=4e12, seconds=4.0, precision="fp32") is None, "a finished run stays one"


def test_the_driver_is_as_linux_tells_it(monkeypatch, tmp_path):
    path = tmp_path / "version"
    path.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed Feb 26\nGCC version: gcc 12.2.0\n")
    monkeypatch.setattr(device, "_DRIVER", path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.driver("auto") == "570.124.06"
    assert device.driver("cpu") is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.driver("auto") is None


@pytest.mark.parametrize("folder", ["clbench", "plugins"])
def test_no_module_needs_unix_to_be_imported(folder):
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        if path == CHILD or "tests" in path.relative_to(ROOT).parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            if UNIX & set(names):
                found[str(path)] = names
    assert not found


def test_the_peak_is_that_of_a_product(monkeypatch):
    now = iter([0.0, 1.0, 1.0, 3.0])
    monkeypatch.setattr(device, "_SIDES", {"cpu": 8})
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(now))
    assert device.peak(torch.device("cpu"), precision="fp32") == 2 * 8**3 * device._TIMES / 2.0


@pytest.mark.parametrize(("fast", "told"), [(1.9e9, False), (40e9, True)])
def test_who_waits_for_bf16_without_instructions_is_told(monkeypatch, fast, told):
    speeds = {"fp32": fast, "bf16": 1e9}
    device._times_slower.cache_clear()
    monkeypatch.setattr(device, "peak", lambda where, *, precision, side: speeds[precision])
    said = device.slow_bf16(torch.device("cpu"), precision="bf16")
    assert ("40 times more slowly" in (said or "")) == told == (said is not None)
    assert device.slow_bf16(torch.device("cpu"), precision="fp32") is None
    assert device.slow_bf16(torch.device("cuda"), precision="bf16") is None
    device._times_slower.cache_clear()
