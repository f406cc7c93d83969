"""Exact match and ROUGE-L of SuperNI's script: worked by hand, and against `rouge_score` and NLTK if they are here."""

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.instructed import normalised_em, normalised_em_line, rouge_lcs, rouge_lcs_line
from clbench.scoring.stemming import stem

SUFFIXES = re.findall(
    r"\w+",
    "s ies ied sses ss eed ed ing ational tional enci anci izer bli alli entli eli ousli ization ation ator alism "
    "iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic "
    "able ible ant ement ment ent sion tion ou ism ate iti ous ive ize e ll y ly lly",
)
TEXTS = st.text(st.characters(codec="ascii"), max_size=60)


def em(prediction, answer, scorer=normalised_em):
    return scorer(prompt="", prediction=prediction, answer=answer)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        ("World", "world", 1.0),
        (" Very  negative.", "very negative", 1.0),
        ("negative", "very negative", 0.0),
        ("World\nThe rest", "World", 0.0),
        ("", "-", 1.0),  # as the published script has it
    ],
)
def test_exact_match_is_the_scripts(prediction, answer, expected):
    assert em(prediction, answer) == expected


def test_lenient_forms_look_at_the_first_line():
    assert em("\nWorld.\nText: more", "World", normalised_em_line) == 1.0
    assert em("a good day\nand more words here", "a good day", rouge_lcs_line) == 1.0
    assert em("a good day\nand more words here", "a good day", rouge_lcs) < 1.0


def test_rouge_by_hand():
    # police, kill, the, gunman against police, kill, gunman: 3 in common of 4 and of 3.
    assert em("police killed the gunman", "Police kills gunman", rouge_lcs) == pytest.approx(2 * 0.75 / 1.75)
    assert em("", "a", rouge_lcs) == em("a", "", rouge_lcs) == em("b", "a", rouge_lcs) == 0.0


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"), ("ponies", "poni"), ("dies", "die"), ("feed", "feed"), ("agreed", "agre"),
        ("plastered", "plaster"), ("hopping", "hop"), ("filing", "file"), ("happy", "happi"), ("relational", "relat"),
        ("formalize", "formal"), ("adjustment", "adjust"), ("controll", "control"), ("skies", "sky"), ("at", "at"),
    ],
)  # fmt: skip
def test_stems_of_porters_paper_and_nltks_exceptions(word, expected):
    assert stem(word) == expected


@pytest.mark.slow  # the library takes its time to import
def test_stems_are_nltks():
    stemmer = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    rng = random.Random(0)
    stems = ["".join(rng.choices("abcdeiloprstuyz", k=rng.randint(0, 7))) for _ in range(6000)]
    words = [f"{one}{rng.choice(SUFFIXES)}{rng.choice(['', *SUFFIXES])}" for one in stems]
    assert [stem(word) for word in words] == [stemmer.stem(word) for word in words]


@pytest.mark.slow
@given(TEXTS, TEXTS)
def test_rouge_is_rouge_scores(prediction, answer):
    module = pytest.importorskip("rouge_score.rouge_scorer")
    expected = module.RougeScorer(["rougeL"], use_stemmer=True).score(prediction=prediction, target=answer)["rougeL"]
    assert em(prediction, answer, rouge_lcs) == pytest.approx(expected.fmeasure, abs=1e-12)


@pytest.mark.slow
@pytest.mark.data
def test_rouge_is_rouge_scores_on_real_answers(real_data):
    module = pytest.importorskip("rouge_score.rouge_scorer")
    text = (real_data / "cl_benchmark/SuperNI/task1290_xsum_summarization/test.json").read_text(encoding="utf-8")
    sentences = [one for one in re.split(r'["\n]', text) if len(one) > 60][:60]
    judge = module.RougeScorer(["rougeL"], use_stemmer=True)
    for one, other in itertools.pairwise(sentences):
        expected = judge.score(prediction=one, target=other)["rougeL"].fmeasure
        assert em(one, other, rouge_lcs) == pytest.approx(expected, abs=1e-12)
