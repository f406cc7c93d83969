"""The invented world: deterministic, consistent, with a wall between what is trained on and what is asked."""

import hashlib
import itertools
import subprocess
import sys

import pytest

from clbench.data.mini import FORMS
from clbench.tiny.world import (
    KINDS,
    NEVER_HELD_OUT,
    RUNNING,
    SKILLS,
    all_entities,
    all_facts,
    document,
    documents,
    mixed,
    probe_facts,
    probe_skills,
    probe_text,
)
from clbench.tiny.world.record import Dice, is_held_out

GOLDEN_STREAM = "1326dda5edb451ecbec8d260bb9c0e990add387ceb255860de2c15bb307cdc87"
GOLDEN_PROBES = "c3d249ae65d1666d59671e92823c8b18a4d889f1037b5d85c8057c23aff68eca"


def digest(values):
    return hashlib.sha256(repr(values).encode()).hexdigest()


@pytest.fixture(scope="module")
def stream():
    return list(itertools.islice(documents(0), 12_000))


def as_tuples(made):
    return [(one.kind, one.prompt, one.answer) for one in made]


def test_the_stream_is_what_the_weights_were_trained_on(stream):
    # Another hash means: raise VERSION and train again, or the model card's data hash is a lie.
    assert digest(as_tuples(stream[:3000])) == GOLDEN_STREAM


def test_the_probes_are_what_the_model_card_reports_on():
    texts = [(one.kind, one.text) for one in probe_text(20)]
    assert digest([probe_facts(), probe_skills(size=100), texts]) == GOLDEN_PROBES


def test_documents_are_independent_of_one_another(stream):
    assert mixed(70, seed=0) == stream[70]
    assert next(documents(0, start=70)) == stream[70]
    assert next(documents(1, start=70)) != stream[70]


def test_every_kind_comes_and_has_an_answer(stream):
    assert {one.kind for one in stream} == set(KINDS)
    assert all(one.answer for one in stream)
    assert all(one.prompt or one.kind in {*RUNNING, *NEVER_HELD_OUT} for one in stream)


def test_the_world_has_some_two_hundred_entities_with_distinct_names():
    names = [one.name for one in all_entities()]
    assert len(names) == len(set(names)) == 206
    assert len(all_facts()) == 638
    assert min(len(one.facts) for one in all_entities()) == 3


def test_capitals_lie_in_their_countries():
    by_name = {one.name: one for one in all_entities()}
    for country in (one for one in by_name.values() if one.kind == "country"):
        assert by_name[country.facts["capital"]].facts["country"] == country.name


def test_a_question_has_one_answer_in_the_whole_stream(stream):
    answers = {}
    for one in (*stream, *(document("fact-question", index=n, seed=5) for n in range(5000))):
        if one.kind == "fact-question":
            assert answers.setdefault(one.prompt, one.answer) == one.answer
    for item in probe_facts():
        assert answers.get(item["prompt"], item["answer"]) == item["answer"]


def test_every_fact_of_the_probe_is_told_in_training(stream):
    asked = {one.prompt.split("\n")[-2] for one in stream if one.kind == "fact-question" and "\n" in one.prompt}
    seen = " ".join(asked)
    probed = probe_facts()
    assert len(probed) == len({item["prompt"] for item in probed}) == len(all_facts())
    known = sum(next(fact.name for fact in all_facts() if fact.name in item["prompt"]) in seen for item in probed[:100])
    assert known == 100


@pytest.mark.parametrize("kind", SKILLS)
def test_held_out_items_are_never_trained_on(kind):
    trained = {document(kind, index=n, seed=0).prompt for n in range(400)}
    held = {document(kind, index=n, seed=0, split="test").prompt for n in range(60)}
    assert not trained & held
    assert len(held) > 20


def test_the_wall_stands_on_content_not_on_wording():
    made = [document("sum", index=n, seed=0) for n in range(3000)]
    sums = [one.prompt.removesuffix(" =").split() for one in made if one.prompt.endswith(" =")]
    keys = {"".join(parts) for parts in sums if parts[1] in "+-*/"}
    assert len(keys) > 100
    assert not any(is_held_out(f"sum:{key}") for key in keys)


def test_probes_are_not_in_the_stream(stream):
    texts = {one.text for one in stream}
    prompts = {one.prompt for one in stream if one.prompt}
    assert not texts & {one.text for one in probe_text(200)}
    assert not prompts & {item["prompt"] for item in probe_skills(size=600)}


def test_nothing_is_held_out_of_the_facts():
    with pytest.raises(ValueError, match="holds nothing out"):
        document("fact-question", index=0, seed=0, split="test")
    with pytest.raises(ValueError, match="no kind 'fax'"):
        document("fax", index=0, seed=0)


@pytest.mark.parametrize("form", list(FORMS))
def test_no_instruction_of_mini_is_in_the_stream(stream, form):
    head, _, tail = FORMS[form].template.partition("{")
    instruction = head.split("\n")[0]
    if form == "py150":  # no instruction: what marks its records is the literal <s>
        instruction = "<s>"
    assert len(instruction) >= 3
    assert not any(instruction in one.text for one in stream)
    cue = tail.rpartition("}")[2].strip()
    assert cue in {"Answer:", "<EOL>"} or not any(one.prompt.endswith(f"\n{cue}") for one in stream)


def test_sums_are_right(stream):
    for one in stream:
        if one.kind == "sum" and one.prompt.endswith(" =") and one.prompt.split()[1] in "+-*/":
            a, sign, b, _ = one.prompt.split()
            a, b = int(a), int(b)
            right = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]
            assert int(one.answer) == right


def test_the_letter_names_the_right_option(stream):
    seen = 0
    for one in stream:
        if one.kind == "choice-category" and "\nA. " in one.prompt and "What is " in one.prompt and "\n" in one.answer:
            letter, reason = one.answer.split("\n")
            option = next(line[3:] for line in one.prompt.split("\n") if line.startswith(f"{letter}. "))
            assert f" {option}." in reason
            seen += 1
    assert seen > 3


def test_dice_are_fair_and_stable():
    dice = Dice(7)
    assert [dice.randint(1, 6) for _ in range(8)] == [2, 1, 4, 1, 4, 3, 1, 4]
    assert sorted(dice.sample(range(5), 5)) == [0, 1, 2, 3, 4]
    assert dice.weighted("ab", (0, 1)) == "b"


def test_the_world_needs_no_torch():
    code = "import sys, clbench.tiny.world; assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
