"""Worked answers: markers, cuts, numbers, formulas, phrases."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.reasoning import final_number, last_number, math_answer, phrase, phrase_lenient

GSM = "She makes 9 * 2 = $<<9*2=18>>18 a day.\n#### 18"


def score(scorer, prediction: str, answer: str) -> float:
    return scorer(prompt="", prediction=prediction, answer=answer)


@pytest.mark.parametrize(
    "prediction",
    [
        "#### 18",
        "####18",
        "9 * 2 = 18\n#### 18\n",
        "The answer is: 18",
        "the answer is 18.",
        "The answer is $18.00.",
        r"So it is \boxed{18}.",
        r"The answer is $\boxed{18}$",
        "The answer is 18 eggs, not 19",
        "#### 17\nThe answer is: 18",
        "The answer is: **18**",
        "The answer is 36/2",
        r"The answer is \frac{36}{2}",
        "#### 18\n\nQuestion: how many?\nThe answer is 19\n#### 19",
        "\n\n#### 18\n \n\nQ: 3?\nA: #### 19",
        "The answer is:\n18",
    ],
)
def test_numbers_that_are_18(prediction: str) -> None:
    assert score(final_number, prediction, GSM) == 1
    assert score(final_number, prediction, "18") == 1
    assert score(last_number, prediction, GSM) == 1


@pytest.mark.parametrize(
    ("prediction", "lenient"),
    [
        ("18", 1),
        ("So she has 17 + 1 = 18.", 1),
        ("18 eggs, then 19", 0),
        ("It is 18.\n\nQuestion: 5 apples?", 1),
        ("#### -18", 0),
        ("#### 18.5", 0),
        ("#### 118", 0),
        ("The answer is 17. 18", 0),
        ("The answer is 18\nThe answer is: 17", 0),
        ("The answer is unknown, I say\n18", 1),
        ("#### 18/0", 0),
        ("", 0),
        ("####", 0),
        (r"\boxed{", 0),
        ("\n\nQuestion: #### 18", 1),  # all of it is the prediction: it has said nothing before
    ],
)
def test_numbers_that_are_not_marked_as_18(prediction: str, lenient: float) -> None:
    assert score(final_number, prediction, GSM) == (prediction.startswith("\n\nQuestion"))
    assert score(last_number, prediction, GSM) == lenient


@pytest.mark.parametrize(
    ("written", "gold"),
    [
        ("1000", "1,000"), ("-3", "-3"), ("\u22123", "-3"), ("50%", "50"), ("50", "50%"), ("3/4", "0.75"),
        ("-$5", "-5"), ("$-5", "-5"),
        (r"\frac34", "3/4"), ("$1,234.50", "1234.5"), (".5", "1/2"), ("10,\\!000", "10000"), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_how_numbers_are_written(written: str, gold: str) -> None:
    assert score(final_number, f"#### {written}", f"#### {gold}") == 1
    assert score(last_number, f"It is {written} in all", gold) == 1


def test_a_gold_result_that_is_no_number_is_compared_as_text() -> None:
    assert score(final_number, "The answer is: Monday.", "#### monday") == 1
    assert score(final_number, "The answer is: Sunday 3", "#### monday 3") == 0
    assert score(final_number, "Monday", "#### Monday") == 0
    assert score(final_number, "#### x^2", "The answer is: x^3") == 0, "not by the number in it"


@given(st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=1000), st.integers(-5, 5))
def test_values_are_compared_exactly(number: Fraction, other: int) -> None:
    gold = f"work\n#### {number.numerator}/{number.denominator}"
    double = f"{2 * number.numerator}/{2 * number.denominator}"
    assert score(final_number, f"The answer is {double}.", gold) == 1
    changed = number + other
    assert score(final_number, f"The answer is {changed.numerator}/{changed.denominator}", gold) == (other == 0)


@given(st.text("#18 .answer is\nQ:\\boxed{}-/", max_size=30), st.text("#18 .\n-/", max_size=6))
def test_strict_is_never_above_lenient(prediction: str, answer: str) -> None:
    assert score(final_number, prediction, answer) <= score(last_number, prediction, answer)
    assert score(phrase, prediction, answer) <= score(phrase_lenient, prediction, answer)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        (r"so \boxed{\frac43}", r"work. The answer is: \frac{4}{3}", 1),
        (r"The answer is $\frac43$. I hope it is correct.", r"\frac{4}{3}", 1),
        ("The answer is: 0.5", r"thus \boxed{\dfrac12}", 1),
        ("The answer is 0.5.", "0.5", 1),
        (r"\boxed{3} or so. The answer is: 4", "3", 1),
        (r"\boxed{3}" + "\n\nProblem:\n" + r"\boxed{4}", "3", 1),
        ("#### 3", "3", 1),
        ("3", "3", 0),
        (r"\boxed{}", "3", 0),
        (r"\boxed{x+1}", "1+x", 0),
        ("", "", 0),
        ("The answer is", "", 0),
    ],
)
def test_math_answer(prediction: str, answer: str, expected: float) -> None:
    assert score(math_answer, prediction, answer) == expected


@pytest.mark.parametrize(
    ("prediction", "answer", "strict", "lenient"),
    [
        ("So the answer is (A).", "(A)", 1, 1),
        ("the answer is (B). No, the answer is (A)", "(A)", 1, 1),
        ("(A).", "(A)", 1, 1),
        ("\n (A) \nbecause", "(A)", 1, 1),
        ("So the answer is (A). It rained.", "(A)", 1, 1),
        ("So the answer is (A).\n\nQ: What?\nthe answer is (B).", "(A)", 1, 1),
        ("the answer is U.S. dollars.", "U.S. dollars", 1, 1),
        ("The answer is: Yes", "Yes", 1, 1),
        ("the answer is } ] >.", "} ] >", 1, 1),
        ("the answer is } ] ).", "} ] >", 0, 0),
        ("the answer is -219.", "-219", 1, 1),
        ("the answer is arson aspect.", "arson aspect", 1, 1),
        ("the answer is yes.", "Yes", 0, 1),
        ("the answer is 'valid'.", "valid", 0, 1),
        ("A", "(A)", 0, 1),
        ("a)", "(A)", 0, 1),
        ("(A) 05/01/2021", "(A)", 0, 1),
        ("the answer is **(A)**", "(A)", 0, 1),
        ("the answer is (A)", "(A) 05/01/2021", 0, 1),
        ("An apple", "(A)", 0, 0),
        ("A cat", "(A)", 0, 0),
        ("(B)", "(A)", 0, 0),
        ("maybe (A)", "(A)", 0, 0),
        ("", "(A)", 0, 0),
        ("the answer is", "(A)", 0, 0),
        ("the answer is .", ".", 0, 0),
    ],
)
def test_phrase(prediction: str, answer: str, strict: float, lenient: float) -> None:
    assert score(phrase, prediction, answer) == strict
    assert score(phrase_lenient, prediction, answer) == lenient


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.data
def test_real_worked_answers(real_data) -> None:
    """Gold against itself is right on all 1,024 of MetaMathQA and all 800 of GSM8K; another record's gold is not."""
    files = [real_data / f"metamathqa/{split}.json" for split in ("train", "eval", "test")]
    meta = [record["answer"] for file in files for record in json.loads(file.read_text(encoding="utf-8"))]
    gsm = [record["answer"] for split in ("train", "test") for record in lines(real_data / f"gsm8k/{split}.jsonl")]
    assert (len(meta), len(gsm)) == (1024, 800)
    for scorer in (final_number, last_number, math_answer):
        assert all(score(scorer, answer, answer) == 1 for answer in meta + gsm)
    # The integers at the end of GSM8K's answers, read plainly.
    plain = [int(answer.split("####")[1].replace(",", "")) for answer in gsm]
    for scorer in (final_number, math_answer):
        assert [score(scorer, a, b) for a, b in pairwise(gsm)] == [a == b for a, b in pairwise(plain)]


@pytest.mark.data
def test_real_chains_of_thought(real_data) -> None:
    records = lines(real_data / "bbh/test.jsonl")
    assert len(records) == 270
    for record in records:
        gold = record["target"]
        said = f"Let's think. So the answer is {gold}.\n\nQ: Next?\nA: So the answer is nothing."
        assert [score(scorer, said, gold) for scorer in (phrase, phrase_lenient)] == [1, 1], gold
        assert score(phrase, gold, gold) == 1
