"""ROUGE-L: the library's meaning, checked by hand, by a plain table, and on real summaries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.average import mean_score
from clbench.scoring.rouge import rouge_l, rouge_l_stripped

WORDS = st.sampled_from(["a", "b", "c", "the", "The", ".", ". ", ".. ", " ", "\n", "ä"])
TEXTS = st.lists(WORDS, max_size=16).map(" ".join) | st.lists(WORDS, max_size=16).map("".join)


def score(prediction: str, answer: str) -> float:
    return rouge_l(prompt="", prediction=prediction, answer=answer)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        # From running rouge 1.0.1 with the gold answer as hypothesis.
        ("the council approved the budget", "the council rejected the budget", 0.749999995),
        ("a a a a", "a", 0.999999995),
        ("The Budget", "the budget", 0.0),
        ("c d", "d c. d", 0.499999995),
        ("d c. d", "c d", 0.999999995),
        # What counts as a word: a sentence of white space does, an empty one does not.
        ("a. ", "a. ", 0.999999995),
        ("a. ", "a.", 0.6666666622222223),
        (" ", "a", 0.0),
        # Lin (2004), section 3.2: the union of "w1 w2" and "w1 w3 w5" has four of the five words of the reference;
        # precision here is over the eight distinct words of the other side.
        ("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8. w1 w3 w8 w9 w5", 2 * 0.4 / (1.3 + 1e-8)),
    ],
)
def test_golden(prediction: str, answer: str, expected: float) -> None:
    assert score(prediction, answer) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dots", [".", "...", "." * 500])
def test_dots_only_score_zero_where_the_library_raises(dots: str) -> None:
    assert score(dots, "a b.") == 0
    assert score("a b.", dots) == 0


def test_a_sentence_of_thousands_of_words_needs_no_recursion() -> None:
    words = [f"w{n}" for n in range(3000)]
    assert score(" ".join(words), " ".join(words[::2])) == pytest.approx(2 * 0.5 / 1.5, abs=1e-8)


def test_stripping_removes_the_empty_word_after_the_last_stop() -> None:
    assert score("a b.\n", "a b.") < rouge_l_stripped(prompt="", prediction="a b.\n", answer="a b. ")
    assert rouge_l_stripped(prompt="", prediction=" \n", answer=" ") == 0


@given(TEXTS, TEXTS)
def test_agrees_with_a_plain_table(prediction: str, answer: str) -> None:
    assert score(prediction, answer) == pytest.approx(plain_rouge_l(prediction, answer), abs=1e-12)


@given(TEXTS.filter(lambda text: text.strip(".") != ""))
def test_identity_is_a_hair_below_one(text: str) -> None:
    assert score(text, text) == pytest.approx(1 / (1 + 0.5e-8), abs=1e-15)


@given(TEXTS, TEXTS)
def test_swapping_a_single_sentence_changes_nothing(left: str, right: str) -> None:
    # Only between single sentences without repetition: with several, the union is taken over other pairs.
    left, right = (" ".join(dict.fromkeys(text.replace(".", " ").split())) for text in (left, right))
    assert score(left, right) == pytest.approx(score(right, left), abs=1e-12)


@pytest.mark.data
def test_real_gold_against_itself(trace_records) -> None:
    records = trace_records("MeetingBank", "test")
    assert mean_score(rouge_l, [{**r, "prediction": r["answer"]} for r in records]) == pytest.approx(1, abs=1e-8)


@pytest.mark.data
def test_real_first_sixty_words(trace_records) -> None:
    """The specification measured 0.2870 with the library on these 200 records."""
    records = trace_records("MeetingBank", "test", "eval")
    leads = [{**r, "prediction": " ".join(transcript(r["prompt"]).split()[:60])} for r in records]
    assert mean_score(rouge_l, leads) == pytest.approx(0.2870, abs=5e-5)


def transcript(prompt: str) -> str:
    return prompt.split("Meeting transcripts:\n", 1)[1].rsplit("\nSummary:", 1)[0]


def plain_rouge_l(prediction: str, answer: str) -> float:
    """The definition, spelled out with an ordinary table and its way back."""
    reference, hypothesis = (
        [" ".join(part.split()).split(" ") for part in text.split(".") if part] for text in (prediction, answer)
    )
    if not reference or not hypothesis:
        return 0.0
    union = {word for left in reference for right in hypothesis for word in plain_lcs(left, right)}
    precision = len(union) / len({word for sentence in hypothesis for word in sentence})
    recall = len(union) / len({word for sentence in reference for word in sentence})
    return 2 * precision * recall / (precision + recall + 1e-8)


def plain_lcs(left: list[str], right: list[str]) -> list[str]:
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left, 1):
        for j, b in enumerate(right, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    i, j, words = len(left), len(right), []
    while i and j:
        if left[i - 1] == right[j - 1]:
            words.append(left[i - 1])
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words
