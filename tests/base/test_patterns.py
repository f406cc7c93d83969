"""Patterns of others: the same as `re` where they end, and an error where they do not."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import patterns

TEXTS = st.text("ab1 \n.", max_size=20)
HONEST = [r"[ab]+", r"(?s).*", r"(a|b)*1", r"\s+", r"(?P<x>a)(?P<y>.)?", r"(?i)A+|\d", r"^a$", "b{2,3}"]
CATASTROPHIC = [(r"(a+)+b", "a" * 60), (r"(a|aa)+$", "a" * 60 + "!"), (r"(.*)*x", "a" * 60), (r"(\w+\s?)*:", "a " * 60)]


@pytest.mark.parametrize("pattern", HONEST)
@given(text=TEXTS)
def test_the_same_as_re(pattern, text):
    mine, theirs = patterns.fullmatch(pattern, text), re.fullmatch(pattern, text)
    assert (mine and mine.groupdict()) == (theirs and theirs.groupdict())
    assert patterns.split(pattern, text) == re.split(pattern, text)
    assert patterns.replace(pattern, "-", text) == re.sub(pattern, "-", text)
    assert patterns.groups(pattern) == set(re.compile(pattern).groupindex)


@pytest.mark.parametrize(("pattern", "text"), CATASTROPHIC)
def test_what_does_not_end_is_ended(pattern, text, monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    begin = time.process_time()
    for use in (patterns.fullmatch, patterns.split, lambda pattern, text: patterns.replace(pattern, "", text)):
        try:
            use(pattern, text * 50)
        except patterns.SlowPatternError as error:
            assert "needs more than 0.05 s" in str(error)  # noqa: PT017 (some engines see through some patterns)
    assert time.process_time() - begin < 5


def test_one_of_them_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    with pytest.raises(patterns.SlowPatternError, match="do not repeat what is itself repeated"):
        patterns.fullmatch(r"(a+)+b", "a" * 3000)


@pytest.mark.parametrize("pattern", ["(", "a{2", "*", "(?P<1>a)", "[z-a]", "\\"])
def test_what_is_no_pattern(pattern):
    if pattern == "a{2":
        patterns.check(pattern)  # literal, as in `re`
        return
    with pytest.raises(ValueError, match="is no regular expression"):
        patterns.check(pattern)
