"""Which code computed a result, by content."""

import sys

import pytest

from clbench.runs import provenance
from clbench.runs.sources import changed, code_hashes, requirements


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path."""
    folder = tmp_path / "odd_method"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('is not to be imported')")
    (folder / "inner" / "deep.py").write_text("a = 1")
    (folder / "notes.txt").write_text("no code")
    (tmp_path / "single_file.py").write_text("b = 1")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_any_change_of_code_changes_the_hash_and_nothing_else_does(package):
    modules = {"odd-method": "odd_method", "single": "single_file", "none": "no_such_module"}
    before = code_hashes(modules)
    assert set(before) == {"odd-method", "single"}
    (package / "notes.txt").write_text("other")
    assert code_hashes(modules) == before
    (package / "inner" / "deep.py").write_text("a = 2")
    (package.parent / "single_file.py").write_text("b = 2")
    after = code_hashes(modules)
    assert changed(before, after) == ["odd-method", "single"]
    (package / "inner" / "deep.py").rename(package / "inner" / "deeper.py")
    assert changed(after, code_hashes(modules)) == ["odd-method"]
    assert "odd_method" not in sys.modules


def test_what_one_side_does_not_know_is_not_compared():
    assert changed({}, {"a": "1"}) == changed({"a": "1"}, {}) == changed({"a": "1"}, {"a": "1"}) == []


def test_a_plugins_own_requirements_are_part_of_where_a_result_comes_from():
    pytest.importorskip("clbench_peft")
    assert "peft" in requirements(["clbench-peft", "no-such-package"])
    found = provenance.collect(modules={"clbench-peft": "clbench_peft"})
    assert found["packages"]["peft"] != "not installed"
    assert set(found["code"]) == {"clbench", "clbench-peft"}
    assert set(provenance.identity(found)) == {"packages", "python", "code of clbench", "code of clbench-peft"}
