"""The public surface as others see it: types, signatures, examples."""

import doctest
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import clbench

HERE = Path(__file__).parent
LIBRARY = [name for name, module in clbench._PUBLIC.items() if module.startswith("clbench.api.")]


def pyright(*arguments, cwd):
    """What pyright says; it fetches its own runtime, which a closed network may refuse."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pyright", "--outputjson", *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return json.loads(done.stdout)["generalDiagnostics"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        pytest.skip("pyright cannot be had here: types of the public surface were not checked")


@pytest.fixture
def strict(tmp_path):
    """Pyright, strict, on a script that is somebody else's."""

    def strict(text):
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        config = {"typeCheckingMode": "strict", "extraPaths": [str(HERE.parent.parent)], "pythonVersion": "3.11"}
        (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
        return pyright("--pythonpath", sys.executable, "script.py", cwd=tmp_path)

    return strict


def test_a_strict_script_has_nothing_to_complain_of(strict):
    assert [one["message"] for one in strict((HERE / "consumer.py").read_text(encoding="utf-8"))] == []
    assert (Path(clbench.__file__).parent / "py.typed").is_file()


def test_wrong_arguments_are_found_before_anything_runs(strict):
    found = strict("import clbench\n\nclbench.run(plugin='mofo', sead=1)\nclbench.run(seeds='3')\nclbench.load(3)\n")
    rules = [(one["range"]["start"]["line"], one["rule"]) for one in found]
    assert (2, "reportCallIssue") in rules
    assert {line for line, _ in rules} == {2, 3, 4}


def members(one):
    """Signatures of a class's public methods and properties."""
    found = {}
    for name, value in sorted(vars(one).items()):
        if not name.startswith("_") and (callable(value) or isinstance(value, property)):
            found[name] = "property" if isinstance(value, property) else str(inspect.signature(value))
    return found


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_signatures_are_what_they_were(name, snapshot):
    # Another signature is a promise to others: docs/python.md says how one may change.
    one = getattr(importlib.import_module(clbench._PUBLIC[name]), name)
    shown = {name: str(inspect.signature(one))} | (members(one) if inspect.isclass(one) else {})
    assert shown == snapshot


@pytest.mark.parametrize("module", sorted({clbench._PUBLIC[name] for name in LIBRARY}))
def test_examples_of_docstrings_are_true(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(one) for one in {clbench._PUBLIC[name] for name in LIBRARY}]
    assert sum(bool(one.examples) for module in modules for one in finder.find(module)) >= 2


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_everything_says_what_it_is(name):
    one = getattr(importlib.import_module(clbench._PUBLIC[name]), name)
    assert one.__doc__
    for member, value in vars(one).items() if inspect.isclass(one) else ():
        if not member.startswith("_") and (callable(value) or isinstance(value, property)):
            assert value.__doc__, member
