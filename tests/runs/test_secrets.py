"""Secrets of the environment never reach what is published."""

import json

from hypothesis import given
from hypothesis import strategies as st

from clbench.runs.secrets import REMOVED, scrub

TOKEN = "hf_0123456789abcdef"
ENVIRONMENT = {"HF_TOKEN": TOKEN, "api_key": "k" * 9, "DB_PASSWORD": "short", "HOME": "/home/somebody/else"}
TEXTS = st.text(max_size=5) | st.sampled_from([TOKEN, f"Bearer {TOKEN}!", "k" * 9, "short"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def test_a_secret_is_cut_out_of_texts_and_keys():
    value = {"log": [f"Bearer {TOKEN}!", {TOKEN: ("k" * 9, 1, None)}], "home": ENVIRONMENT["HOME"]}
    assert scrub(value, environment=ENVIRONMENT) == {
        "log": [f"Bearer {REMOVED}!", {REMOVED: (REMOVED, 1, None)}],
        "home": ENVIRONMENT["HOME"],
    }


def test_a_short_value_would_cut_words_out_of_ordinary_text():
    assert scrub("a short story", environment=ENVIRONMENT) == "a short story"


def test_a_secret_that_contains_another_goes_whole():
    environment = {"A_TOKEN": "0123456789", "B_TOKEN": "0123456789-more"}
    assert scrub("x 0123456789-more", environment=environment) == f"x {REMOVED}"


def test_the_environment_is_this_process_own(monkeypatch):
    monkeypatch.setenv("SOME_SECRET", TOKEN)
    assert scrub([TOKEN]) == [REMOVED]


@given(VALUES)
def test_nothing_else_changes_and_nothing_stays(value):
    cleaned = scrub(value, environment=ENVIRONMENT)
    text = json.dumps(cleaned)
    assert TOKEN not in text
    assert "k" * 9 not in text
    if TOKEN not in json.dumps(value) and "k" * 9 not in json.dumps(value):
        assert cleaned == value
    assert scrub(value, environment={"HOME": TOKEN}) == value
