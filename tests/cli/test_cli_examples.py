"""The example in a command's help is a command that works."""

import re
import shlex

import pytest

SMALL = ["--set", "stream.train_examples=4", "--set", "stream.test_examples=2", "--set", "stream.probe_examples=2"]
MORE = {"run": [*SMALL, "--dry-run"], "tune": [*SMALL, "--dry-run"], "watch": []}


@pytest.mark.parametrize("command", MORE)
def test_the_example_of_a_command_works(call, home, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    shown = " ".join(call(command, "--help").out.split())
    example = re.search(r"Example: clbench (.*?) (?:Arguments|Options)\b", shown) or re.search(
        r"Example: clbench (.*?) ╭", shown
    )
    assert example, shown[:400]
    arguments = shlex.split(example[1])
    assert arguments[0] == command
    done = call(*arguments, *MORE[command])
    assert done.code == 0, done.err
