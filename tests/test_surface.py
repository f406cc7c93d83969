"""The public names: listed once, described in `docs/api.md`, and all that packages of methods need."""

import ast
import importlib
from pathlib import Path

import pytest
import surface

import clbench

PLUGINS = Path(__file__).parent.parent / "plugins"
INTERNAL = {
    # Bridges to other libraries, which follow the core in this repository.
    "clbench-avalanche": {
        ("clbench.data.sources", "load_stream_data"),
        ("clbench.data.sources", "TaskData"),
        ("clbench.engine.words", "find_stream"),
        ("clbench.plugins.registry", "registry"),
        ("clbench.spec.stream", "StreamPlan"),
        ("clbench.spec.stream", "resolve"),
    },
    "clbench-lm-eval": {("clbench.base", "home")},
}


def imported(file):
    """Every (module, name) that a file takes from the core."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "clbench":
            for one in node.names:
                yield node.module, one.name
        if isinstance(node, ast.Import):
            for one in node.names:
                assert one.name.partition(".")[0] != "clbench" or one.name == "clbench", (file, one.name)


def test_the_page_is_what_the_sources_say():
    assert surface.PAGE.read_text("utf-8") == surface.page(), "write it again: python tests/surface.py"


def test_every_name_can_be_imported_and_type_checkers_see_the_same():
    assert all(getattr(clbench, name) for name in clbench._PUBLIC)
    assert set(imported(Path(clbench.__path__[0]) / "__init__.py")) == {
        (module, name) for name, module in clbench._PUBLIC.items()
    }
    for module, names in clbench._PUBLIC_ELSEWHERE.items():
        assert set(names) <= set(vars(importlib.import_module(module))), module


@pytest.mark.parametrize("package", sorted(path.name for path in PLUGINS.iterdir() if (path / "src").is_dir()))
def test_packages_need_public_names_only(package):
    # Another name means: it is of use to packages, so list it in clbench/__init__.py; or do without it.
    taken = {(module, name) for file in (PLUGINS / package / "src").rglob("*.py") for module, name in imported(file)}
    modules = {(module.rpartition(".")[0], module.rpartition(".")[2]) for module in clbench._PUBLIC_ELSEWHERE}
    assert taken - surface.public() - modules - INTERNAL.get(package, set()) == set()


def test_a_name_that_only_the_list_knows_is_found_out(monkeypatch):
    monkeypatch.setitem(clbench._PUBLIC_ELSEWHERE, "clbench.base.errors", ("NoSuchError",))
    with pytest.raises(KeyError, match="NoSuchError"):
        surface.page()
