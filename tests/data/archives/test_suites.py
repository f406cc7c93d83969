"""Other suites' archives: each layout is recognised, read in its own words, verified, and its traps are told."""

import json
import re

import pytest
import small
import suite_files

from clbench.base.errors import ClbenchError, DataError
from clbench.data.archives import suites
from clbench.data.archives.traps import audit_task
from clbench.data.sources import load_stream_data
from clbench.plugins.registry import registry
from clbench.spec.stream import resolve

DEV = "dev and test are one file: what is chosen on dev is chosen on test"
FIRST = {  # task of each layout: its first training record
    ("o-lora", "TC/agnews"): ("Which colour? (TC)\nOption: red, blue \nThing 0 is red.\nAnswer:", "red"),
    ("o-lora", "COPA/COPA"): ("Thing 0 is red.\nAnswer:", "red"),
    ("sapt", "SuperNI/task073_commonsenseqa_answer_generation"): (
        "Definition: Which colour?\n\nNow complete the following example -\nInput: Thing 0 is red.\nOutput: ",
        "red",
    ),
    ("sapt", "Long_Sequence/agnews"): ("Which colour?\nThing 0 is red.\nOutput: ", "red"),
    ("sapt", "Long_Sequence/copa"): ("Thing 0 is red.\nOutput: ", "red"),
    ("easycl", "LNT/agnews"): (
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
        "response that appropriately completes the request.\n\n### Instruction:\nWhich colour?\nOption: red, blue\n\n"
        "### Input:\nThing 0 is red.\n\n### Response:",
        "red",
    ),
}


@pytest.fixture
def archives(home, tmp_path):
    """All three, registered; suite to its folder."""
    found = {name: make(tmp_path / name) for name, make in suite_files.LAYOUTS.items()}
    suites.register(found)
    return found


@pytest.mark.parametrize(("suite", "name"), FIRST)
def test_records_are_read_in_the_archives_words(archives, suite, name):
    found = suites.read(suite, name, split="train", task="own/a")
    assert len(found) == 20
    assert (found[0].prompt, found[0].answer) == FIRST[suite, name]


@pytest.mark.parametrize("suite", suite_files.LAYOUTS)
def test_a_layout_is_found_from_above_and_from_within(archives, tmp_path, suite):
    root = archives[suite]
    assert suites.locate(tmp_path) == archives
    assert suites.locate(root) == {suite: root}
    assert suites.locate(tmp_path, suite=suite) == {suite: root}


def test_what_is_not_there_or_there_twice_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds nothing of cl-benchmark"):
        suites.locate(tmp_path / "empty")
    for copy in "ab":
        suite_files.o_lora(tmp_path / copy)
    with pytest.raises(DataError, match="layout of o-lora more than once"):
        suites.locate(tmp_path)
    with pytest.raises(ClbenchError, match="no suite of cl-benchmark 'sap'; did you mean 'sapt'"):
        suites.locate(tmp_path, suite="sap")


def test_traps_are_told(archives):
    def findings(suite, name):
        return audit_task(suite, archives[suite], name).findings

    assert findings("o-lora", "TC/agnews") == (DEV,)
    blank = "all prompts end in a blank, which belongs to the answer's first token"
    several = [
        f"{split}: {n} instances have several outputs; the first is used" for split, n in (("train", 20), ("dev", 6))
    ]
    sapt = findings("sapt", "SuperNI/task1687_sentiment140_classification")
    assert sapt[:4] == (DEV, blank, "train: 20 instances carry ids of task195", several[0])
    assert several[1] in sapt
    assert findings("easycl", "ABSACL_ATSC/Router") == ()
    suite_files.write(archives["sapt"] / "Long_Sequence/agnews/labels.json", ["red", "green"])
    found = findings("sapt", "Long_Sequence/agnews")
    assert "train: 10 records have the label 'blue', which is no option" in found


def test_labels_duplicates_and_prompts_in_two_splits_are_counted(archives):
    root = archives["o-lora"]
    records = json.loads((root / "TC/agnews/test.json").read_text(encoding="utf-8"))
    records[0]["label"] = "-"
    suite_files.write(root / "TC/agnews/train.json", [*records, records[1]])
    found = audit_task("o-lora", root, "TC/agnews").findings
    assert "train: only 6 of 7 prompts are different" in found
    assert "6 prompts of test are also in train" in found
    assert "train: 1 records have the label '-', which is no option" in found
    root = archives["easycl"]
    suite_files.write(
        root / "LNT/agnews/agnews_test.json", [{"instruction": "?\nOption: a, b", "input": "x", "output": "c"}]
    )
    assert "test: 1 records have the label 'c', which is no option" in audit_task("easycl", root, "LNT/agnews").findings


