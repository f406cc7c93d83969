"""Validation records: none is a test record or trained on, wherever they come from."""

import json

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.archives import trace as archive
from clbench.data.example import Example
from clbench.data.sources import load_stream_data
from clbench.data.validation import SHARE, hold
from clbench.plugins.registry import registry
from clbench.spec.stream import resolve

RECORDS = st.lists(st.integers(0, 30).map(lambda number: Example("t", f"p{number}", f"a{number % 3}")), max_size=40)


def load(stream, variant, *, split="eval", **caps):
    loaded = registry().catalog().stream(str(stream))
    plan = resolve(
        loaded.stream,
        tasks=loaded.tasks,
        base_dir=loaded.base_dir,
        variant=variant,
        changes={"stream": caps},
        split=split,
    )
    return load_stream_data(plan)


def prompts(examples):
    return {one.prompt for one in examples}


@given(train=RECORDS, own=st.none() | RECORDS, test=RECORDS, cap=st.none() | st.integers(1, 5))
def test_no_validation_record_is_trained_on_or_tested(train, own, test, cap):
    try:
        held = hold(train, own=own, test=test, task="t", cap=cap)
    except DataError:
        assert len(prompts(train)) < 2 or prompts(train) <= prompts(test)
        return
    assert held.validation
    assert len(held.validation) <= (cap or 40)
    assert not prompts(held.validation) & (prompts(held.train) | prompts(test))
    assert held == hold(train, own=own, test=test, task="t", cap=cap), "the same in every process"
    if own is None:
        assert len(held.validation) <= max(1, round(SHARE * len(prompts(train))))
        assert prompts(held.train) | prompts(held.validation) == prompts(train), "nothing else is lost"


def test_a_share_of_the_training_records_is_held_out_where_there_is_no_split(tmp_path):
    path = small.write_stream(tmp_path, train=20)
    plain = load(path, "files", split="test")
    for one, usual in zip(load(path, "files"), plain, strict=True):
        assert len(one.train) == 18
        assert set(one.train) | set(one.test) == set(usual.train)
        assert not prompts(one.test) & prompts(usual.test)
        assert one.hash != usual.hash
        assert one.notes[-1] == f"{one.task.name}: 2 training prompts are held out as validation records"


def test_a_file_of_validation_records_is_taken_where_one_is_named(tmp_path):
    path = small.write_stream(tmp_path, tasks=["own/word"])
    own = small.examples(4, task="own/word", seed=99)
    small.write_jsonl(tmp_path / "word.eval.jsonl", own)
    path.write_text(path.read_text("utf-8").replace("test: word", "eval: word.eval.jsonl\n        test: word"), "utf-8")
    (one,) = load(path, "files")
    assert (one.test, len(one.train)) == (tuple(own), 6)
    (capped,) = load(path, "files", test_examples=2)
    assert capped.test == tuple(own[:2])


def test_too_few_training_records_are_told(tmp_path):
    path = small.write_stream(tmp_path, train=1)
    with pytest.raises(DataError, match=r"'own/word': no validation split, and too few training records"):
        load(path, "files")


def test_generated_records_have_a_split_of_their_own():
    plain, held = load("trace", "mini", split="test", train_examples=6), load("trace", "mini", train_examples=6)
    for one, usual in zip(held, plain, strict=True):
        assert one.train == usual.train
        assert not prompts(one.test) & prompts(usual.test)


def test_the_archives_traps_are_stepped_over(home, tmp_path):
    """FOMC's validation split is its test split, one of 20Minuten is missing; both hold training records out."""
    root = small.write_archive(tmp_path, size=8)
    (root / "FOMC/eval.json").write_bytes((root / "FOMC/test.json").read_bytes())
    (root / "20Minuten/eval.json").unlink()
    stance = json.loads((root / "C-STANCE/test.json").read_text("utf-8"))
    mixed = json.loads((root / "C-STANCE/eval.json").read_text("utf-8"))[:5] + stance[:3]
    (root / "C-STANCE/eval.json").write_text(json.dumps(mixed), "utf-8")
    archive.register({"500": root})
    found = {one.task.name: one for one in load("trace", "500")}
    usual = {one.task.name: one for one in load("trace", "500", split="test")}
    for name, one in found.items():
        assert one.test
        assert not prompts(one.test) & prompts((*usual[name].test, *one.train))
    assert len(found["trace/c-stance"].test) == 5
    assert found["trace/c-stance"].notes == (
        "trace/c-stance: 3 of 8 validation records stand in its test or training records and are left out",
    )
    assert found["trace/fomc"].notes[0].startswith("trace/fomc: 8 of 8 validation records stand in its test")
    assert len(found["trace/fomc"].train) == 7
    assert found["trace/20minuten"].notes == ("trace/20minuten: 1 training prompts are held out as validation records",)
    assert len(found["trace/py150"].train) == 8


@pytest.mark.data
def test_real_validation_records_are_no_test_records(home, real_data):
    variants = archive.locate(real_data / "trace", tasks=small.TRACE_FORMS)
    archive.register(variants)
    found = {one.task.name: one for one in load("trace", "500")}
    tested = {one.task.name: prompts(one.test) for one in load("trace", "500", split="test")}
    assert all(not prompts(one.test) & tested[name] for name, one in found.items())
    assert "16 of 100 validation records stand in its test" in found["trace/fomc"].notes[0], "both are drawn from 496"
