"""What `clbench bench` measures, and what it says that it leaves out."""

import json

import pytest
from typer.testing import CliRunner

from clbench.base.errors import OptionError, UnknownNameError
from clbench.cli import app
from clbench.plugins.registry import registry
from clbench.speed import suite


@pytest.fixture
def quick(monkeypatch):
    """Texts and products so small that all is measured in a moment."""
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_PROMPT", 8)
    monkeypatch.setattr("clbench.speed.lengths.LONGEST_ANSWER", 2)
    monkeypatch.setattr("clbench.models.device._SIDES", {"cpu": 64})
    monkeypatch.setattr("clbench.speed.suite.RECORDS", 1)
    monkeypatch.setattr("clbench.speed.suite.ANSWER", 2)


def test_one_document_holds_the_machine_and_every_figure(quick, monkeypatch):
    monkeypatch.setattr("clbench.speed.suite.SLOWER", 0.0)
    found = CliRunner().invoke(app, ["bench", "--shape", "tiny", "--plugin", "lora", "--seconds", "1", "--json"])
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["machine"]["device"] == "cpu"
    assert document["machine"]["torch"]
    figures = document["figures"]
    parts = [one["part"] for one in figures]
    assert parts == ["peak", "steps", "steps", "training", *["answering"] * 4, "projection"]
    assert [one["what"] for one in figures if one["value"] is None] == [
        "greedy answers, engine continuous",
        "greedy answers, engine vllm",
    ]
    assert figures[2]["beside"]["sequential"] > 0


def test_what_takes_too_long_is_said_to_be_unmeasured(quick, monkeypatch):
    monkeypatch.setattr("clbench.speed.suite.SLOWER", 1e12)
    made = suite.make(plugins=["mofo"], shapes=["tiny"], seconds=1, device="cpu", registry=registry())
    figures = list(made.figures())
    left = [one for one in figures if one.value is None]
    assert [one.what for one in left[:3]] == ["mofo: training step", "plain fine-tuning", "greedy answers"]
    assert all("unmeasured" in one.note for one in left)
    assert figures[1].value > 0  # an optimizer's step is short on any machine


def test_the_usual_methods_are_those_that_are_installed():
    made = suite.make(plugins=[], shapes=[], seconds=1, device="cpu", registry=registry())
    assert made.methods == suite.METHODS  # the workspace has them all
    assert [one.name for one in made.shapes] == ["tiny", "smollm2", "tinyllama"]


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="--shape huge: there is none; there are tiny, smollm2, tinyllama"):
        suite.make(plugins=[], shapes=["huge"], seconds=1, device="cpu", registry=registry())
    with pytest.raises(UnknownNameError):
        suite.make(plugins=["nobody"], shapes=[], seconds=1, device="cpu", registry=registry())
