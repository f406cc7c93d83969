"""Streams over data sets that others have described: an index of files, and data sets of the Hub."""

import json

import pytest
import suite_files
import yaml

from clbench.base.errors import ClbenchError
from clbench.data.sources import load_stream_data
from clbench.plugins.fromhub import from_hub
from clbench.plugins.fromindex import from_index
from clbench.plugins.registry import registry
from clbench.spec.stream import resolve

write = suite_files.write


def alpaca(size=3, instruction="instruction", output="output"):
    return [{instruction: f"Thing {number}?", output: "red" if number % 2 else "blue"} for number in range(size)]


@pytest.fixture
def index(tmp_path):
    """LLaMA-Factory's folder `data`, with one data set of each kind."""
    folder = tmp_path / "My data"
    for name in ("cb.json", "cb_test.json", "lone.json"):
        write(folder / name, alpaca())
    for name in ("named_train.json", "named_test.json"):
        write(folder / name, alpaca(instruction="question", output="reply"))
    talk = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}]
    for name in ("chat.json", "chat_test.json"):
        write(folder / name, talk)
    columns = {"prompt": "question", "response": "reply"}
    sharegpt = {"formatting": "sharegpt", "columns": {"messages": "messages"}}
    return write(
        folder / "dataset_info.json",
        {
            "cb": {"file_name": "cb.json"},
            "cb_test": {"file_name": "cb_test.json", "split": "test"},
            "named_train": {"file_name": "named_train.json", "columns": columns},
            "named_test": {"file_name": "named_test.json", "columns": columns},
            "chat": {"file_name": "chat.json", **sharegpt},
            "chat_test": {"file_name": "chat_test.json", **sharegpt},
            "lone": {"file_name": "lone.json"},
            "away": {"hf_hub_url": "ORG/away"},
            "seen": {"file_name": "lone.json", "columns": {"images": "images"}},
            "scripted": {"script_url": "x"},
            "gone": {"file_name": "gone.json"},
            "gone_test": {"file_name": "gone.json"},
        },
    )


def loaded(path):
    """The records of a stream file's tasks, by name."""
    found = registry().catalog().stream(str(path))
    plan = resolve(found.stream, tasks=found.tasks, base_dir=found.base_dir, variant="files")
    return {one.task.name: one for one in load_stream_data(plan)}


def test_an_index_becomes_a_stream_over_its_files(index, call):
    done = call("stream", "import", index)
    assert done.code == 0, done.err
    made = index.parent / "my-data.yaml"
    data = loaded(made)
    assert list(data) == ["own/cb", "own/named", "own/chat"]
    first = data["own/cb"].train[0]
    assert (first.prompt.endswith("Thing 0?\n\n### Response:"), first.answer) == (True, "blue")
    assert data["own/named"].train[0].prompt == first.prompt
    assert data["own/chat"].test[0].prompt == "User:\nq\n\nAssistant:\n"
    for reason in (
        "lone is left out: it names no test records",
        "away is left out: it is on the Hub (clbench stream import ORG/away)",
        "seen is left out: it has images",
        "scripted is left out: it is no file, nor on the Hub",
        "gone is left out: there is no file gone.json",
    ):
        assert reason in done.out
    assert call("validate", made).code == 0


def test_it_may_stand_elsewhere_and_hold_some_of_them(index, tmp_path, call):
    out = tmp_path / "streams" / "two.yaml"
    done = call("stream", "import", index, "--out", out, "--task", "chat", "--task", "cb", "--json")
    assert done.json == {"stream": str(out), "tasks": ["own/chat", "own/cb"], "left_out": {}}
    assert list(loaded(out)) == ["own/chat", "own/cb"]
    again = call("stream", "import", index, "--out", out)
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "is there already" in again.err


