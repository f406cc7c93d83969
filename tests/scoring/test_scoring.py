"""The table of scorers, and what holds for every one of them."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring import SCORERS, VERSION, load_scorer, mean_score

NAMES = [
    "exact", "first_letter", "letter", "number", "stripped",
    "rouge_l", "rouge_l_stripped", "sari", "sari_stripped",
    "fuzz_difflib", "fuzz_levenshtein", "fuzz_line",
]  # fmt: skip

# Those of general ability. The last four read a prediction that is JSON.
WORKED = ["final_number", "last_number", "math_answer", "phrase", "phrase_lenient"]
QUESTIONS = ["squad_em", "squad_f1", "alias_em", "alias_in"]
INSTRUCTED = ["normalised_em", "normalised_em_line", "rouge_lcs", "rouge_lcs_line"]
MEASURED = ["likelihood", "likelihood_per_byte", "likelihood_per_token", "stated"]

# What each version gives, in the order of NAMES: (prompt, prediction, answer, scores). Those of rouge_l, sari and
# fuzz_difflib agree with rouge 1.0.1, evaluate's sari.py on sacrebleu 2.6.0, and fuzzywuzzy 0.18.0 on difflib.
FROZEN = {
    "2": [
        (
            "Der Hund, der am Abend laut bellt, ist alt. Simplification:",
            "Der Hund bellt. Er ist alt. ",
            "Der alte Hund bellt laut.\n",
            [0, 1, 0, 0, 0, 0.61538461, 0.54545454, 0.471981722, 0.471981722, 0.67, 0.67, 0.69],
        ),
        ("Stance:", " A.", "A\n", [0, 0, 1, 0, 0, 0.999999995, 0.999999995, 0.888888889, 0.888888889, 0.4, 0.4, 0.67]),
        ("Answer:", "1,200.0 km", "1200", [0, 1, 0, 1, 0, 0, 0, 0.833333333, 0.833333333, 0.57, 0.57, 0.57]),
        (
            "<s> f = 1 <EOL>",
            "f = open ( '<STR_LIT>' , 'r' ) <EOL> f . close ( )",
            "f = open ( '<STR_LIT:a>' , <NUM_LIT> ) ",
            [0, 1, 0, 0, 0, 0.666666662, 0.666666662, 0.702018061, 0.702018061, 0.61, 0.61, 0.88],
        ),
        (
            "Choices: A B",
            "B\nBecause b. c is",
            "B\nb is c. c",
            [0, 1, 1, 0, 0, 0.888888884, 0.888888884, 0.754761905, 0.754761905, 0.43, 0.5, 1],
        ),
        ("a b", "\n", "a", [0, 0, 0, 0, 0, 0, 0, 0.791666667, 0, 0, 0, 0]),
        ("a b", "", "a", [0, 0, 0, 0, 0, 0, 0, 0.791666667, 0, 0, 0, 0]),  # 0 in version 1
        ("", "b ", "b", [0, 1, 1, 1, 1, 0.999999995, 0.999999995, 1, 1, 0.67, 0.67, 1]),
    ],
}

# The same for WORKED and QUESTIONS; all are plain consequences of the definitions.
FROZEN_ABILITY = {
    "2": [
        ("So 1,200.\n#### $1,200.00\n\nQ: 7", "1200\n#### 1200", [1, 1, 1, 0, 0, 0, 2 / 3, 0, 1]),
        ("The answer is (b).", "(B)", [1, 1, 0, 0, 1, 0, 1 / 2, 0, 1]),
        ("It is \\boxed{\\dfrac34}", "The answer is: 0.75", [1, 1, 1, 0, 0, 0, 1 / 3, 0, 0]),
        ("the Cat\nsat", "A dog\ncat!", [0, 0, 0, 0, 0, 1, 1, 1, 1]),
        ("", "a", [0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ],
}

TEXTS = st.text(max_size=30) | st.lists(
    st.sampled_from(["a", "B", "8", ".", " ", "\n", "<EOL>", "<STR_LIT>", ","])
).map("".join)

every_scorer = pytest.mark.parametrize("name", NAMES)
every_of_texts = pytest.mark.parametrize("name", NAMES + WORKED + QUESTIONS)


def score(name: str, prompt: str, prediction: str, answer: str) -> float:
    return load_scorer(SCORERS[name])(prompt=prompt, prediction=prediction, answer=answer)


def test_the_table_holds_the_names_and_cannot_be_changed() -> None:
    assert list(SCORERS) == [*NAMES, *WORKED, *QUESTIONS, *INSTRUCTED, *MEASURED, "macro_f1", "bleu", "passes_tests"]
    assert all(name == spec.name for name, spec in SCORERS.items())
    with pytest.raises(TypeError):
        SCORERS["mine"] = SCORERS["exact"]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("name", SCORERS)
def test_a_summary_is_one_line(name: str) -> None:
    assert SCORERS[name].summary
    assert "\n" not in SCORERS[name].summary


def test_the_scores_of_this_version_are_frozen() -> None:
    """If this fails, scores have changed: bump VERSION and freeze the new ones; do not edit the old."""
    for prompt, prediction, answer, expected in FROZEN[VERSION]:
        assert [score(name, prompt, prediction, answer) for name in NAMES] == pytest.approx(expected, abs=1e-9)


def test_the_scores_of_general_ability_are_frozen_too() -> None:
    for prediction, answer, expected in FROZEN_ABILITY[VERSION]:
        scores = [score(name, "", prediction, answer) for name in WORKED + QUESTIONS]
        assert scores == pytest.approx(expected, abs=1e-9), prediction


@every_of_texts
@given(prompt=TEXTS, prediction=TEXTS, answer=TEXTS)
def test_range_and_repeatability(name: str, prompt: str, prediction: str, answer: str) -> None:
    value = score(name, prompt, prediction, answer)
    assert isinstance(value, float)
    assert 0 <= value <= 1
    assert value == score(name, prompt, prediction, answer)


@pytest.mark.parametrize("name", [name for name in NAMES + WORKED + QUESTIONS if name != "sari"])  # it has a floor
@given(prompt=TEXTS, text=TEXTS)
def test_empty_scores_zero(name: str, prompt: str, text: str) -> None:
    assert score(name, prompt, "", text) == 0
    assert score(name, prompt, text, "") == 0
    assert score(name, prompt, "", "") == 0


@every_scorer
@given(text=st.text("abcdeABCDE 012", min_size=1).filter(str.strip))
def test_gold_against_itself_scores_one(name: str, text: str) -> None:
    # The prompt shares no word with the text: SARI is below 1 for gold that drops only some of a word's repetitions.
    assert score(name, "?", text, text) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name", ["exact", "first_letter", "stripped", "fuzz_levenshtein"])
@given(left=TEXTS, right=TEXTS)
def test_symmetric_where_prediction_and_answer_play_one_role(name: str, left: str, right: str) -> None:
    assert score(name, "", left, right) == score(name, "", right, left)


@pytest.mark.parametrize("name", SCORERS)
def test_only_keywords(name: str) -> None:
    with pytest.raises(TypeError):
        load_scorer(SCORERS[name])("prompt", "prediction", "answer")  # pyright: ignore[reportCallIssue]


def test_importing_the_package_imports_no_scorer() -> None:
    code = (
        "import sys, clbench.scoring as s; assert len(s.SCORERS) == 32\n"
        "assert not {'rapidfuzz', 'torch', 'pydantic', 'clbench.scoring.edit'} & set(sys.modules)"
    )
    path = os.pathsep.join(filter(None, sys.path))
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})


STRICT = {
    "C-STANCE": "exact",
    "FOMC": "exact",
    "MeetingBank": "rouge_l",
    "Py150": "fuzz_difflib",
    "ScienceQA": "first_letter",
    "NumGLUE-cm": "exact",
    "NumGLUE-ds": "exact",
}
LENIENT = {
    "C-STANCE": "letter",
    "FOMC": "letter",
    "MeetingBank": "rouge_l_stripped",
    "Py150": "fuzz_line",
    "ScienceQA": "letter",
    "NumGLUE-cm": "number",
    "NumGLUE-ds": "number",
}


@pytest.mark.data
@pytest.mark.parametrize("task", STRICT)
def test_real_gold_and_real_drift(task: str, trace_records) -> None:
    """Gold scores 1 under both; with white space around it, the lenient scorer still gives 1."""
    records = trace_records(task, "test")
    gold = [{**r, "prediction": r["answer"]} for r in records]
    drifted = [{**r, "prediction": f"\n {r['answer']}\n"} for r in records]
    strict, lenient = (load_scorer(SCORERS[table[task]]) for table in (STRICT, LENIENT))
    assert mean_score(strict, gold) == pytest.approx(1, abs=1e-8)
    assert mean_score(strict, drifted) < 1 - 1e-3
    assert mean_score(lenient, drifted) == pytest.approx(1, abs=1e-8)
