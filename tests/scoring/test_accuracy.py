"""The accuracies: what counts as right, strictly and leniently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.accuracy import exact, first_letter, letter, number, stripped


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [
        ("A", "A", 1),
        ("8", "8", 1),
        ("A\nBecause", "A", 0),
        ("A ", "A", 0),
        ("8.0", "8", 0),
        ("a", "A", 0),
        (" ", " ", 1),
    ],
)
def test_exact_strips_nothing(prediction: str, answer: str, score: float) -> None:
    assert exact(prompt="", prediction=prediction, answer=answer) == score


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [("B", "B\nReasons.", 1), ("Because", "B\nReasons.", 1), (" B", "B\nReasons.", 0), ("b", "B", 0), ("\n", "\nB", 1)],
)
def test_first_letter_looks_at_one_character(prediction: str, answer: str, score: float) -> None:
    assert first_letter(prompt="", prediction=prediction, answer=answer) == score


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [("A ", "A", 1), ("\nA", " A\n", 1), ("A.", "A", 0), ("a", "A", 0), (" ", " ", 0), ("", " ", 0)],
)
def test_stripped_forgives_white_space_only(prediction: str, answer: str, score: float) -> None:
    assert stripped(prompt="", prediction=prediction, answer=answer) == score


@pytest.mark.parametrize(
    "prediction",
    [
        "B",
        "B.",
        " (B) because A is wrong",
        "Answer: B",
        "B\nA",
        "选B。",
        "答案是B。",
        "B支持",
        "Because of this, B",
        "**B**",
        "F? B",
        "B)",
        "1B",
    ],
)
def test_letter_finds_the_option(prediction: str) -> None:
    assert letter(prompt="", prediction=prediction, answer="B") == 1
    assert letter(prompt="", prediction=prediction, answer="B\nA lecture.") == 1
    assert letter(prompt="", prediction=prediction, answer="A") == 0


@pytest.mark.parametrize("prediction", ["", "b", "Because", "BÄR", "ÄB", "F", "dovish", "\n", "支持", "AB"])
def test_letter_finds_no_option(prediction: str) -> None:
    assert letter(prompt="", prediction=prediction, answer="B") == 0


@pytest.mark.parametrize(("prediction", "score"), [("dovish", 1), (" dovish\n", 1), ("Dovish", 0), ("", 0), ("A", 0)])
def test_letter_of_an_answer_without_option_compares_words(prediction: str, score: float) -> None:
    assert letter(prompt="", prediction=prediction, answer="dovish") == score


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [
        ("8.0", "8", 1),
        ("1,000", "1000", 1),
        ("1000", "1,000.00", 1),
        ("17.48 km", "17.48", 1),
        (" \n6\nQuestion:", "6", 1),
        ("The answer is 6.", "6", 1),
        ("$5", "5", 1),
        (".5", "0.5", 1),
        ("-5", "-5", 1),
        ("+5", "5", 1),
        ("1e3", "1000", 1),
        ("0.30000000000000000001", "0.3", 0),
        ("-5", "5", 0),
        ("3-5", "5", 0),
        ("3-5", "3", 1),
        ("COVID-19", "19", 1),
        ("60", "6", 0),
        ("6 or 7", "7", 0),
        ("1,2,3", "1", 1),
        ("1,0000", "10000", 0),
        ("1,0000", "1000", 0),
        ("2e5", "2", 0),
        ("six", "6", 0),
        ("", "6", 0),
        ("9" * 5000, "9" * 5000 + ".0", 1),
        ("1e99999999999999999999", "5", 0),
    ],
)
def test_number_compares_values(prediction: str, answer: str, score: float) -> None:
    assert number(prompt="", prediction=prediction, answer=answer) == score


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [
        ("friday ", "Friday", 1),
        ("Friday.", "Friday", 0),
        ("May 5", "5 May", 0),
        ("50", "50%", 0),
        ("50%", "50%", 1),
        (" ", " ", 0),
    ],
)
def test_number_of_an_answer_that_is_none_compares_words(prediction: str, answer: str, score: float) -> None:
    assert number(prompt="", prediction=prediction, answer=answer) == score


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_number_ignores_how_a_value_is_written(value: object) -> None:
    plain, grouped = f"{value:f}", f"{value:,f}0"
    assert number(prompt="", prediction=grouped, answer=plain) == 1
    assert number(prompt="", prediction=f"= {plain} km", answer=grouped) == 1


@given(st.text(max_size=4), st.text(max_size=4))
def test_strict_is_never_above_lenient_where_one_refines_the_other(prediction: str, answer: str) -> None:
    if answer.strip():
        strict = exact(prompt="", prediction=prediction, answer=answer)
        assert all(
            strict <= lenient(prompt="", prediction=prediction, answer=answer) for lenient in (stripped, letter, number)
        )
