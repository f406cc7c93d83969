"""The mini variants: the same records everywhere, in TRACE's templates and one more, in splits that cannot overlap."""

import doctest
import functools
import hashlib
import importlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data import mini
from clbench.data.mini import FORMS, SPLITS, draw, record, records, split_of

# As in TRACE's own files, apart from ScienceQA's optional hint; written out once more, not taken from templates.py.
PROMPTS = {
    "c-stance": (
        r"判断以下文本对指定对象的态度，选择一项：A\.支持，B\.反对，C\.中立。输出A，B或者C。\n"
        r"文本：\n[^\n]+\n对象：\n[^\n]+\n态度："
    ),
    "fomc": (
        r"What is the monetary policy stance for the following text\? A\. dovish, B\. hawkish, C\. neutral\. "
        r"Choose one from A, B and C\.\nText:\n[^\n]+\nStance:"
    ),
    "meetingbank": r"Write a summary of the following meeting transcripts\.\nMeeting transcripts:\n(.+\n){3,5}Summary:",
    "py150": r"<s> ([^\n]+? <EOL>)+",
    "scienceqa": (
        r"Choose an answer for the following question and give your reasons\.\n\nQuestion:\n(.+\n)+\n"
        r"Choices:\nA\. .+\nB\. .+\n(C\. .+\n)?(D\. .+\n)?\nAnswer:"
    ),
    "numglue-cm": r"Solve the following math problem\.\nQuestion:\n[^\n]+\nAnswer:",
    "numglue-ds": r"Solve the following math problem\.\nQuestion:\n[^\n]+\nAnswer:",
    "20minuten": (
        r"Provide a simplified version of the following paragraph in German\.\n\n"
        r"Paragraph:\n[^\n]+\n\nSimplification:"
    ),
    "wordproblem": r"Solve the story problem step by step\.\nStory:\n[^\n]+\nSteps:\n",
    "agnews": r"Which topic is this news item about\? Options: World, [^\n]+\nTitle: [^\n]+\nText: [^\n]+\.\nAnswer:",
    "amazon": r"How much does this review like the product\? Options: [^\n]+\nText: [^\n]+\.\nAnswer:",
    "yelp": r"How much does this review like the place\? Options: [^\n]+\nText: [^\n]+\.\nAnswer:",
    "dbpedia": r"What kind of thing is this text about\? Options: [^\n]+\nTitle: \w+\nText: [^\n]+\.\nAnswer:",
    "yahoo": r"What is this question about\? Options: [^\n]+\nText: [^\n]+[.?]\nAnswer:",
}
ANSWERS = {
    "c-stance": r"[ABC]",
    "fomc": r"[ABC]",
    "meetingbank": r"(A|An) [^\n]+; (adopted|rejected|postponed)\.",
    "py150": r"\S[^\n]*\S",
    "scienceqa": r"[A-D]\n[A-Z][^\n]+\.",
    "numglue-cm": r"[1-9][0-9]{0,2}|[A-Z][a-z]+",
    "numglue-ds": r"[1-9][0-9]?",
    "20minuten": r"[A-Z][^\n]+\.\n",
    "wordproblem": r"([0-9]+ [-+*/] [0-9]+ = [0-9]+\n){2,3}The answer is: [1-9][0-9]?",
    "agnews": r"World|Sports|Business|Science or Technology",
    "amazon": r"(very )?(negative|positive)|neutral",
    "yelp": r"(very )?(negative|positive)|neutral",
    "dbpedia": r"[A-Z][a-z]+( (of )?[A-Z][a-z]+)*",
    "yahoo": r"[A-Z][a-z]+( & [A-Z][a-z]+)?",
}
# Beginning of the SHA-256 of the first 200 records of train, eval and test: a change here needs a new mini.VERSION.
GOLDEN = {
    "c-stance": ["b90ef294d0918d51", "dda0418294e902f2", "905a6619febaee40"],
    "fomc": ["4d636e277b02f57a", "3543e2a34c680ff6", "193dd956b94d7715"],
    "meetingbank": ["53a1e77a8b2f2bdb", "6b8d54291f65b225", "ecf5261b1012bf3f"],
    "py150": ["fac7dc799eaab249", "298ed235a59a69ca", "08b020e4ecc615c0"],
    "scienceqa": ["2895c9b340b25f4d", "961a9d2d847b7684", "a3566f6c878beea1"],
    "numglue-cm": ["383c563af2f899e3", "ab80ea1aa4249863", "6c20fac91b67feb2"],
    "numglue-ds": ["8d8631f151aa50b2", "cd436b95cfdaf3ec", "8c04eaca0a6b7960"],
    "20minuten": ["577edabe0cd4fdbe", "4341fdb5927cd9c4", "d7f345e55de0c677"],
    "wordproblem": ["0b0faeb181d3c188", "eeeab0e3580efede", "a00c1320d3155d78"],
    "agnews": ["1114cdf1cfd28f06", "f92203caf4b235ba", "01e16c4b98a09e4c"],
    "amazon": ["fca011394a013887", "d476f55513692ae9", "ccfee05155c3d9b7"],
    "yelp": ["5d768d9b494fc82c", "55902817b0f6ecfa", "d31fcc64dc7253fe"],
    "dbpedia": ["d6457ea032322115", "33bc84019ba1514a", "7144ea189db6db04"],
    "yahoo": ["17e7ad1ea24c321c", "8fe2117108279f83", "447cc8174ee8c013"],
}
FORM = pytest.mark.parametrize("form", list(FORMS))
LETTERED = pytest.mark.parametrize("form", ["c-stance", "fomc"])


