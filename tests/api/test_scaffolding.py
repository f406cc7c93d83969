"""Packages to begin with, and the tutorial that makes a row of them."""

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from clbench.api.scaffolding import new_method, new_stream
from clbench.base.errors import FileError, OptionError, UnknownNameError
from clbench.plugins.registry import registry

ROOT = Path(__file__).parents[2]
SMALL = ["--set", "stream.train_examples=8", "--set", "stream.test_examples=4", "--set", "protocol.epochs=1", "--quiet"]


def install(site, *folders):
    """As pip would, without building anything."""
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        (source,) = (folder / "src").iterdir()
        shutil.copytree(source, site / source.name)
        info = site / f"{source.name}-{project['version']}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
        (entry,) = project["entry-points"]["clbench.plugins"].items()
        info.joinpath("entry_points.txt").write_text(f"[clbench.plugins]\n{' = '.join(entry)}\n")


@pytest.mark.slow
def test_the_tutorial_ends_with_a_row_a_method(call, home, tmp_path, monkeypatch, clear_registry):
    """In one process: each command as it is printed, `pip` as it would install, of the check the quick properties."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/tutorial.md").read_text("utf-8")
    (block,) = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    commands = [shlex.split(line) for line in block.splitlines()]
    assert len(commands) <= 5
    for program, *arguments in commands:
        if program == "pip":
            install(tmp_path / "site", *(tmp_path / one for one in arguments if one.startswith("./")))
            monkeypatch.syspath_prepend(str(tmp_path / "site"))
            clear_registry()
            continue
        quick = [f"--property={one}" for one in ("loads", "options")] if arguments[0] == "check" else []
        done = call(*arguments, *quick, *(SMALL if arguments[0] == "run" else []))
        assert done.code == 0, done.err
    (board,) = (home / "leaderboards").glob("*.md")
    rows = [line for line in board.read_text("utf-8").splitlines() if line.startswith(("| sequential", "| pull"))]
    assert len(rows) == 4  # results, and costs
    assert list((tmp_path / "clbench-numbers/tests").glob("test_*.py"))


def test_a_new_stream_is_valid_and_has_a_score_of_its_own(tmp_path, monkeypatch, clear_registry, call):
    folder = new_stream("numbers", tmp_path / "new")
    install(tmp_path / "site", folder)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    clear_registry()
    assert call("validate", folder / "src").code == 0
    spec = registry().scorer("clbench_numbers.scoring:near")
    assert spec.target == "clbench_numbers.scoring:near"


def test_functions_of_no_plugin_are_not_called(clear_registry):
    with pytest.raises(UnknownNameError, match="'os' is no package that is loaded as a plugin"):
        registry().scorer("os:system")


@pytest.mark.parametrize("name", ["My", "a_b", "-a", "a--b", "1a", "a/b", ""])
def test_names_that_make_no_package(name, tmp_path):
    for make in (new_method, new_stream):
        with pytest.raises(OptionError, match="a name is of small letters"):
            make(name, tmp_path / "new")


def test_a_folder_in_use_and_a_name_in_use(tmp_path, call):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(FileError, match="is not empty"):
        new_method("pull", tmp_path / "full")
    done = call("new", "method", "sequential")
    assert (done.code, done.err) == (2, "error: there is a method 'sequential' already; choose another name\n")


def test_data_that_cannot_be_read_are_no_valid_stream(tmp_path, call):
    (tmp_path / "q.txt").write_text("a,b\n1,2\n")
    text = "stream: x\ntasks: {t: {data: {files: {train: q.txt, test: q.txt}}, scorers: {strict: exact}}}\n"
    (tmp_path / "x.yaml").write_text(text)
    done = call("validate", tmp_path / "x.yaml")
    assert done.code == 2
    assert "q.txt:1: malformed JSON" in done.out