def test_a_changed_file_is_refused(archives):
    (archives["sapt"] / "Long_Sequence/copa/train.json").write_text("{}")
    with pytest.raises(DataError, match="changed since it was added"):
        suites.read("sapt", "Long_Sequence/copa", split="train", task="own/a")
    labels = archives["o-lora"] / "TC/agnews/labels.json"
    labels.write_text(labels.read_text() + " ")
    with pytest.raises(DataError, match="changed since it was added"):
        suites.read("o-lora", "TC/agnews", split="test", task="own/a")


# --- dev


def test_dev_that_is_test_is_refused_by_name(archives):
    with pytest.raises(DataError, match=r"dev\.json: is the test file, byte for byte.*--split eval holds"):
        suites.read("o-lora", "TC/agnews", split="eval", task="own/a")
    assert len(suites.read("easycl", "ABSACL_ATSC/Router", split="eval", task="own/a")) == 4


def plan_of(source, name, *, split):
    """A stream of one task from a suite."""
    from clbench.spec.stream import Stream
    from clbench.spec.task import Task

    task = Task.model_validate({"task": "own/a", "data": {source: name}, "scorers": {"strict": "exact"}})
    stream = Stream.model_validate({"stream": "own", "tasks": ["own/a"], "variants": {"x": {"source": source}}})
    return resolve(stream, tasks={"own/a": task}, base_dir=suite_files.Path(), variant="x", split=split)


def test_validation_records_are_held_out_of_training_records(archives):
    (data,) = load_stream_data(plan_of("o-lora", "TC/agnews", split="eval"))
    test = {one.prompt for one in suites.read("o-lora", "TC/agnews", split="test", task="own/a")}
    assert (len(data.train), len(data.test)) == (18, 2)
    assert not {one.prompt for one in (*data.train, *data.test)} & test
    assert data.notes[0] == "own/a: the dev file of o-lora's archive is its test file, and is not read"
    assert load_stream_data(plan_of("o-lora", "TC/agnews", split="eval"))[0].hash == data.hash


def test_dev_records_of_their_own_are_used(archives):
    (data,) = load_stream_data(plan_of("easycl", "ABSACL_ATSC/Router", split="eval"))
    assert (len(data.train), len(data.test), data.notes) == (20, 4, ())


# --- bad archives


LABELS, INSTRUCTIONS = "TC/agnews/labels.json", "../configs/instruction_config.json"
SUPERNI = "SuperNI/task073_commonsenseqa_answer_generation/train.json"
GONE = object()


def instances(*found, definition=("Which?",)):
    """A file of SAPT's layout."""
    return {"Definition": definition, "Instances": list(found)}


