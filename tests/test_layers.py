"""The light half stays light: help, lists and metrics import nothing that trains."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "scipy",
    "numpy",
    "peft",
    "avalanche",
    "tokenizers",
    "lm_eval",
    "matplotlib",
}
CODE = """
import json, sys
from clbench.cli import main
sys.argv = ["clbench", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    sys.stderr.write(json.dumps([end.code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture
def modules(home, tmp_path, process_env):
    """The top-level modules that a command has imported when it ends, and its exit code."""

    def modules(*arguments, **env):
        done = subprocess.run(
            [sys.executable, "-c", CODE, *map(str, arguments)],
            cwd=tmp_path,
            env=process_env(**env),
            capture_output=True,
            text=True,
        )
        code, names = json.loads(done.stderr.splitlines()[-1])
        assert (code, done.stdout != "") == (0, True), done.stderr
        return set(names)

    return modules


@pytest.mark.parametrize(
    "command", ["--help", "run --help", "plugins", "ls", "validate", "ls runs --json", "--version"]
)
def test_command_imports_nothing_heavy(modules, command):
    found = modules(*command.split())
    assert not HEAVY & found
    assert "clbench" in found


def test_metrics_import_nothing_heavy(modules, tmp_path):
    (tmp_path / "r.json").write_text('{"matrix": [[0.5]]}')
    assert not HEAVY & modules("metrics", tmp_path / "r.json")


@pytest.mark.parametrize("command", ["--help", "plugins", "ls methods"])
def test_nor_with_good_and_broken_packages_installed(modules, install, tmp_path, command):
    folder = install(tmp_path / "site", "clbench-example", "clbench-import", "clbench-exit", "clbench-raises")
    found = modules(*command.split(), PYTHONPATH=str(folder))
    assert not HEAVY & found
    assert "clbench_example" in found


def test_help_does_not_read_the_training_half(modules):
    assert not {"yaml", "filelock", "tabulate", "rapidfuzz"} & modules("metrics", "--help")
