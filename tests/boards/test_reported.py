"""Results of others: read in PEFT's forms, with binomial errors, groups that cannot be told apart, and the front."""

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.boards.reported import Reported, differ, markdown, placed, read_reported


def row(right, *, rise=0.1, memory=1e9, n=1319, name=None):
    return Reported(name or f"r{right}", right / n, rise, memory, 60.0, 1000.0, n)


def result(accuracy=677 / 1319, status="success", **info):
    """As PEFT's runner writes it."""
    metrics = [{"step": 250, "valid accuracy": 0.4}, {"step": 5000, "test accuracy": accuracy, "forgetting": 0.1}]
    usual = {"accelerator_memory_max": 2e10, "train_time": 900.0, "num_trainable_params": 5, "metrics": metrics}
    return {"run_info": {}, "train_info": {**usual, "status": status, **info}}


def test_the_error_is_the_binomial_one():
    assert row(694).error == pytest.approx(0.01375, abs=1e-5)


def test_two_proportions_by_hand():
    # p = .5 and .4 of 100 each: pooled .45, spread sqrt(.45 * .55 * 2 / 100) = .0703562, z = 1.421338, p = .155218
    assert differ(row(50, n=100), row(40, n=100)) == pytest.approx(0.155218, abs=1e-6)
    assert differ(row(0), row(0)) == differ(row(1319), row(1319)) == 1.0


def test_groups_begin_where_the_first_can_be_told_from():
    found = placed([row(400), row(690), row(694), row(650), row(398), row(100)])
    assert [(one.row.name, one.group) for one in found] == [
        ("r694", 1), ("r690", 1), ("r650", 1), ("r400", 2), ("r398", 2), ("r100", 3),
    ]  # fmt: skip


@given(st.lists(st.integers(0, 1319), min_size=1, max_size=20))
def test_groups_are_in_order_and_no_first_is_of_the_group_before(rights):
    found = placed([row(right, name=str(number)) for number, right in enumerate(rights)])
    groups = [one.group for one in found]
    assert groups == sorted(groups)
    assert set(groups) == set(range(1, groups[-1] + 1))
    first = [next(one.row for one in found if one.group == group) for group in sorted(set(groups))]
    assert all(differ(one, other) < 0.05 for one, other in itertools.pairwise(first))


def test_the_front_has_accuracy_loss_and_memory():
    rows = [row(700, rise=0.2, name="a"), row(600, rise=0.1, name="b"), row(590, rise=0.1, name="c")]
    rows.append(row(590, rise=0.3, memory=5e8, name="d"))
    assert {one.row.name: one.on_front for one in placed(rows)} == {"a": True, "b": True, "c": False, "d": True}


def test_files_folders_and_lists_are_read(tmp_path):
    (tmp_path / "lora--x.json").write_text(json.dumps(result()))
    flat = {"name": "full", "test_accuracy": 0.0, "forgetting": 0.2, "memory_max_bytes": 1, "train_seconds": 2}
    (tmp_path / "list.json").write_text(json.dumps([flat | {"trainable": 3}]))
    found = {one.name: one for one in read_reported([tmp_path])}
    assert found["lora--x"] == Reported("lora--x", 677 / 1319, 0.1, 2e10, 900.0, 5.0, 1319)
    assert (found["full"].accuracy, found["full"].text_loss_rise) == (0.0, 0.2)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (result(status="failed"), "the run ended with 'failed'"),
        (result(accuracy=0.5), "accuracy 0.5 is no share of 1,319 records; --records"),
        (result(accuracy=-1.0), "is no share"),
        (result(metrics=[]), "is no result of PEFT's comparison"),
        ({"a": 1}, "is no result of PEFT's comparison"),
        ([1], "is no result, got 1"),
        ([], "there are no results"),
    ],
)
def test_what_is_no_result_is_said(tmp_path, call, value, complaint):
    (tmp_path / "x.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=complaint):
        read_reported([tmp_path])
    done = call("reported", tmp_path / "x.json")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_the_command_writes_a_table_and_a_picture(tmp_path, call):
    pytest.importorskip("matplotlib")
    (tmp_path / "a|b.json").write_text(json.dumps(result()))
    done = call("reported", tmp_path, "--out", tmp_path / "r.md", "--picture", tmp_path / "r.svg")
    assert done.code == 0, done.err
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "| 1 | a\\|b | 0.513 ± 0.014 | 0.100 | 20.0 | 900 | 5 | ● |" in text
    assert "never ranked" in text
    assert (tmp_path / "r.svg").read_bytes().startswith(b"<?xml")
    assert call("reported", tmp_path, "--picture", tmp_path / "r.gif").code == 2
    assert call("reported", tmp_path, "--json").json[0]["row"]["name"] == "a|b"


@pytest.mark.data
def test_pefts_own_results(real_data):
    folder = real_data / "peft_comparison"
    found = placed(read_reported([folder / "summary.json"]))
    assert len(found) == 63
    assert [round(one.row.accuracy, 3) for one in found[:9]] == [
        0.526, 0.513, 0.513, 0.510, 0.509, 0.505, 0.504, 0.495, 0.494,
    ]  # fmt: skip
    assert {one.group for one in found[:9]} == {1}
    whole = {one.name: one for one in read_reported(sorted(folder.glob("*--*.json")))}
    listed = {one.row.name: one.row for one in found}
    assert len(whole) == 4
    for name, one in whole.items():
        assert math.isclose(one.accuracy, listed[name].accuracy)
        assert math.isclose(one.text_loss_rise, listed[name].text_loss_rise)
    assert "| 1 | lily--llama-3.2-3B-rank140-mlp-a2-b2-s8.0 | 0.526 ± 0.014 |" in markdown(found, source="x")
