"""SARI: the card's example, values worked by hand, the tokenizer, and 20Minuten."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.sari import sari, sari_against, sari_stripped, tokenize

DOG = "Der sehr grosse Hund bellt am Abend laut."
SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "d", "e", ",", ".", "x-1", "A"]), max_size=10).map(" ".join)


def test_golden_of_the_hugging_face_card() -> None:
    references = [
        "About 95 species are currently known .",
        "About 95 species are now accepted .",
        "95 species are now accepted .",
    ]
    source, prediction = "About 95 species are currently accepted .", "About 95 you now get in ."
    value = sari_against(source=source, prediction=prediction, references=references)
    assert 100 * value == pytest.approx(26.953601953601954, abs=1e-12)


@pytest.mark.parametrize(("prediction", "expected"), [("Der Hund bellt laut.", 100.0), ("Katze.", 46.527777777777786)])
def test_golden_of_the_specification(prediction: str, expected: float) -> None:
    value = sari(prompt=DOG, prediction=prediction, answer="Der Hund bellt laut.")
    assert 100 * value == pytest.approx(expected, abs=1e-12)


def test_one_word_worked_by_hand() -> None:
    """Source "a b", output "a", gold "b": all that was done is wrong.

    1-grams: keep 0 (of "a" kept, none is in gold; of "b" to keep, none was kept), delete 0, add 1 (nothing to add,
    nothing added) -> 1/3. 2-grams: keep 1 (0/0), delete 1 ("a b" rightly deleted), add 1 -> 1. Higher orders: 1.
    """
    assert sari(prompt="a b", prediction="a", answer="b") == pytest.approx((1 / 3 + 1 + 1 + 1) / 4, abs=1e-12)


def test_a_word_deleted_too_often_costs() -> None:
    """Of "a a a", gold keeps one: the output that equals gold has removed two, of which only one counts as right."""
    assert sari(prompt="a a a", prediction="a", answer="a") < 1


def test_source_is_the_whole_prompt() -> None:
    prompt = f"Provide a simplified version.\n\nParagraph:\n{DOG}\n\nSimplification:"
    whole = sari(prompt=prompt, prediction="Katze.", answer="Der Hund.")
    assert whole == sari_against(source=prompt, prediction="Katze.", references=["Der Hund."])
    assert whole != sari_against(source=DOG, prediction="Katze.", references=["Der Hund."])


@pytest.mark.parametrize("blank", ["", "\n", "  "])
def test_nothing_said_gets_the_floor_as_in_trace_and_zero_under_lenient(blank: str) -> None:
    floor = sari_against(source=DOG, prediction="", references=["Der Hund."])
    assert floor > 0.3
    assert sari(prompt=DOG, prediction=blank, answer="Der Hund.") == floor
    assert sari_stripped(prompt=DOG, prediction=blank, answer="Der Hund.\n") == 0
    assert sari_stripped(prompt=DOG, prediction="Der Hund.", answer=blank) == 0


def test_no_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        sari_against(source=DOG, prediction="x", references=[])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # From running sacrebleu 2.6.0.
        ("Am 3.5.2021, um 9-10 Uhr!", ["Am", "3.5.2021", ",", "um", "9", "-", "10", "Uhr", "!"]),
        (
            "don't re-\nwrite &quot;A&amp;B&quot; &lt;x&gt;",
            ["don't", "rewrite", '"', "A", "&", "B", '"', "<", "x", ">"],
        ),
        ("1,000.5 a,b,,c", ["1,000.5", "a", ",", "b", ",", ",", "c"]),
        ("1.,.2", ["1", ".", ",", ".2"]),
        ("50%-ig (z.B.) [x]", ["50", "%", "-ig", "(", "z", ".", "B", ".", ")", "[", "x", "]"]),
        ("-5 a-b 7-b", ["-5", "a-b", "7", "-", "b"]),
        ("x<skipped>y", ["xy"]),
        ("&amp;lt;", ["<"]),
        ("Über 2'000 Fr.", ["Über", "2'000", "Fr", "."]),
        (" \n ", [""]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


DISTINCT = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8, unique=True)


@given(DISTINCT, DISTINCT, DISTINCT)
def test_without_repetition_it_is_arithmetic_on_sets(
    source: list[str], prediction: list[str], answer: list[str]
) -> None:
    texts = [" ".join(words) for words in (source, prediction, answer)]
    value = sari(prompt=texts[0], prediction=texts[1], answer=texts[2])
    assert value == pytest.approx(sari_on_sets(source, prediction, answer), abs=1e-12)


@given(DISTINCT, DISTINCT)
def test_gold_without_repetition_scores_one(source: list[str], answer: list[str]) -> None:
    gold = " ".join(answer)
    assert sari(prompt=" ".join(source), prediction=gold, answer=gold) == pytest.approx(1, abs=1e-12)


@given(SENTENCES, SENTENCES, st.lists(SENTENCES, min_size=1, max_size=3))
def test_range_order_and_repetition_of_references(source: str, prediction: str, references: list[str]) -> None:
    value = sari_against(source=source, prediction=prediction, references=references)
    assert 0 <= value <= 1
    for others in (references[::-1], references * 2):
        other = sari_against(source=source, prediction=prediction, references=others)
        assert value == pytest.approx(other, abs=1e-12)


@pytest.mark.data
def test_real_aggregates(trace_records) -> None:
    """What `evaluate` gave for these records when the specification was written."""
    records = trace_records("20Minuten", "test")
    assert average(records, lambda r: r["answer"]) == pytest.approx(99.60, abs=5e-3)
    assert average(records, lambda r: paragraph(r["prompt"])) == pytest.approx(34.38, abs=5e-3)
    silent = 100 * fmean(sari(prompt=r["prompt"], prediction="", answer=r["answer"]) for r in records)
    assert silent == pytest.approx(37.10, abs=5e-3)


def average(records, predict) -> float:
    return 100 * fmean(
        sari_against(source=r["prompt"], prediction=predict(r), references=[r["answer"]]) for r in records
    )


def paragraph(prompt: str) -> str:
    return prompt.split("Paragraph:\n", 1)[1].rsplit("\n\nSimplification:", 1)[0]


def sari_on_sets(source: list[str], prediction: list[str], answer: list[str]) -> float:
    """SARI where every n-gram occurs at most once, so that counting is set arithmetic."""
    return fmean(
        one_order(
            *({tuple(words[i : i + n]) for i in range(len(words) - n + 1)} for words in (source, prediction, answer))
        )
        for n in (1, 2, 3, 4)
    )


def one_order(s: set, c: set, r: set) -> float:
    keep = f1(share(s & c & r, s & c), share(s & c & r, s & r))
    delete = share((s - c) - r, s - c)
    add = f1(share((c - s) & r, c - s), share((c - s) & r, r - s))
    return (keep + delete + add) / 3


def share(part: set, whole: set) -> float:
    return len(part) / len(whole) if whole else 1.0


def f1(precision: float, recall: float) -> float:
    return 0.0 if precision == recall == 0 else 2 * precision * recall / (precision + recall)
