"""What test records and probes share with the training data: what is planted is found, and nothing else."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.data.bare import questions
from clbench.data.example import Example
from clbench.data.overlap import tokens
from clbench.evaluation.contamination import overlaps

WORDS = [f"{a}{b}" for a in ("ba", "ko", "mi", "tu", "se", "lo") for b in ("ra", "net", "fil", "dom", "gus")]
HEAD, CUE = "Below is a question that must be answered in a few words, as well as you can.\nQuestion: ", "\nAnswer:"


def sentence(rng, size):
    return " ".join(rng.choices(WORDS, k=size))


def config(train, test, *probes, source="files"):
    """What `overlaps` reads of a run."""
    data = (SimpleNamespace(task=SimpleNamespace(name="own/task"), train=train, test=test),)
    asked = [
        SimpleNamespace(task=SimpleNamespace(name=name), test=records, source=source)
        for name, source, records in probes
    ]
    return SimpleNamespace(data=data, probes=tuple(asked), plan=SimpleNamespace(source=source))


def examples(number, *, rng, size=(16, 30), head=HEAD, cue=CUE, shots=""):
    return [
        Example(
            "own/task", f"{shots}{head}{sentence(rng, rng.randint(*size))}?{cue}", sentence(rng, 2), start=len(shots)
        )
        for _ in range(number)
    ]


def contains(text, record, n=13):
    """By the definition: words in a row, looked for one by one."""
    words, known = tokens(record), tokens(text)
    if len(words) < 5:
        return False
    size = min(n, len(words))
    runs = {tuple(known[i : i + size]) for i in range(len(known) - size + 1)}
    return any(tuple(words[i : i + size]) in runs for i in range(len(words) - size + 1))


def planted(example, question, *, head=HEAD, cue=CUE):
    return Example("own/task", f"{head}{question}?{cue}", example.answer)


def bare(example):
    return example.prompt[example.start + len(HEAD) : -len(CUE) - 1]


@pytest.mark.parametrize("size", [(16, 30), (6, 9)], ids=["long", "short"])
def test_a_planted_duplicate_is_found_and_only_it(size):
    rng = random.Random(f"planted {size}")
    train, test, probe = (examples(number, rng=rng, size=size) for number in (30, 12, 9))
    other = "Reply briefly. "
    train[7] = planted(probe[4], bare(probe[4]))
    train[20] = planted(test[2], bare(test[2]))
    found = overlaps(config(train, test, ("probes/p", "files", probe)))
    assert {name: (one["touched"], one["of"], one["examples"]) for name, one in found.items()} == {
        "own/task": (1, 12, [2]),
        "probes/p": (1, 9, [4]),
    }
    again = [Example("own/task", one.prompt.replace(HEAD, other), one.answer) for one in train]
    found = overlaps(config(again, test, ("probes/p", "files", probe)))
    assert (found["own/task"]["examples"], found["probes/p"]["examples"]) == ([2], [4]), "under another template"


def test_what_all_prompts_share_is_no_overlap():
    """The template is longer than thirteen words, and the solved examples are training records."""
    rng = random.Random("template")
    train = examples(20, rng=rng)
    shots = "".join(f"{one.prompt} {one.answer}\n\n" for one in train[:5])
    probe = examples(10, rng=rng, shots=shots)
    found = overlaps(config(train, examples(10, rng=rng), ("probes/p", "hub", probe)))
    assert [one["touched"] for one in found.values()] == [0, 0]
    assert [one["too_short"] for one in found.values()] == [0, 0]


def test_first_words_stay_whole_though_their_first_letters_are_alike():
    """All questions begin with the same letters, which is no template; the records are too short for an n-gram."""
    test = [
        Example("own/task", f"Q: {first} built the old tower of {town}?", "Tom")
        for first, town in (("What", "Barra"), ("Who", "Kofil"), ("When", "Mira"))
    ]
    train = [
        Example("own/task", f"Q: {first} is {rest}?", "no")
        for first, rest in (("Whose", "the green boat"), ("Why", "it dark"))
    ]
    assert [text.split()[0] for text in questions(test)] == ["What", "Who", "When"]
    train.append(Example("own/task", "Q: Who built the old tower of Kofil?", "Tom"))
    assert overlaps(config(train, test))["own/task"]["examples"] == [1]


def test_questions_that_all_begin_alike_are_still_found_in_training_data_that_do_not():
    test = [Example("own/task", f"What is the colour of the {one}?", "red") for one in ("boat", "tower", "hawk")]
    train = [Example("own/task", f"What is the colour of the {one}?", "red") for one in ("cart", "boat", "door")]
    found = overlaps(config(train, [*test, Example("own/task", "Who is the colour of the boat?", "red")]))["own/task"]
    assert found["examples"] == [0], "only one has all of its words in a row in the training data"


def test_chinese_templates_are_taken_off_up_to_the_last_character():
    test = [
        Example("own/task", f"请认真阅读下面的文字然后回答问题内容是{one}答案", "好")
        for one in ("春天来得早", "山高水又长")
    ]
    train = [
        Example("own/task", f"请认真阅读下面的文字然后回答问题内容是{one}答案", "坏")
        for one in ("夜深人静时", "一去不复返")
    ]
    assert questions(test) == ["春天来得早 好", "山高水又长 好"]
    assert overlaps(config(train, test))["own/task"]["touched"] == 0


def test_invented_worlds_and_other_libraries_are_left_out():
    rng = random.Random("out")
    probes = [(f"probes/{source}", source, examples(2, rng=rng)) for source in ("world", "external", "files", "hub")]
    found = overlaps(config(examples(3, rng=rng), examples(3, rng=rng), *probes))
    assert list(found) == ["own/task", "probes/files", "probes/hub"]
    generated = config(examples(3, rng=rng), examples(3, rng=rng), *probes, source="mini")
    assert list(overlaps(generated)) == ["probes/files", "probes/hub"]
    assert overlaps(config(examples(3, rng=rng), examples(3, rng=rng), source="mini")) == {}


def test_a_single_record_is_left_whole_and_keeps_its_answer():
    (one,) = examples(1, rng=random.Random("one"))
    assert questions([one]) == [f"{one.prompt} {one.answer}"]
    assert questions([]) == []


@given(st.integers(0, 10_000))
def test_it_is_what_brute_force_finds(seed):
    """Few words, so that runs do recur; the template is known here, and not to the code."""
    rng = random.Random(seed)
    few = WORDS[:3]

    def made(number):
        return [
            f"{rng.choice(WORDS[3:])} {' '.join(rng.choices(few, k=rng.randint(3, 18)))} end" for _ in range(number)
        ]

    def asked(texts):
        return [Example("own/task", f"{HEAD}{text}?{CUE}", rng.choice(WORDS)) for text in texts]

    train, test = asked(made(12)), asked(made(12))
    found = overlaps(config(train, test))["own/task"]
    texts = [text for one in train for text in (f"{one.prompt} {one.answer}", *questions(train))]
    records = questions(test)
    expected = [i for i, record in enumerate(records) if any(contains(text, record) for text in texts)]
    assert (found["touched"], found["examples"]) == (len(expected), expected[:3])
