"""Specs: frozen, checked where they are written, loaded when asked."""

import dataclasses

import pytest

from clbench.base.errors import PluginError
from clbench.scoring.accuracy import exact
from clbench.scoring.spec import ScorerSpec, load_scorer


def test_a_spec_is_frozen_and_has_no_room_for_more() -> None:
    spec = ScorerSpec("mine", "package.module:function", "what it does")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(spec, "__dict__")


@pytest.mark.parametrize("target", ["", "package.module", ":function", "package.module:"])
def test_a_target_that_names_no_function_is_refused_at_once(target: str) -> None:
    with pytest.raises(ValueError, match=r"'mine'.*module:function"):
        ScorerSpec("mine", target, "what it does")


def test_load_returns_the_function() -> None:
    assert load_scorer(ScorerSpec("exact", "clbench.scoring.accuracy:exact", "")) is exact


@pytest.mark.parametrize(
    "target",
    [
        "no_such_package_here:f",
        "clbench.scoring.no_such_module:f",
        "clbench.scoring.accuracy:no_such_function",
        "clbench.scoring:VERSION",
    ],
)
def test_what_cannot_be_loaded_says_which_scorer_and_where(target: str) -> None:
    with pytest.raises(PluginError, match=f"'mine'.*{target}"):
        load_scorer(ScorerSpec("mine", target, ""))


def test_a_module_that_leaves_at_import_is_reported_not_obeyed(tmp_path, monkeypatch) -> None:
    (tmp_path / "leaves_at_import.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"SystemExit\(3\)"):
        load_scorer(ScorerSpec("mine", "leaves_at_import:f", ""))