@functools.cache
def sample(form: str, split: str = "train", size: int = 2000) -> tuple[tuple[str, str], ...]:
    return tuple((item["prompt"], item["answer"]) for item in records(form, split=split, size=size))


def fingerprint(form: str, split: str) -> str:
    text = json.dumps(records(form, split=split, size=200), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_eight_forms_of_trace_one_of_metamathqa_and_five_of_texts() -> None:
    assert list(FORMS) == list(PROMPTS)


@FORM
def test_records_are_as_they_always_were(form: str) -> None:
    assert [fingerprint(form, split)[:16] for split in SPLITS] == GOLDEN[form]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_records_do_not_depend_on_the_hash_seed(hash_seed: str) -> None:
    code = "from clbench.data.mini import *; print(ascii([records(f, split='eval', size=3) for f in FORMS]))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ascii([records(form, split="eval", size=3) for form in FORMS])


class OnlyRandom(random.Random):
    """Nothing but `random()` is promised to stay the same from one Python to the next."""

    def refuse(self, *_: object) -> None:
        raise AssertionError

    choice = choices = randrange = randint = shuffle = sample = getrandbits = uniform = refuse


@FORM
def test_records_use_only_what_every_python_does_alike(form: str) -> None:
    rng, plain = OnlyRandom(3), random.Random(3)
    assert [FORMS[form].make(rng) for _ in range(500)] == [FORMS[form].make(plain) for _ in range(500)]


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(mini) == doctest.TestResults(failed=0, attempted=1)


def test_distinct_takes_each_place_once_and_reaches_all_orders() -> None:
    rng = random.Random(0)
    orders = Counter(tuple(draw.shuffled(rng, "abc")) for _ in range(600))
    assert len(orders) == 6
    assert min(orders.values()) > 60
    assert {number for _ in range(200) for number in draw.distinct(rng, range(5), 2)} == set(range(5))


@FORM
def test_a_smaller_size_is_the_beginning_of_a_larger_one(form: str) -> None:
    many = records(form, split="eval", size=20)
    assert records(form, split="eval", size=7) == many[:7]
    assert [record(form, split="eval", index=index) for index in range(20)] == many


@FORM
def test_another_seed_gives_other_records(form: str) -> None:
    assert records(form, split="test", size=20, seed=1) != records(form, split="test", size=20)


@given(
    form=st.sampled_from(list(FORMS)), split=st.sampled_from(SPLITS), seed=st.integers(), index=st.integers(0, 2**70)
)
def test_any_record_is_of_its_split_and_comes_again(form: str, split: str, seed: int, index: int) -> None:
    first = record(form, split=split, index=index, seed=seed)
    assert first == record(form, split=split, index=index, seed=seed)
    assert list(first) == ["prompt", "answer"]
    assert split_of(first["prompt"]) == split


@FORM
def test_the_splits_share_no_prompt(form: str) -> None:
    train, evaluation, test = ({prompt for prompt, _ in sample(form, split, 3000)} for split in SPLITS)
    assert not train & evaluation
    assert not train & test
    assert not evaluation & test


@FORM
def test_splits_have_their_share_of_all_prompts(form: str) -> None:
    shares = Counter(split_of(prompt) for prompt, _ in raw(form, 3000))
    assert [shares[split] / 3000 for split in SPLITS] == pytest.approx([0.7, 0.1, 0.2], abs=0.03)


@FORM
def test_every_record_fits_its_template_and_answer_kind(form: str) -> None:
    for prompt, answer in sample(form):
        assert re.fullmatch(PROMPTS[form], prompt), prompt
        assert re.fullmatch(ANSWERS[form], answer), answer
        assert "{" not in answer or form == "py150"
        assert "  " not in prompt + answer, prompt


@FORM
def test_records_are_short(form: str) -> None:
    assert max(len(prompt.encode()) for prompt, _ in sample(form)) <= 350
    assert max(len(answer) for _, answer in sample(form)) <= 95


@FORM
def test_few_records_come_twice(form: str) -> None:
    prompts = [prompt for prompt, _ in sample(form)]
    assert len(set(prompts)) > 0.98 * len(prompts)


def raw(form: str, count: int) -> list[tuple[str, str]]:
    rng = random.Random(f"raw {form}")
    return [FORMS[form].make(rng) for _ in range(count)]


@FORM
def test_the_answer_is_a_function_of_the_prompt(form: str) -> None:
    answers: dict[str, str] = {}
    for prompt, answer in raw(form, 20_000):
        assert answers.setdefault(prompt, answer) == answer


@FORM
def test_there_are_fifty_thousand_prompts_and_more(form: str) -> None:
    """The birthday estimate: among n draws from N equally likely prompts, n²/2N pairs are equal."""
    counts = Counter(prompt for prompt, _ in raw(form, 20_000))
    pairs = sum(count * (count - 1) // 2 for count in counts.values())
    assert 20_000**2 / 2 / max(pairs, 1) > 50_000


@LETTERED
def test_stances_are_balanced(form: str) -> None:
    letters = Counter(answer for _, answer in sample(form))
    assert all(0.25 <= letters[letter] / 2000 <= 0.42 for letter in "ABC")


def test_no_letter_of_scienceqa_pays_too_well() -> None:
    letters = Counter(answer[0] for _, answer in sample("scienceqa"))
    assert max(letters.values()) / 2000 <= 0.45
    assert min(letters[letter] for letter in "ABCD") > 20


@pytest.mark.parametrize("form", ["numglue-cm", "numglue-ds"])
def test_no_number_pays_too_well(form: str) -> None:
    assert Counter(answer for _, answer in sample(form)).most_common(1)[0][1] / 2000 <= 0.1


def test_one_commonsense_answer_in_twenty_is_a_word() -> None:
    assert 0.03 <= sum(answer.isalpha() for _, answer in sample("numglue-cm")) / 2000 <= 0.08


def test_languages() -> None:
    content = {
        form: "".join(p.replace(FORMS[form].template.split("{")[0], "") for p, _ in sample(form)) for form in FORMS
    }
    assert len(set(re.findall(r"[\u4e00-\u9fff]", content["c-stance"]))) > 250
    assert set("äöüÄÖÜ") - {"Ä", "Ö", "Ü"} <= set(content["20minuten"])
    assert "ß" not in content["20minuten"]  # Swiss spelling, as in the paper
    assert all(content[form].isascii() for form in FORMS if form not in {"c-stance", "20minuten"})
    assert {form: FORMS[form].language for form in ("c-stance", "20minuten", "py150")} == {
        "c-stance": "zh",
        "20minuten": "de",
        "py150": "python",
    }


def lexicons(form: str) -> dict[str, tuple[object, ...]]:
    helpers = {
        "scienceqa": ["mini.science_facts", "words.science"],
        "20minuten": ["mini.simplify", "mini.german"],
        "wordproblem": ["mini.wordproblem_words"],
    }
    names = helpers.get(form, [FORMS[form].make.__module__.removeprefix("clbench.data.")])
    modules = [importlib.import_module(f"clbench.data.{name}") for name in names]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, tuple)
    }