def test_easycls_orders_are_kept(tmp_path):
    root = suite_files.easycl(tmp_path)
    for task in ("LNT/b",):
        for split, found in suite_files.splits().items():
            records = [{"instruction": text, "input": "", "output": label} for text, label in found]
            write(root / f"{task}/b_{split}.json", records)
    path = root / "LNT/dataset_info.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries |= {f"b_{split}": {"file_name": f"b/b_{split}.json"} for split in suite_files.splits()}
    write(path, entries)
    orders = {"order1": ["b", "agnews"], "order2": ["agnews", "b"], "other": ["agnews"]}
    write(root / "LNT/benchmark_info.json", {"LNT": {"orders": orders}})
    found = from_index(path, scorer="exact")
    assert (list(found.tasks), found.orders) == (["own/b", "own/agnews"], {"order2": ["own/agnews", "own/b"]})
    assert found.tasks["own/b"]["data"]["files"]["eval"] == "b/b_dev.json"


# --- the Hub, in folders that `datasets` reads


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Makes a data set of two splits."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def hub(name, rows, splits=("train", "validation")):
        for split in splits:
            path = tmp_path / name / "data" / f"{split}-00000.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(tmp_path / name)

    return hub


def test_data_sets_of_the_hub_become_a_stream(hub, tmp_path, call):
    sets = [hub("Pairs", alpaca()), hub("chats", [{"prompt": "q", "completion": "a"}])]
    done = call("stream", "import", *sets, "--out", tmp_path / "mine.yaml", "--scorer", "exact")
    assert done.code == 0, done.err
    written = yaml.safe_load((tmp_path / "mine.yaml").read_text(encoding="utf-8"))
    assert written["tasks"]["own/pairs"]["data"]["hub"] == {"path": sets[0], "train": "train", "test": "validation"}
    assert written["tasks"]["own/chats"]["scorers"] == {"strict": "exact"}


def test_columns_are_named_by_templates(hub):
    place = hub("labels", [{"text": "a", "label": 1}])
    with pytest.raises(ClbenchError, match="its columns are text, label; say by --prompt and --answer"):
        from_hub([place], form=None, scorer="exact")
    form = {"prompt": "{{ text }}\n", "answer": "{{ ['no', 'yes'][label] }}"}
    assert from_hub([place], form=form, scorer="exact").tasks["own/labels"]["forms"] == [form]


# --- what is wrong is one line


def spoilt(tmp_path, hub, kind):
    """Words of a command that must be refused, and what it says."""
    path = tmp_path / "dataset_info.json"
    if kind == "no index":
        write(path, [1])
        return [path], "must be an object of data sets by name"
    if kind == "nothing in it":
        write(path, {"a": {"hf_hub_url": "o/a"}})
        return [path], "'a' can be no task: it is on the Hub"
    if kind == "a name that is not there":
        write(path, {"a": {"hf_hub_url": "o/a"}})
        return [path, "--task", "b"], "no data set of the index 'b'"
    if kind == "wrong columns":
        for split in ("train", "test"):
            write(tmp_path / f"{split}.json", alpaca())
        columns = {"prompt": "question"}
        entries = {f"a_{one}": {"file_name": f"{one}.json", "columns": columns} for one in ("train", "test")}
        return [write(path, entries)], "has no 'question' and 'output', which the index names"
    if kind == "no test split":
        return [hub("only", alpaca(), splits=("train",))], "has the splits train; a task needs train, and test"
    if kind == "a template alone":
        return ["ORG/NAME", "--prompt", "{{ a }}"], "give both, or neither"
    if kind == "a set twice":
        place = hub("twice", alpaca())
        return [place, place], "there is a task 'own/twice' already"
    assert kind == "no scorer"
    return ["ORG/NAME", "--scorer", "exactt"], "did you mean 'exact'"


KINDS = ("no index", "nothing in it", "a name that is not there", "wrong columns", "no test split", "a template alone",
         "a set twice", "no scorer")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_imported_is_one_line(tmp_path, hub, call, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, complaint = spoilt(tmp_path, hub, kind)
    done = call("stream", "import", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert complaint in done.err
    assert not list(tmp_path.glob("*.yaml"))
