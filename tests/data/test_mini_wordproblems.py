"""The answers of `wordproblem` are right, its wordings agree, and no held-out problem is trained on in any wording."""

import functools
import random
import re
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.mini import FORMS, records, split_of
from clbench.data.mini import wordproblems as w
from clbench.data.mini.templates import WORDPROBLEM
from clbench.data.mini.wordproblem_words import THEMES

ROWS = [row for theme in THEMES for row in theme.sentences]
BACKWARD = re.compile(
    r" (?:The answer is (\d+)\. What is x\?|If the answer is (\d+), what is x\?|It is (\d+)\. Find x\.)$"
)


@functools.cache
def sample(split: str) -> list[tuple[str, str]]:
    """Story and answer of the first records of a split."""
    head, cue = WORDPROBLEM.split("{text}")
    return [
        (one["prompt"].removeprefix(head).removesuffix(cue), one["answer"])
        for one in records("wordproblem", split=split, size=1500)
    ]


def equations(answer: str) -> list[tuple[int, str, int, int]]:
    """First number, sign, second number and result of each line but the last."""
    lines = re.findall(r"^(\d+) (\S) (\d+) = (\d+)$", answer, re.MULTILINE)
    return [(int(one), sign, int(two), int(result)) for one, sign, two, result in lines]


def value(one: int, sign: str, two: int) -> Fraction:
    return {"+": Fraction(one + two), "-": Fraction(one - two), "*": Fraction(one * two), "/": Fraction(one, two)}[sign]


LESS = r"gives \d+ to|loses|eat|burns|spends|back to|strikes out|get off|takes|skips"
MORE = r"more|brings|finds|pays [A-Z]\w+ \d|adds|get on"
SPLIT = r"puts them|shares them|A ticket costs|takes \d+ hours|equal groups"
SCALE = r"each for|Each needs|Each pays|times as far"


def opened(sentence: str) -> Fraction:
    """What an opening comes to, read by its words and not by the generator's tables."""
    one, *others = [Fraction(number) for number in re.findall(r"\d+", sentence)]
    if re.search(r"\d times (?:as|that)", sentence):
        return one * (others[0] + 1)
    if re.search(r"\band (?:then |[A-Z]\w+ )?\d", sentence):
        return one + others[0]
    return one * others[0] if others else one


def told(text: str) -> Fraction:
    """The answer to a plain story, sentence by sentence."""
    first, *others = re.split(r"(?<=[.?]) (?=[A-Z])", text)
    result = opened(first)
    for sentence in others:
        for number in map(Fraction, re.findall(r"\d+", sentence)):
            if re.search(SPLIT, sentence):
                result /= number
            elif re.search(SCALE, sentence):
                result *= number
            else:
                less, more = re.search(LESS, sentence), re.search(MORE, sentence)
                assert bool(less) != bool(more), sentence
                result += -number if less else number
    return result


def test_a_plain_story_comes_to_its_answer() -> None:
    for text, answer in sample("test"):
        assert told(text) == int(answer.rpartition(": ")[2]), text


def test_x_makes_a_backward_story_come_to_its_result() -> None:
    stories = [(text, answer, found) for text, answer in sample("train") if (found := BACKWARD.search(text))]
    assert len(stories) > 100
    for text, answer, found in stories:
        x = answer.rpartition(": ")[2]
        assert told(re.sub(r"\bx\b", x, text[: found.start()])) == int(next(filter(None, found.groups()))), text


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_every_line_is_a_true_equation_and_the_last_result_is_the_answer(split: str) -> None:
    for text, answer in sample(split):
        lines = equations(answer)
        assert all(value(one, sign, two) == result for one, sign, two, result in lines), answer
        assert 2 <= len(lines) <= 3
        assert answer.endswith(f"\nThe answer is: {lines[-1][3]}")
        assert max(result for *_, result in lines) <= w.LARGEST, text


def test_all_numbers_of_a_forward_story_are_used() -> None:
    for text, answer in sample("test"):
        used = {number for one, _, two, _ in equations(answer) for number in (one, two)}
        assert {int(number) for number in re.findall(r"\d+", text)} <= used, text


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_wordings_of_a_sentence_tell_the_same_numbers(row: tuple[str, ...]) -> None:
    wanted = {"?": set(), "0": {"{0}"}, "0+1": {"{0}", "{1}"}, "0*1": {"{0}", "{1}"}, "0*1+0": {"{0}", "{1}"}}
    assert len(row) >= 3
    for wording in row[1:]:
        assert set(re.findall(r"\{\d\}", wording)) == wanted.get(row[0], {"{0}"})
        assert wording[-1] in ".?"
    assert not row[1].startswith("{0}")  # an x would be capitalised


def is_plain(text: str) -> bool:
    """Whether every sentence of a story is the first wording of its row."""
    wordings = "|".join(re.sub(r"\\{\w\w?\\}", r"\\w+", re.escape(row[1])) for row in ROWS)
    return bool(re.fullmatch(rf"(?:{wordings})(?: (?:{wordings}))+", text))


def test_held_out_stories_are_plain_and_ask_forwards() -> None:
    for split in ("eval", "test"):
        assert all(is_plain(text) for text, _ in sample(split))
        assert not any(re.search(r"\bx\b", text) for text, _ in sample(split))


@given(seed=st.integers(0, 2**32))
def test_a_retelling_falls_to_the_split_of_its_plain_story(seed: int) -> None:
    prompt, _ = w.make(random.Random(seed))
    plain, _ = w.make_plain(random.Random(seed))  # the same draws up to the problem
    assert split_of(prompt) == split_of(plain)


def test_kinds_of_training_records_come_in_their_shares() -> None:
    stories = [text for text, _ in sample("train")]
    plain, backward = (sum(map(bool, map(kind, stories))) / len(stories) for kind in (is_plain, BACKWARD.search))
    assert [plain, backward] == pytest.approx([0.45, 0.2], abs=0.04)


def test_no_number_pays_too_well() -> None:
    numbers = Counter(answer.rpartition(" ")[2] for _, answer in sample("test"))
    assert numbers.most_common(1)[0][1] / 1500 <= 0.12


def test_the_form_says_who_makes_held_out_records() -> None:
    assert FORMS["wordproblem"].make_held_out is w.make_plain
    assert all(form.make_held_out is None for name, form in FORMS.items() if name != "wordproblem")
