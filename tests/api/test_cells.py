"""Methods that are classes in memory: their text, their runs, their rows, and the packages made of them."""

import linecache
import math
import sys
import types
from importlib.metadata import PackageNotFoundError

import pytest
import small

import clbench
from clbench.api.cells import class_spec, method_name
from clbench.api.classtext import class_text
from clbench.base.errors import ClbenchError, PluginError

CELL = '''
import math
import torch
from pathlib import Path as Place
from clbench import Method, MethodOptions

STRENGTH = 0.5
UNUSED = object()


class Options(MethodOptions):
    strength: float = STRENGTH


def scale(options):
    return math.cos(0.0) * options.strength


class Pull(Method):
    """Pulls gradients."""

    Options = Options

    @torch.no_grad()
    def after_backward(self, run):
        for UNUSED in run.model.parameters():
            if UNUSED.grad is not None:
                UNUSED.grad.mul_(scale(self.options))
'''


@pytest.fixture
def cell():
    """Runs a notebook's cell as `__main__` would: its text is known to linecache, its names to a module."""
    made = []

    def run(text, *, name="notebook_main", module=None):
        module = module or types.ModuleType(name)
        sys.modules[name] = module
        file = f"/cells/{name}/{len(made)}.py"
        made.append(name)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        module.__dict__.setdefault("In", []).append(text)
        exec(compile(text, file, "exec"), module.__dict__)
        return module

    yield run
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(
        tmp_path_factory.mktemp("stream"), tasks=small.STREAM_TASKS[:1], epochs=1, train=2, test=1
    )


@pytest.fixture
def run(stream, llama, home):
    return lambda *plugins, **more: clbench.run(stream=stream, model=llama, plugin=plugins, quiet=True, **more)


# --- the text


def test_a_class_takes_along_what_it_uses_and_nothing_else(cell):
    text = class_text(cell(CELL).Pull)
    assert text.startswith(
        "import math\n\nimport torch\nfrom clbench import Method, MethodOptions\n\n\nSTRENGTH = 0.5\n"
    )
    assert text.index("STRENGTH =") < text.index("class Options") < text.index("class Pull")
    assert text.index("def scale") < text.index("class Pull")
    assert "UNUSED = object" not in text
    assert "Place" not in text
    names = {}
    exec(compile(text, "again.py", "exec"), names)
    assert names["Pull"].Options().strength == 0.5


def test_the_text_of_a_module_is_the_text_of_its_class_again(cell):
    text = class_text(cell(CELL).Pull)
    assert class_text(cell(text, name="another").Pull) == text


def test_a_definition_is_the_last_one_that_was_run(cell):
    first = cell("import clbench\nclass Options(clbench.MethodOptions):\n    a: int = 1\n")
    cell("class Options(clbench.MethodOptions):\n    a: int = 2\n", module=first)
    cell(
        "class Lost(clbench.Method):\n    Options = Options\n    def after_step(self, run):\n        pass\n",
        module=first,
    )
    assert "a: int = 2" in class_text(first.Lost)


BODY = "class Bad(clbench.Method):\n    def after_step(self, run):\n        "


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"import clbench\nseen = []\n{BODY}seen.append(1)\n", r"class Bad: uses seen = \[\] from outside"),
        (f"import clbench\nx = float('nan')\n{BODY}print(x)\n", "class Bad: uses x = nan from outside"),
        (
            "import clbench\ndef make(y):\n    class Bad(clbench.Method):\n        def after_step(self, run):\n"
            "            print(y)\n    return Bad\nBad = make(1)\n",
            "uses y of the function around it",
        ),
    ],
)
def test_what_no_module_could_have_is_refused(cell, text, complaint):
    with pytest.raises(PluginError, match=complaint):
        class_text(cell(text).Bad)


def test_a_class_whose_source_nobody_has_is_refused():
    names = {"__name__": "nowhere"}
    exec("import clbench\nclass Gone(clbench.Method):\n    def after_step(self, run):\n        pass\n", names)
    with pytest.raises(PluginError, match="Gone: its source cannot be read"):
        class_text(names["Gone"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("MyAnchor", "my-anchor"), ("EWC", "ewc"), ("LoRAMoE2", "lo-ra-mo-e2"), ("A_b", "a-b"), ("_Pull", "pull")],
)
def test_a_class_is_called_as_it_is_written(name, expected):
    assert method_name(type(name, (clbench.Method,), {})) == expected


@pytest.mark.parametrize("name", ["", "_", "Ü", "方法"])
def test_a_class_without_a_name_is_refused(name, run, home):
    with pytest.raises(ClbenchError, match="has no name that a method can have") as caught:
        run(type(name, (clbench.Method,), {}))
    assert "\n" not in str(caught.value)
    assert not small.files_below(home)


def test_what_a_class_touches_is_told_from_its_hooks(cell):
    spec = class_spec(cell(CELL).Pull)
    assert (spec.name, spec.summary, spec.regime) == ("pull", "Pulls gradients.", "sequential")
    assert spec.capabilities == {"edits_gradients"}
    assert spec.load() is spec.method


