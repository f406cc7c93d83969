"""Known shapes are recognised by their columns; what is none of them is refused with what would work."""

import json

import pytest

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.records import Reading, read_examples


@pytest.fixture
def read(tmp_path):
    """Examples and notes of records given as such."""

    def run(*records):
        path = tmp_path / "data.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        reading = Reading()
        examples = read_examples(path, task="own/a", reading=reading)
        return examples, reading.notes("data.jsonl")

    return run


def turns(*pairs, keys=("role", "content")):
    return [dict(zip(keys, pair, strict=True)) for pair in pairs]


TALK = (("system", "Be brief."), ("user", "Hello?"), ("assistant", "Yes?"), ("user", "2+2?"), ("assistant", "4"))
PLAIN = "System:\nBe brief.\n\nUser:\nHello?\n\nAssistant:\nYes?\n\nUser:\n2+2?\n\nAssistant:\n"


def test_completions_are_answers_as_they_stand(read):
    examples, notes = read({"prompt": "p", "completion": " c"})
    assert examples == [Example("own/a", "p", " c")]
    assert notes == ["data.jsonl: prompt/completion read as prompt and answer"]


def test_alpacas_words_are_alpacas(read):
    """Letter by letter those of `train.py` in Stanford's repository."""
    examples, notes = read(
        {"instruction": "Add.", "input": "1, 2", "output": "3"},
        {"instruction": "Say hi.", "input": "", "output": "hi"},
        {"instruction": "Say ho.", "output": "ho"},
    )
    assert examples[0].prompt == (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:"
    )
    assert examples[2].prompt == (
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nSay ho.\n\n### Response:"
    )
    assert [one.answer for one in examples] == ["3", "hi", "ho"]
    assert [one.turns for one in examples] == [
        (("user", "Add.\n1, 2"),),
        (("user", "Say hi."),),
        (("user", "Say ho."),),
    ]
    assert notes == [
        "data.jsonl: instruction/output/input read as Alpaca's prompt (`### Instruction:`), output as answer"
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": turns(*TALK)},
        {"messages": [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in turns(*TALK)]},
        {"conversations": turns(*TALK, keys=("from", "value"))},
        {
            "conversations": turns(
                *((new, text) for new, (_, text) in zip(["system", "human", "gpt", "human", "gpt"], TALK, strict=True)),
                keys=("from", "value"),
            )
        },
        {"prompt": turns(*TALK[:-1]), "completion": turns(TALK[-1])},
    ],
)
def test_of_a_conversation_the_last_turn_is_the_answer(read, record):
    examples, notes = read(record)
    assert examples == [Example("own/a", PLAIN, "4", turns=TALK[:-1])]
    assert len(notes) == 1


def test_turns_count_in_the_hash_only_where_there_are_any(read):
    (told,), _ = read({"messages": turns(*TALK)})
    assert told.content() == [PLAIN, "4", TALK[:-1]]
    assert Example("own/a", PLAIN, "4").content() == [PLAIN, "4"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"text": "t"}, "the columns 'text' are none of prompt/answer, prompt/completion, instruction/output/input, "),
        ({}, "the columns '' are none of"),
        (
            {"messages": turns(*TALK[:-1])},
            "messages: the last turn is the answer, so it must be the assistant's",
        ),
        ({"messages": turns(TALK[-1])}, "messages: must be a list of at least two turns"),
        ({"messages": "hello"}, "messages: must be a list of at least two turns, got 'hello'"),
        (
            {"messages": turns(*TALK, keys=("from", "value"))},
            "messages, turn 1: must be an object with role",
        ),
        ({"messages": turns(("usr", "x"), TALK[-1])}, "messages, turn 1: no role 'usr'; did you mean 'user'?"),
        ({"messages": turns(("user", None), TALK[-1])}, "messages, turn 1: content must be text or a number, got None"),
        ({"messages": turns((["user"], "x"), TALK[-1])}, "messages, turn 1: no role ['user']"),
        ({"instruction": "", "output": "o"}, "the instruction is empty"),
        ({"instruction": "i", "input": [], "output": "o"}, "input must be text or a number, got []"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(read, record, said):
    with pytest.raises(DataError) as error:
        read(record)
    assert f"data.jsonl:1: {said}" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_the_first_record_decides(read):
    with pytest.raises(
        DataError, match=r"data\.jsonl:2: has no 'answer'; the file's first record has prompt and answer"
    ):
        read({"prompt": "p", "answer": "a"}, {"prompt": "p", "completion": "c"})
    _, notes = read({"prompt": "p", "answer": "a", "messages": [], "id": 3})
    assert notes == ["data.jsonl: keys that are not read: id (1), messages (1)"]
