"""Method specs: what is refused when a plugin registers one, and when its method is chosen."""

import subprocess
import sys
from typing import get_args

import pytest

from clbench import API_VERSION
from clbench.base.errors import OptionError, PluginError
from clbench.methods.method import Method, MethodOptions
from clbench.methods.methodspec import Capability, MethodSpec

SEQUENTIAL = "clbench.methods.sequential:Sequential"


def make(name="mine", target=SEQUENTIAL, **changes):
    return MethodSpec(name, target, "a method", **changes)


@pytest.mark.parametrize("name", ["mofo", "wise-ft", "l2", "4bit"])
def test_good_names(name):
    assert make(name).problem() == ""


@pytest.mark.parametrize("name", ["", "Mofo", "a b", "a+b", "a.b", "a/b", "-", "a=b", "a_b", "a\n"])
def test_names_that_the_command_line_could_not_say_are_refused(name):
    assert "must be lower-case letters, digits and hyphens" in make(name).problem()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"requires_api": API_VERSION + 98}, "method 'mine' needs plugin API 99; this clbench has 1"),
        ({"capabilities": frozenset({"owns_optimiser"})}, "declares the unknown capability 'owns_optimiser'"),
        ({"capabilities": ["owns_optimizer"]}, ""),
        ({"capabilities": "owns_optimizer"}, "declares the unknown capability"),
        pytest.param({"capabilities": frozenset(get_args(Capability))}, "", id="all capabilities"),
        ({"regime": "parallel"}, "has the unknown regime 'parallel'"),
    ],
    ids=str,
)
def test_problem(changes, problem):
    found = make(**changes).problem()
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("not_there:X", "ModuleNotFoundError"),
        ("clbench.methods.sequential:Sequentiel", "AttributeError"),
        ("clbench.methods.sequential", "AttributeError"),
        ("clbench.methods.method:MethodOptions", "is not a subclass of clbench.Method"),
        ("clbench.base.seeding:derive", "is not a subclass of clbench.Method"),
    ],
)
def test_target_that_is_no_method_is_refused(target, reason):
    with pytest.raises(PluginError, match="method 'mine'") as caught:
        make(target=target).load()
    assert reason in str(caught.value)


def test_target_that_exits_at_import_is_refused(tmp_path, monkeypatch):
    (tmp_path / "clbench_test_exits.py").write_text("import sys\nsys.exit('needs CUDA')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="needs CUDA"):
        make(target="clbench_test_exits:X").load()


def test_create_validates_options():
    assert make().create().options == MethodOptions()
    assert make().create({"learning_rate": 1e-3}).options.learning_rate == 1e-3
    with pytest.raises(OptionError, match=r"-o mine\.learning_rate: Input should be greater than 0"):
        make().create({"learning_rate": 0})
    with pytest.raises(OptionError, match=r"-o mine\.learning_rat: .*did you mean 'learning_rate'\?"):
        make().create({"learning_rat": 1e-3})


def test_options_are_immutable():
    with pytest.raises(ValueError, match="frozen"):
        Method().options.learning_rate = 1


def test_naming_a_method_imports_nothing_heavy(process_env):
    code = (
        "import sys, clbench; clbench.MethodSpec('a', 'b:c', 'd'); clbench.SummarySpec, clbench.ScorerSpec;"
        "print(sorted({'torch', 'transformers', 'pydantic', 'clbench.methods.method'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=process_env(), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_public_names_are_there_and_others_are_not():
    import clbench

    assert set(clbench._PUBLIC) <= set(dir(clbench))
    assert all(getattr(clbench, name) is not None for name in clbench._PUBLIC)
    assert (clbench.Method, clbench.MethodSpec) == (Method, MethodSpec)
    with pytest.raises(AttributeError, match="no attribute 'Methd'"):
        clbench.Methd  # noqa: B018
