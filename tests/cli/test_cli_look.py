"""`clbench data look`: what people print by hand before a training run."""

import json

import pytest

from clbench.data.example import Example
from clbench.evaluation.look import Repeats, repeats, shared

RECORDS = [
    {"prompt": "Repeat: red\nAgain:", "answer": " red", "id": 1},
    {"prompt": "Repeat: red\nAgain:", "answer": " red", "id": 2},
    {"prompt": "Repeat: red\nAgain:", "answer": " blue", "id": 3},
    {"prompt": "Repeat: a long line of many words that nobody reads\nAgain:", "answer": " " + "word " * 40, "id": 4},
    {"prompt": "Repeat: nothing\x1b[31m\nAgain:", "answer": "", "id": 5},
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in RECORDS), encoding="utf-8")
    return path


def test_all_is_in_the_document(file, llama, tmp_path, call):
    test = tmp_path / "test.csv"
    test.write_text('prompt,answer\n"Repeat: red\nAgain:", red\n"Repeat: red\nAgain:", green\nnew,new\n', "utf-8")
    limits = ["--set", "protocol.max_answer_tokens=8", "--set", "protocol.max_prompt_tokens=16"]
    found = call("data", "look", file, "--model", llama, "--test", test, *limits, "--json").json
    assert (found["form"], found["records"], found["tokenised"]) == ("JSON, one record a line", 5, 5)
    assert found["notes"] == ["train.jsonl: keys that are not read: id (5)"]
    assert found["first"]["prompt"] == RECORDS[0]["prompt"]
    given = "".join(text for _, text, learned in found["pieces"] if not learned)
    learned = [text for _, text, learned in found["pieces"] if learned]
    assert RECORDS[0]["prompt"].endswith(given)
    assert "".join(learned) == " red</s>"
    assert found["repeats"] == [2, 1, 1, 1]
    assert found["shared"][:2] == [2, 1]
    median, longest, limit, cut = found["answers"]
    assert (limit, cut) == (8, 1)
    assert median < 8 < longest
    assert found["ceiling"]["strict"] == 0.6, "one is cut, and an empty one scores 0 whatever it answers"
    assert "1 of 5 answers are longer than 8 tokens (record 4)" in found["lost"]
    assert found["prompts"][2:] == [16, sum(size > 16 for size in sizes(llama))]


def sizes(folder):
    """Prompts' tokens, by transformers alone."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [len(tokenizer(one["prompt"], add_special_tokens=False)["input_ids"]) for one in RECORDS]


def test_people_see_blanks_and_nothing_acts_on_their_terminal(file, llama, call):
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(lines[::-1]), encoding="utf-8")
    out = call("data", "look", file, "--model", llama, "--stream", "trace:mini").out
    assert "\x1b" not in out
    assert "  |Repeat: nothing\\x1b[31m|\n  |Again:|\n" in out
    assert "  learned (1): '</s>'" in out
    assert "limit 256" in out or "limit of" in out
    assert "repeats: 2 prompts stood before, 1 with the same answer; 1 prompts have several answers; 1 answers" in out


def test_a_task_says_what_columns_mean(tmp_path, llama, call):
    path = tmp_path / "gsm.jsonl"
    path.write_text(json.dumps({"question": "1 + 1?", "answer": "#### 2"}) + "\n", encoding="utf-8")
    found = call("data", "look", path, "--model", llama, "--task", "gsm8k", "--json").json
    assert (found["first"]["prompt"], found["first"]["answer"]) == ("Question: 1 + 1?\nAnswer:", " #### 2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.jsonl"], "missing.jsonl: cannot be read (No such file"),
        (["FILE", "--task", "commonsense"], "--task commonsense: is a group; name one of probes/boolq-no-passage, "),
        (["FILE", "--task", "gsm8k"], "needs the columns answer, question; got answer, id, prompt"),
        (["FILE", "--stream", "trace:minni"], "no variant of stream trace 'minni'; did you mean 'mini'?"),
        (["FILE", "--set", "protocol.max_answer=3"], "max_answer"),
        (["FILE", "--test", "missing.csv"], "missing.csv: cannot be read"),
    ],
)
def test_bad_input_is_one_line(file, llama, call, arguments, said):
    done = call("data", "look", *(str(file) if one == "FILE" else one for one in arguments), "--model", llama)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_what_repeats_and_what_is_shared_is_counted_record_by_record():
    some = [Example("a", prompt, answer) for prompt, answer in ("pa", "pa", "pb", "qa", "q ", "r ")]
    assert repeats(some) == Repeats(prompts=3, pairs=1, contradictions=2, empty=0)
    found = shared(some, [Example("a", prompt, answer) for prompt, answer in ("pa", "pz", "za")])
    assert (found.prompts, found.pairs, found.words.of) == (2, 1, 3)
