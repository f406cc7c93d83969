"""A user's own file as a task, and as a stream of one."""

import json

import pytest
from small import examples, write_jsonl

from clbench.base.errors import DataError
from clbench.plugins.own import own_task, write_stream
from clbench.spec.taskfiles import read_yaml


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_records_of_one_prompt_stay_together_and_none_is_lost(tmp_path):
    path = tmp_path / "My tickets!.jsonl"
    records = [{"prompt": f"p{number % 20}", "answer": f"a{number}", "id": number} for number in range(60)]
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    stream = write_stream(path, tmp_path / "out", hold_out=3)
    assert stream == tmp_path / "out/my-tickets.yaml"
    train, test = (lines(tmp_path / f"out/my-tickets.{split}.jsonl") for split in ("train", "test"))
    assert sorted(one["id"] for one in train + test) == list(range(60))
    assert {one["prompt"] for one in train}.isdisjoint(one["prompt"] for one in test)
    assert len({one["prompt"] for one in test}) == 3
    longer = [*records, *({"prompt": f"new{number}", "answer": "b", "id": 0} for number in range(3))]
    path.write_text("".join(json.dumps(one) + "\n" for one in longer), "utf-8")
    write_stream(path, tmp_path / "longer", hold_out=4)
    again = {one["prompt"] for one in lines(tmp_path / "longer/my-tickets.test.jsonl")}
    assert len(again & {one["prompt"] for one in test}) >= 1


def test_turns_stay_turns_and_answers_end_with_their_line(tmp_path):
    path = tmp_path / "chat.jsonl"
    turns = [
        {"messages": [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": "ja"}]}
        for number in range(10)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in turns), "utf-8")
    told = read_yaml(write_stream(path, tmp_path / "out")).data["tasks"]["own/chat"]
    assert (told["stop"], told["max_new_tokens"], told["scorers"]) == (["\n"], 10, {"strict": "stripped"})
    assert len(lines(tmp_path / "out/chat.test.jsonl")) == 2
    assert all("messages" in one for one in lines(tmp_path / "out/chat.train.jsonl"))
    path.write_text('{"prompt": "a", "answer": "one\\ntwo"}\n', "utf-8")
    assert own_task(path).stop == ()


def test_one_prompt_is_no_stream(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", examples(1))
    with pytest.raises(DataError, match="nothing could be held out"):
        write_stream(tmp_path / "a.jsonl", tmp_path / "out")
