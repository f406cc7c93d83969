"""Edit similarity: unmasking, the two back ends, the first line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.average import mean_score
from clbench.scoring.edit import first_line, fuzz_difflib, fuzz_levenshtein, fuzz_line, unmask

PARTS = [
    "<STR_LIT>",
    "<NUM_LIT>",
    "<STR_LIT:a>",
    "<NUM_LIT:1>",
    "<STR_LIT:",
    ">",
    "a",
    "b",
    "x",
    " = ",
    "( ",
    "<EOL>",
    "\n",
]
CODE = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("prediction", "answer", "levenshtein", "difflib"),
    [
        ("return x", "return y", 0.88, 0.88),
        ("foo = bar ( x , y )", "bar = foo ( y , x )", 0.58, 0.53),
        # From running fuzzywuzzy 0.18.0 on difflib: its order of arguments, and its junk in texts of 200 and more.
        (" ca", "a a", 0.67, 0.67),
        ("a a", " ca", 0.67, 0.33),
        ("ab" * 30, "xy" + "ab" * 120, 0.40, 0.0),
        ("xy" + "ab" * 120, "ab" * 30, 0.40, 0.40),
    ],
)
def test_golden(prediction: str, answer: str, levenshtein: float, difflib: float) -> None:
    assert fuzz_levenshtein(prompt="", prediction=prediction, answer=answer) == levenshtein
    assert fuzz_difflib(prompt="", prediction=prediction, answer=answer) == difflib


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("x = <NUM_LIT> + <NUM_LIT:42>", "x = 0 + 42"),
        ("open ( '<STR_LIT>' , '<STR_LIT:rb>' )", "open ( '' , 'rb' )"),
        ("'<CHAR_LIT>' '<CHAR_LIT:c>'", "'' 'c'"),
        ("<STR_LIT:a\nb>", "a\nb"),
        ("<STR_LIT:>", ""),
        ("<STR_LIT:open", "<STR_LIT:open"),
        ("<FOO_LIT:x> <EOL>", "<FOO_LIT:x> <EOL>"),
        # The first replacement creates a mask, the second replaces it too.
        ("<STR_LIT:<NUM_LIT:1>> <NUM_LIT:1>", "1 1"),
        ("<STR_LIT:<NUM_LIT:1>>", "<NUM_LIT:1>"),
    ],
)
def test_unmask(code: str, plain: str) -> None:
    assert unmask(code) == plain


@pytest.mark.parametrize("scorer", [fuzz_difflib, fuzz_levenshtein, fuzz_line])
def test_masks_are_replaced_on_both_sides(scorer) -> None:
    assert scorer(prompt="", prediction="f ( 0 )", answer="f ( <NUM_LIT> )") == 1
    assert scorer(prompt="", prediction="f ( <STR_LIT:x> )", answer="f ( x )") == 1
    assert scorer(prompt="", prediction="<STR_LIT>", answer="<STR_LIT>") == 0, "empty once unmasked: TRACE skips it"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("a = 1 <EOL> b", "a = 1"),
        ("a\nb <EOL>", "a"),
        ("\n  a <EOL>", "a"),
        (" a ", "a"),
        ("<EOL> a", ""),
        (" \n", ""),
        ("", ""),
    ],
)
def test_first_line(code: str, line: str) -> None:
    assert first_line(code) == line


def test_only_the_lenient_scorer_stops_at_the_end_of_the_line() -> None:
    prediction, answer = "return x <EOL> <EOL> def g ( ) : <EOL> return 1", "return x"
    assert fuzz_difflib(prompt="", prediction=prediction, answer=answer) < 0.5
    assert fuzz_levenshtein(prompt="", prediction=prediction, answer=answer) < 0.5
    assert fuzz_line(prompt="", prediction=prediction, answer=answer) == 1


@given(CODE, CODE)
def test_levenshtein_is_symmetric_and_twice_the_lcs_over_the_lengths(left: str, right: str) -> None:
    value = fuzz_levenshtein(prompt="", prediction=left, answer=right)
    assert value == fuzz_levenshtein(prompt="", prediction=right, answer=left)
    left, right = unmask(left), unmask(right)
    if left and right:
        # Half a percent is what rounding may take; the slack is for the exact halves.
        assert value == pytest.approx(2 * lcs_length(left, right) / len(left + right), abs=0.005 + 1e-12)


@given(CODE, CODE)
def test_difflib_finds_no_more_than_the_best_alignment(left: str, right: str) -> None:
    best = fuzz_levenshtein(prompt="", prediction=left, answer=right)
    assert fuzz_difflib(prompt="", prediction=left, answer=right) <= best + 1e-12


@given(CODE, CODE)
def test_whole_percent(left: str, right: str) -> None:
    for scorer in (fuzz_difflib, fuzz_levenshtein, fuzz_line):
        value = scorer(prompt="", prediction=left, answer=right)
        assert value == round(100 * value) / 100


@pytest.mark.data
def test_real_lines(trace_records) -> None:
    """Gold against itself is 1; repeating the line before is not, and the back ends then differ as known."""
    records = trace_records("Py150", "test", "eval")
    gold = [{**r, "prediction": r["answer"]} for r in records]
    assert [mean_score(scorer, gold) for scorer in (fuzz_difflib, fuzz_levenshtein, fuzz_line)] == [1, 1, 1]
    before = [{**r, "prediction": r["prompt"].split("<EOL>")[-2]} for r in records]
    # fuzzywuzzy 0.18.0 gives the first with difflib and the second with Levenshtein 0.23.0.
    assert mean_score(fuzz_difflib, before) == pytest.approx(0.38065, abs=1e-9)
    assert mean_score(fuzz_levenshtein, before) == pytest.approx(0.40185, abs=1e-9)


def lcs_length(left: str, right: str) -> int:
    row = [0] * (len(right) + 1)
    for a in left:
        above = row
        row = [0]
        for j, b in enumerate(right):
            row.append(above[j] + 1 if a == b else max(above[j + 1], row[j]))
    return row[-1]
