"""Contamination: against brute force on small texts, and on real records."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.overlap import Overlap, equal, overlap, overlap_all, tokens

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=14)
TEXTS = st.lists(WORDS.map(" ".join), max_size=6)


def brute_force(train: list[str], probe: list[str], n: int) -> tuple[list[int], int]:
    """Every run of every record in every text, as text between blanks."""
    touched, short = [], 0
    for record, text in enumerate(probe):
        words = text.split()
        if len(words) < 5:
            short += 1
            continue
        size = min(n, len(words))
        runs = [" ".join(words[i : i + size]) for i in range(len(words) - size + 1)]
        if any(f" {run} " in f" {other} " for run in runs for other in train):
            touched.append(record)
    return touched, short


@given(TEXTS, TEXTS, st.integers(5, 8))
def test_as_brute_force(train, probe, n):
    touched, short = brute_force(train, probe, n)
    assert overlap(iter(train), probe, n=n) == Overlap(len(touched), len(probe), short, n, tuple(touched[:3]))


@given(WORDS.filter(lambda words: len(words) >= 5).map(" ".join), st.sampled_from(["", "x ", "a b "]))
def test_a_record_within_a_text_is_touched_however_it_is_set(record, before):
    text = before + record.upper().replace(" ", ", ") + "!"
    assert overlap([text], [record]).touched == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP: 3.5 Straße", ["don", "t", "stop", "3", "5", "strasse"]),
        ("判断文本。B支持", ["判", "断", "文", "本", "b", "支", "持"]),
        ("カメラを", ["カ", "メ", "ラ", "を"]),
        ("서울은 수도다.", ["서울은", "수도다"]),
        ("হায়দ্রাবাদ শহর।", ["হায়দ্রাবাদ", "শহর"]),
        ("హైదరాబాద్ నగరం", ["హైదరాబాద్", "నగరం"]),
        ("𠀀a", ["𠀀", "a"]),
        (" ?!\n", []),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def test_a_run_does_not_reach_from_one_text_into_the_next():
    assert overlap(["a b c", "d e f"], ["a b c d e f"], n=6).touched == 0
    assert overlap(["a b c d e f"], ["a b c d e f"], n=6).touched == 1


def test_thirteen_words_are_needed_and_enough():
    words = [f"w{i}" for i in range(20)]
    probe = [" ".join(words)]
    assert overlap([" ".join(words[3:15])], probe).touched == 0
    assert overlap([" ".join(words[3:16])], probe) == Overlap(1, 1, 0, 13, (0,))


def test_a_short_record_must_stand_whole_and_a_shorter_one_is_not_judged():
    train = ["it is said that the cat sat on the mat today"]
    probe = ["The cat sat on the mat.", "the cat sat on the floor", "the cat sat"]
    assert overlap(train, probe) == Overlap(1, 3, 1, 13, (0,))


def test_equal_records_are_touched_alike():
    assert overlap(["a b c d e f g"], ["a b c d e"] * 4 + ["b c d e f"], n=13) == Overlap(5, 5, 0, 13, (0, 1, 2))
    assert overlap(["a b c d e f g"] * 2, ["a b c d e f g"] * 4, n=5).touched == 4


def test_nothing_overlaps_with_nothing():
    assert overlap([], []) == Overlap(0, 0, 0, 13, ())
    assert overlap(["", "a"], [""]) == Overlap(0, 1, 1, 13, ())


def test_too_small_n_is_refused():
    with pytest.raises(ValueError, match="at least 5"):
        overlap([], [], n=4)


def test_it_imports_nothing_heavy():
    code = "import sys, clbench.data.overlap; assert not {'numpy', 'torch', 'datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(TEXTS, st.dictionaries(st.sampled_from("xyz"), TEXTS), st.integers(5, 8))
def test_several_probes_at_once_are_as_each_alone(train, probes, n):
    together = overlap_all(iter(train), probes, n=n)
    assert together == {name: overlap(train, probe, n=n) for name, probe in probes.items()}


@pytest.mark.data
def test_real_records(real_data):
    """MetaMathQA rewrites GSM8K's training questions, and none of its test questions: so here, by plain sets too."""
    records = json.loads((real_data / "metamathqa/train.json").read_text(encoding="utf-8"))
    train = [f"{record['prompt']}\n{record['answer']}" for record in records]
    known = set().union(*map(thirteens, train))
    for split, size in (("train", 600), ("test", 200)):
        lines = (real_data / f"gsm8k/{split}.jsonl").read_text(encoding="utf-8").splitlines()
        probe = [json.loads(line)["question"] for line in lines]
        assert all(map(thirteens, probe)), "none is shorter"
        touched = [place for place, text in enumerate(probe) if thirteens(text) & known]
        assert overlap(train, probe) == Overlap(len(touched), size, 0, 13, tuple(touched[:3]))
        assert bool(touched) == (split == "train")


def thirteens(text: str) -> set[tuple[str, ...]]:
    words = tokens(text)
    return set(zip(*(words[start:] for start in range(13)), strict=False))


@pytest.mark.parametrize("prompt", ["2+2=", "a", "long " * 40, " 2+2= \n"])
def test_equal_records_are_found_whatever_their_length(prompt):
    train = [("2+2=", "4"), ("a", "b"), ("a", "c"), ("long " * 40, "x"), ("", "")]
    assert equal(train, [(prompt, "?"), ("nothing like it", "4")]) == (1, 0)
    answer = {"2+2=": "4", "a": "c"}.get(prompt.strip(), "x")
    assert equal(train, [(prompt, answer), (prompt, "?")]) == (2, 1)


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=2)), max_size=8), st.data())
def test_a_training_file_as_test_file_is_equal_whole(train, data):
    probe = data.draw(st.lists(st.sampled_from(train), max_size=8)) if train else []
    assert equal(train, probe) == (len(probe), len(probe))
