"""Errors: one line with the mend, and the exit code that goes with it."""

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clbench.base import errors


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    epochs: int = Field(ge=1)
    name: str


def _subclasses(kind):
    return [kind, *(each for child in kind.__subclasses__() for each in _subclasses(child))]


@pytest.mark.parametrize("kind", _subclasses(errors.ClbenchError))
def test_exit_code_is_2_for_wrong_input_and_1_for_a_failed_run_and_130_for_a_stopped_one(kind):
    assert kind.exit_code == {errors.RunError: 1, errors.DivergedError: 1, errors.StoppedError: 130}.get(kind, 2)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("mof", ["mofo", "joint"], "; did you mean 'mofo'?"),
        ("MOFO", ["mofo", "joint"], "; did you mean 'mofo'?"),
        ("jomt", ["joint", "jolt"], "; did you mean 'jolt' or 'joint'?"),
        ("xyz", ["mofo", "joint"], "; there is joint, mofo"),
        ("xyz", [], "; there is none"),
        ("trace/fomk", iter(["trace/fomc"]), "; did you mean 'trace/fomc'?"),
    ],
)
def test_did_you_mean(name, known, hint):
    assert errors.did_you_mean(name, known) == hint


def test_unknown_name_says_what_was_looked_for():
    error = errors.unknown_name("method", "mof", ["mofo"])
    assert isinstance(error, errors.UnknownNameError)
    assert str(error) == "no method 'mof'; did you mean 'mofo'?"


def test_pydantic_line_holds_every_complaint_in_one_line():
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"epochs": -1, "nme": "x"})
    line = errors.pydantic_line(caught.value)
    assert "\n" not in line
    assert "epochs: Input should be greater than or equal to 1 (got -1)" in line
    assert "name: Field required" in line
    assert "nme: Extra inputs are not permitted" in line


@pytest.mark.parametrize(("value", "text"), [("a", "'a'"), ("a\nb", r"'a\nb'"), ("x" * 80, "'" + "x" * 58 + "…")])
def test_short_is_one_short_line(value, text):
    assert errors.short(value) == text
    assert len(errors.short(value)) <= 60
