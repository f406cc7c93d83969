"""Texts are tokenised once, and what there is no room for is tokenised again."""

import pytest

from clbench.data import remembered
from clbench.data.remembered import Remembered


@pytest.fixture
def asked():
    return []


@pytest.fixture
def tokens(asked):
    def tokenise(texts):
        asked.append(list(texts))
        return [[ord(one) for one in text] for text in texts]

    return Remembered(tokenise)


def test_each_text_is_tokenised_once(tokens, asked):
    assert tokens(["ab", "c", "ab"]) == [[97, 98], [99], [97, 98]]
    assert tokens(["c", "d"]) == [[99], [100]]
    assert asked == [["ab", "c"], ["d"]]


def test_without_room_they_are_tokenised_again(tokens, asked, monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 1)
    for _ in range(2):
        assert tokens(["ab", "c"]) == [[97, 98], [99]]
    assert asked == [["ab", "c"], ["c"]]
