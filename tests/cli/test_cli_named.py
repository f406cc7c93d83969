"""A command is imported when it is named, and only it."""

import subprocess
import sys

import pytest
import typer

from clbench.cli import MODULES, app
from clbench.cli.shared.commands import Commands

GROUPS = {"data", "model", "plan", "stream"}


@pytest.fixture
def commands():
    return Commands(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_each_module_has_the_commands_that_are_named(commands, name):
    assert commands[name].name == name
    assert (name in GROUPS) == hasattr(commands[name], "commands")
    assert set(commands) == set(MODULES), "and no other"


def test_it_is_a_table_of_commands(commands):
    assert len(commands) == len(MODULES) == len([*commands])
    commands["mine"] = "command"
    assert commands["mine"] == "command"
    assert len(commands) == len(MODULES) + 1
    del commands["mine"]
    with pytest.raises(KeyError):
        commands["mine"]


def test_the_app_has_them_all():
    assert [*typer.main.get_command(app).commands] == [*MODULES]


@pytest.mark.parametrize(
    ("words", "module"), [("leaderboard --help", "clbench.cli.leaderboard"), ("ls --help", "clbench.cli.ls")]
)
def test_no_other_command_is_imported(words, module):
    code = (
        "import sys\nsys.argv = ['clbench', *sys.argv[1:]]\nfrom clbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('clbench.cli.') and '.shared' not in name])"
    )
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"['{module}']"
