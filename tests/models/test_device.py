"""The device that is taken, and what a machine without Unix gives instead of its modules."""

import ast
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