# --- runs


def test_a_class_runs_is_found_again_and_is_another_when_it_changes(cell, run, home):
    module = cell(CELL)
    (first,) = run(module.Pull)
    (again,) = run(module.Pull)
    assert (first.repeated, again.repeated) == (False, True)
    assert first.record.provenance["methods"] == {"pull": class_text(module.Pull)}
    assert first.record.method.packages.keys() == {"unpackaged"}
    (other,) = run(cell(CELL.replace("math.cos(0.0)", "2.0"), name="changed").Pull)
    assert other.run != first.run
    assert not other.repeated
    (helper,) = run(cell(CELL.replace("STRENGTH = 0.5", "STRENGTH = 0.25"), name="constant").Pull)
    assert len({first.run, other.run, helper.run}) == 3


def test_an_object_has_its_options(cell, run):
    module = cell(CELL)
    (result,) = run(module.Pull(module.Options(strength=0.125)))
    assert result.method == "pull (strength=0.125)"
    assert run(module.Pull, options={"pull": {"strength": 0.125}}).result.run == result.run
    with pytest.raises(ClbenchError, match="give them in one place"):
        run(module.Pull(module.Options(strength=0.125)), options={"pull": {"strength": 1.0}})


def test_unpackaged_rows_say_so_and_stand_below_all_others(cell, run, home):
    module = cell(CELL)
    run("sequential", "frozen", module.Pull)
    board = clbench.board()
    assert list(board["method"])[-1] == "pull"
    assert board["package"].iloc[-1].startswith("unpackaged ")
    text = next((home / "leaderboards").glob("*.md")).read_text(encoding="utf-8")
    rows = [line for line in text.partition("Costs")[0].splitlines() if line.startswith("| ")]
    assert rows[-1].startswith("| pull ")
    assert "unpackaged" in rows[-1]


def test_a_class_of_a_package_is_the_packages_method(run):
    from clbench.methods.sequential import Sequential

    result = run(Sequential).result
    assert result.record.method.packages.keys() == {"clbench"}
    assert run("sequential").result.repeated


def test_a_name_that_is_taken_is_told(cell, run, home):
    module = cell("import clbench\nclass Sequential(clbench.Method):\n    def after_step(self, run):\n        pass\n")
    with pytest.raises(PluginError, match=r"the method name 'sequential' is taken by clbench .*; rename the class"):
        run(module.Sequential)
    with pytest.raises(PluginError, match="the method name 'pull' is taken by unpackaged"):
        run(cell(CELL, name="one").Pull, cell(CELL.replace("math.cos", "math.sin"), name="two").Pull)
    assert not small.files_below(home)


# --- packages


@pytest.fixture
def exported(cell, tmp_path):
    return clbench.export_method(cell(CELL).Pull, tmp_path / "pull")


def test_a_class_becomes_a_package_that_passes_the_check(exported, tmp_path, monkeypatch, clear_registry):
    import tomllib

    from clbench.plugins.registry import registry

    project = tomllib.loads((exported / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = exported / "src" / "clbench_pull-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[clbench.plugins]\npull = clbench_pull\n")
    assert project["entry-points"]["clbench.plugins"] == {"pull": "clbench_pull"}
    monkeypatch.syspath_prepend(str(exported / "src"))
    clear_registry()
    try:
        entry = registry().method("pull")
        assert entry.plugin.package == "clbench-pull"
        found = clbench.check("pull", identity={"pull.strength": 1.0})
        assert found.passed, found
        assert [one["property"] for one in found if one[""] == "skipped"] == []
        fresh = class_text(entry.spec.load())
        assert fresh in (exported / "src/clbench_pull/method.py").read_text(encoding="utf-8")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "clbench_pull"]:
            del sys.modules[name]


def test_a_folder_in_use_is_not_written_to(cell, exported):
    with pytest.raises(ClbenchError, match="is not empty; give a new folder"):
        clbench.export_method(cell(CELL, name="again").Pull, exported)


def test_the_packages_sources_are_clean(exported):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E4,E7,E9,F", str(exported)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_a_class_can_be_checked_before_it_is_a_package(cell):
    found = clbench.check(cell(CELL).Pull, identity={"strength": 1.0})
    assert found.passed, found
    (skipped,) = [one for one in found if one[""] == "skipped"]
    assert skipped["property"] == "light"
    assert "export_method" in skipped["why"]


def test_a_bad_class_is_found_out(cell):
    text = (
        "import clbench, random\nclass Dice(clbench.Method):\n    def after_step(self, run):\n        random.random()\n"
    )
    found = clbench.check(cell(text).Dice)
    assert not found.passed
    assert "randomness" in [one["property"] for one in found if one[""] == "failed"]
    assert math.isfinite(len(repr(found)))
    with pytest.raises(PackageNotFoundError):
        __import__("importlib.metadata").metadata.version("clbench-dice")
