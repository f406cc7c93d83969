"""Streams in memory: what a file says as a dict, and data sets, a task each."""

import json

import pytest
import small
import yaml
from datasets import Dataset, DatasetDict

import clbench
from clbench.base.errors import ClbenchError


@pytest.fixture
def run(llama, home):
    return lambda stream, **more: clbench.run(stream=stream, model=llama, **{"plugin": "frozen", "quiet": True, **more})


def records(size=3, start=0):
    return {"prompt": [f"Say {i}:" for i in range(start, start + size)], "answer": ["yes"] * size}


def pair(**more):
    return {"train": Dataset.from_dict(records()), "test": Dataset.from_dict(records(2, 9)), **more}


def test_a_dict_is_the_file_that_says_the_same(run, tmp_path, monkeypatch):
    path = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:1], epochs=1)
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    filed = run(path).result
    monkeypatch.chdir(path.parent)  # its data stand in the present folder
    told = run(given)
    assert told.result.run == filed.run
    assert told.result.repeated


def test_data_sets_are_tasks(run, home):
    result = run([pair(), DatasetDict(pair())], plugin="sequential").result
    assert result.tasks == ("datasets/1", "datasets/2")
    assert [one.prompt for one in result.predictions("2")] == ["Say 9:", "Say 10:"]
    assert run([pair(), pair()], plugin="sequential").result.repeated
    other = {"train": Dataset.from_dict(records(start=1)), "test": Dataset.from_dict(records(2, 9))}
    assert run([pair(), other], plugin="sequential").result.run != result.run


def test_columns_are_called_as_the_caller_says(run):
    renamed = {"train": Dataset.from_dict({"q": ["a", "b"], "label": ["x", "y"], "prompt": ["no", "no"]})}
    renamed["test"] = renamed["train"]
    scorers = {"strict": "exact", "lenient": "first_letter"}
    task = {**renamed, "name": "own/letters", "prompt": "q", "answer": "label", "scorers": scorers, "max_new_tokens": 3}
    result = run([task]).result
    assert result.tasks == ("own/letters",)
    assert [(one.prompt, one.answer) for one in result.predictions("letters", 0)] == [("a", "x"), ("b", "y")]
    config = json.loads((result.path / "run.json").read_text(encoding="utf-8"))["config"]
    assert config["tasks"]["own/letters"]["max_new_tokens"] == 3


def test_one_data_set_parted_is_a_task(run):
    parted = Dataset.from_dict(records(10)).train_test_split(0.2, seed=0)
    assert len(run([parted]).result.predictions("1", 0)) == 2


EMPTY = {"prompt": [], "answer": []}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "holds no data sets"),
        ({}, "needs 'stream', its name"),
        ({"stream": "mine"}, r"stream=\{…\}: key 'tasks' is missing"),
        ({"stream": "mine", "tasks": ["trace/fomk"]}, "no task 'trace/fomk'; did you mean 'trace/fomc'"),
        ([Dataset.from_dict(records())], r"stream\[0\]: must be .*train_test_split"),
        ([pair(), 3], r"stream\[1\]: must be \{'train'"),
        ([{"train": pair()["train"]}], r"stream\[0\]: 'test' must be a datasets.Dataset"),
        ([pair(test=Dataset.from_dict(EMPTY))], r"stream\[0\]: its 'test' data set is empty"),
        ([pair(train=Dataset.from_dict(EMPTY))], r"stream\[0\]: its 'train' data set is empty"),
        ([pair(promt="q")], r"stream\[0\]: unknown key 'promt'; did you mean 'prompt'"),
        ([pair(prompt="q")], r"stream\[0\]: 'train' has no column 'q'"),
        ([pair(name="one"), pair(name="one")], "two data sets have one name"),
        ([pair(name="No Name")], r"stream=\[…\]: tasks"),
        ([pair(scorers={"strict": "exakt"})], "no scorer 'exakt'"),
    ],
    ids=str,
)
def test_a_stream_that_is_none_is_refused(run, home, given, complaint):
    with pytest.raises(ClbenchError, match=complaint) as caught:
        run(given)
    assert "\n" not in str(caught.value)
    assert not small.files_below(home)