BAD = {  # suite, file, what stands there instead, complaint
    "no labels": ("o-lora", LABELS, GONE, r"labels\.json: is missing"),
    "labels are no list": ("o-lora", LABELS, {"a": 1}, r"labels\.json: must be a list of texts"),
    "no instruction": ("o-lora", INSTRUCTIONS, {"SC": [{"instruction": "x"}]}, "has no instruction for 'TC'"),
    "no instructions": ("o-lora", INSTRUCTIONS, GONE, r"has no instruction_config\.json"),
    "mixed": (
        "o-lora",
        "TC/agnews/test.json",
        instances(),
        r"test\.json: .* no record of O-LoRA's.*archives mixed",
    ),
    "mixed, too": ("sapt", SUPERNI, [{"label": "a", "sentence": "b"}], r"is no file of SAPT's layout.*archives mixed"),
    "a text": ("sapt", SUPERNI, instances(definition="x"), r"train\.json: Definition must be a list of texts, got 'x'"),
    "no definition": ("sapt", SUPERNI, instances(definition=()), "Definition is empty"),
    "no instances": ("sapt", SUPERNI, instances(), "Instances must be a list of at least one"),
    "no output": ("sapt", SUPERNI, instances({"input": "a", "output": []}), "instance 1: output is an empty list"),
    "a number": ("sapt", SUPERNI, instances({"input": "a", "output": 3}), "output must be a text or a list of texts"),
    "input": ("sapt", SUPERNI, instances({"input": [], "output": "a"}), r"input must be text, got \[\]"),
    "an index": (
        "easycl",
        "LNT/dataset_info.json",
        {"a": {"split": "train"}},
        "'a' has neither file_name nor hf_hub_url",
    ),
    "outside": ("easycl", "LNT/dataset_info.json", {"a": {"file_name": "../x.json"}}, "not below the index's folder"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_archives_are_one_line_and_leave_nothing(home, tmp_path, call, kind):
    suite, file, value, complaint = BAD[kind]
    root = suite_files.LAYOUTS[suite](tmp_path / suite)
    (root / file).unlink()
    if value is not GONE:
        suite_files.write(root / file, value)
    done = call("data", "add", "cl-benchmark", root.parent)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert re.search(complaint, done.err), done.err
    assert suites.REGISTER.entries() == {}


# --- by the command


def test_a_zip_is_unpacked_registered_and_removed(home, tmp_path, call):
    suite_files.sapt(tmp_path / "SAPT-main")
    path = small.zip_folder(tmp_path / "SAPT-main", tmp_path / "SAPT-main.zip")
    shown = call("data", "add", "cl-benchmark", path, "--json").json
    assert shown.keys() == {"sapt"}
    assert shown["sapt"]["path"].startswith(str(home / "data"))
    assert {task["task"]: task["records"] for task in shown["sapt"]["tasks"]}["Long_Sequence/copa"] == {
        "train": 20,
        "dev": 6,
        "test": 6,
    }
    assert len(shown["sapt"]["sha256"]) == 12
    assert call("data", "ls", "--json").json[0]["data"] == "cl-benchmark:sapt"
    assert "are deleted" in call("data", "remove", "cl-benchmark:sapt").out
    assert not list((home / "data").glob("cl-benchmark-*"))


def test_what_is_true_of_all_tasks_is_said_once(home, tmp_path, call):
    done = call("data", "add", "cl-benchmark", suite_files.sapt(tmp_path / "SAPT"))
    assert done.out.count("dev and test are one file") == 1
    assert "all 4 tasks: all prompts end in a blank" in done.out
    assert "use it by --stream NAME:sapt" in done.out


def test_a_suite_that_is_not_here_says_how_to_add_it(home):
    with pytest.raises(DataError, match=r"not installed.*circle-hit/SAPT.*`clbench data add cl-benchmark PATH`"):
        load_stream_data(plan_of("sapt", "SuperNI/task073", split="test"))


# --- real archives


@pytest.mark.data
def test_real_records_of_both_layouts(home, real_data):
    root = real_data / "cl_benchmark"
    found = suites.locate(root)
    assert found == {"o-lora": root, "sapt": root}
    suites.register(found)
    assert len(suites.SUITES["o-lora"].tasks(root)) == 14  # Yahoo's records were not to be had
    assert len(suites.SUITES["sapt"].tasks(root)) == 15
    loaded = registry().catalog().stream("superni")
    plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=root, variant="sapt")
    data = {one.task.name: one for one in load_stream_data(plan)}
    assert {len(one.train) for one in data.values()} == {60}
    assert sum(len(one.test) for one in data.values()) == 40 * 12 + 20 + 16 + 18
    assert data["superni/task363"].train[0].answer in ("POS", "NEG")
    assert all(one.prompt.endswith("\nOutput: ") for task in data.values() for one in task.train)


@pytest.mark.data
def test_traps_of_real_records(real_data):
    root = real_data / "cl_benchmark"
    assert audit_task("o-lora", root, "NLI/MNLI").findings == (
        "test: 1 records have the label '-', which is no option",
    )
    found = audit_task("sapt", root, "SuperNI/task1687_sentiment140_classification").findings
    assert "test: 40 instances carry ids of task195" in found
    config = json.loads((root / "instruction_config.json").read_text(encoding="utf-8"))
    first = suites.SUITES["o-lora"].read(root, "SC/yelp", split="train", task="own/a")[0]
    options = "very negative, negative, neutral, positive, very positive"
    assert first.prompt.startswith(f"{config['SC'][0]['instruction']}Option: {options} \nText: ")
    assert first.prompt.endswith("\nAnswer:")
