"""Every command's help has an example, and every example runs: as it is printed, where what it names is there."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from clbench.cli import app
from clbench.report.figures import KINDS

pytest.importorskip("matplotlib")
ROOT = Path(__file__).parents[2]
RUNS = ("trace-mini_sequential_tiny_order1_s0", "trace-mini_mofo_tiny_order1_s0")
SMALL = ["--dry-run", *(f"--set=stream.{split}_examples=4" for split in ("train", "test", "probe"))]
OFF = {
    "run": SMALL,
    "tune": SMALL,
    "forget": None,  # trains nothing, but takes a model of the user's: parsed only, as is what needs a network
    "export": None,
    "data add": None,
    "data remove": None,
    "model add": None,
    "submit": None,  # run in tests/verification on a run that has predictions
    "verify-submission": None,
    "show": None,
    "score": None,
}


def commands(group=None, at=()):
    """Every command by its words."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*at, name))
        else:
            yield " ".join((*at, name)), command


COMMANDS = dict(commands())


def example(command):
    (found,) = re.findall(r"Example: (clbench .+)", command.help)
    return shlex.split(found)[1:]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_is_understood(name):
    words = example(COMMANDS[name])
    given = name.split()
    assert words[: len(given)] == given
    COMMANDS[name].make_context(name, words[len(given) :])  # options and arguments are of that command


@pytest.fixture
def prepared(home, tmp_path, monkeypatch, make_record, clear_registry):
    """What the examples name: runs, a board, files."""
    monkeypatch.chdir(tmp_path)
    for run in RUNS:
        method = run.split("_")[1]
        record = make_record(method).model_copy(update={"run": run})
        folder = home / "runs" / run
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"run": run, "status": "finished", "config": {"seed": 0}}))
        record.save(folder / "record.json")
        record.save(record.path(home / "leaderboards"))
    shutil.copytree(ROOT / "plans", tmp_path / "plans")
    (tmp_path / "r.json").write_text('{"matrix": [[0.5]]}')
    (tmp_path / "q.csv").write_text("prompt,answer\n" + "".join(f"q{n},a{n}\n" for n in range(40)))
    (tmp_path / "q.jsonl").write_text('{"prompt": "q", "answer": "a"}\n')
    task = "{t: {data: {files: {train: q.jsonl, test: q.jsonl}}, scorers: {strict: exact}}}"
    (tmp_path / "pets.yaml").write_text(f"stream: pets\ntasks: {task}\n")


RUN = [name for name in COMMANDS if OFF.get(name, []) is not None]


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow if one in ("run", "tune") else ()) for one in RUN]
)
def test_the_example_runs(name, prepared, call):
    done = call(*example(COMMANDS[name]), *OFF.get(name, []))
    assert done.code == 0, done.err


def test_every_kind_of_picture_is_one_that_plot_takes():
    from clbench.cli.plot import Kind

    assert [one.value for one in Kind] == list(KINDS)
