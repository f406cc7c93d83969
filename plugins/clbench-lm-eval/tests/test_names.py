"""What may stand after `lm-eval:`, and the names that clbench gives."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from clbench.base.errors import ClbenchError, FileError, OptionError
from clbench.spec.task import Name
from clbench_lm_eval.names import FOLDERS, Asked, own_folders, parse, probe_name

NAME = TypeAdapter(Name)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mmlu", ("mmlu", "", "")),
        ("arc_easy@acc_norm", ("arc_easy", "acc_norm", "")),
        ("gsm8k@exact_match,flexible-extract", ("gsm8k", "exact_match", "flexible-extract")),
        ("mine@pass@1", ("mine", "pass@1", "")),
    ],
)
def test_parts(text, parts):
    asked = parse(text)
    assert (asked.task, asked.metric, asked.filter) == parts
    assert not asked.is_file
    assert asked.option == f"--probe lm-eval:{text}"


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "at@home" / "one.yaml"
    path.parent.mkdir()
    path.touch()
    assert parse(f"{path}@f1") == Asked(f"{path}@f1", str(path), "f1", is_file=True)
    monkeypatch.setenv("HOME", str(path.parent))
    monkeypatch.chdir(tmp_path)
    assert parse("~/one.yaml").task == parse("at@home/one.yaml").task == str(path)
    with pytest.raises(FileError, match=r"--probe lm-eval:two.yml: there is no file .*two.yml"):
        parse("two.yml")


@pytest.mark.parametrize("text", ["", "@acc", "mmlu@", "mmlu@acc,", "mmlu@,none"])
def test_halves_are_refused(text):
    with pytest.raises(OptionError, match="write TASK, TASK@METRIC or TASK@METRIC,FILTER"):
        parse(text)


def test_folders_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.delenv(FOLDERS, raising=False)
    assert own_folders() == ()
    monkeypatch.setenv(FOLDERS, f"{tmp_path}{os.pathsep}{tmp_path.parent}")
    assert own_folders() == (tmp_path, tmp_path.parent)
    monkeypatch.setenv(FOLDERS, str(tmp_path / "none"))
    with pytest.raises(ClbenchError, match=f"{FOLDERS}: .*none is no folder"):
        own_folders()


def test_plain_names_stay():
    assert probe_name("mmlu", Asked("mmlu", "mmlu")) == "lm-eval/mmlu"
    assert probe_name("arc_easy", Asked("", "arc_easy", "acc_norm")) == "lm-eval/arc_easy.acc_norm"


@given(st.lists(st.text(min_size=1, max_size=90), min_size=2, max_size=2, unique=True))
def test_every_task_has_a_name_of_its_own(texts):
    names = [probe_name(text, Asked(text, text)) for text in texts]
    assert names[0] != names[1]
    for name in names:
        assert NAME.validate_python(name) == name
