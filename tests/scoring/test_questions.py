"""Short answers: SQuAD's rule against a plain reading of it, and nine languages."""

import json
import re
import string
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.questions import alias_em, alias_in, normalised, squad_em, squad_f1

ALL = (squad_em, squad_f1, alias_em, alias_in)
WORDS = st.lists(st.sampled_from(["the", "A", "an", "cat", "Cat's", "dog", "U.S.", "$5", "-", "theory"]), min_size=1)


def score(scorer, prediction: str, answer: str) -> float:
    return scorer(prompt="", prediction=prediction, answer=answer)


def published(text: str) -> str:
    """SQuAD's normalisation, step by step, for ASCII."""
    kept = [c for c in text.lower() if c not in set(string.punctuation)]
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", "".join(kept)).split())


@given(WORDS.map(" ".join) | st.text(string.printable, max_size=20))
def test_ascii_is_normalised_as_published(text: str) -> None:
    plain = published(text)
    assert normalised(text) == (plain or " ".join(text.lower().split()))


@given(WORDS, WORDS)
def test_f1_is_the_published_one(left: list[str], right: list[str]) -> None:
    written, gold = published(" ".join(left)).split(), published(" ".join(right)).split()
    if not written or not gold:
        return
    common = sum((Counter(written) & Counter(gold)).values())
    precision, recall = common / len(written), common / len(gold)
    expected = 2 * precision * recall / (precision + recall) if common else 0
    assert score(squad_f1, " ".join(left), " ".join(right)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction", "answer", "em", "f1", "within"),
    [
        ("The Cat!", "cat", 1, 1, 1),
        ("cat\nQuestion: dog", "cat", 1, 1, 1),
        ("\n cat", "dog\ncat", 1, 1, 1),
        ("the black cat", "cat", 0, 2 / 3, 1),
        ("cats", "cat", 0, 0, 0),
        ("dog\ncat", "cat", 0, 0, 0),
        ("December 1972", "14 December 1972 UTC\nDecember 1972", 1, 1, 1),
        ("U.S.", "us", 1, 1, 1),
        ("A", "A", 1, 1, 1),
        (".", "A", 0, 0, 0),
        ("the", "A", 0, 0, 0),
        ("", "A", 0, 0, 0),
        ("", "", 0, 0, 0),
        ("\n", "\n\n", 0, 0, 0),
        ("STRASSE", "Straße", 1, 1, 1),
        ("１９７２年。", "1972年", 1, 1, 1),
        ("«Москва»", "москва", 1, 1, 1),
        ("القاهرة؟", "القاهرة", 1, 1, 1),
        ("ঢাকা।", "ঢাকা", 1, 1, 1),
        ("서울, 대한민국", "서울 대한민국", 1, 1, 1),
        ("서울 대한민국", "서울", 0, 2 / 3, 1),
        ("హైదరాబాద్ నగరం", "హైదరాబాద్", 0, 2 / 3, 1),
        ("e\u0301te\u0301", "été", 1, 1, 1),
        ("Dar-es-Salaam", "Dares Salaam", 0, 0, 0),
    ],
)
def test_aliases(prediction: str, answer: str, em: float, f1: float, within: float) -> None:
    assert [score(scorer, prediction, answer) for scorer in ALL] == pytest.approx([em, f1, em, within])


@given(st.text(max_size=12), st.lists(st.text(max_size=6), max_size=4).map("\n".join))
def test_a_right_answer_has_full_f1_and_contains_an_alias(prediction: str, answer: str) -> None:
    em, f1, alone, within = (score(scorer, prediction, answer) for scorer in ALL)
    assert em == alone <= f1
    assert em <= within


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "key", "aliases"),
    [
        ("tydiqa/dev.jsonl", "answers", 377),
        ("nq_open/dev.jsonl", "answer", 364),
        ("triviaqa/test.jsonl", "golden_answers", 2643),
    ],
)
def test_every_real_alias_is_right(real_data, file: str, key: str, aliases: int) -> None:
    records = [json.loads(line)[key] for line in (real_data / file).read_text(encoding="utf-8").split("\n") if line]
    texts = [[alias["text"] if isinstance(alias, dict) else alias for alias in record] for record in records]
    assert sum(map(len, texts)) == aliases
    for record in texts:
        for alias in record:
            assert [score(scorer, f" {alias}\n", "\n".join(record)) for scorer in ALL] == [1, 1, 1, 1], alias
    assert sum(score(squad_em, right[0], "\n".join(other)) for right, other in pairwise(texts)) < len(texts) / 10