@FORM
def test_lexicons_are_rich_and_repeat_nothing(form: str) -> None:
    found = lexicons(form)
    assert sum(map(len, found.values())) >= 90
    assert sorted(map(len, found.values()))[-1] >= 20
    for name, lexicon in found.items():
        entries = [str(entry) for entry in lexicon]
        assert len(set(entries)) == len(entries) or name == "KINDS", name  # KINDS repeats what shall come often


@pytest.mark.parametrize("make", [record, records])
def test_wrong_names_are_answered_with_the_right_ones(make) -> None:
    size = {"index": 0} if make is record else {"size": 0}
    with pytest.raises(ValueError, match=r"unknown form 'fomcc': there are c-stance, fomc, .*20minuten"):
        make("fomcc", split="train", **size)
    with pytest.raises(ValueError, match=r"unknown split 'dev': there are train, eval, test"):
        make("fomc", split="dev", **size)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="index -1 is negative"):
        record("fomc", split="train", index=-1)
    with pytest.raises(ValueError, match="size -1 is negative"):
        records("fomc", split="train", size=-1)
    assert records("fomc", split="train", size=0) == []


def test_forms_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        mini.FORMS["fomc"] = None  # type: ignore[index]


@pytest.mark.data
@pytest.mark.parametrize("form", list(FORMS)[:8])  # the others' templates are our own
def test_the_templates_fit_the_real_records(form: str) -> None:
    root = os.environ.get("CLBENCH_TEST_DATA")
    if root is None:
        pytest.skip("CLBENCH_TEST_DATA is not set: no real TRACE records")
    folder = {path.name.lower(): path for path in (Path(root) / "trace").iterdir()}[form]
    head, *_, cue = re.split(r"\{\w+\}", FORMS[form].template)
    for item in json.loads((folder / "train.json").read_text(encoding="utf-8")):
        assert item["prompt"].startswith(head)
        assert item["prompt"].endswith(cue)
