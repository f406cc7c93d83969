"""What is odd in an archive is said: counts, templates, repeats, and records that stand in two splits."""

import pytest

from clbench.data.archives.audit import audit, audit_folder
from clbench.data.example import Example
from clbench.plugins.registry import registry
from clbench.spec.task import Task

TASK = Task.model_validate(
    {
        "task": "own/a",
        "data": {"trace": "A"},
        "scorers": {"strict": "exact"},
        "template": {"prefix": "Q:", "suffix": "\nA:", "answer": "[ABC]"},
        "rows": {"500": {"train": 3, "test": 1}},
    }
)


def records(*names, answer="A"):
    return [Example("own/a", f"Q:{name}\nA:", answer) for name in names]


def findings(expected=None, **splits):
    return audit(TASK, splits, expected=expected or {}).findings


def test_nothing_odd_gives_no_findings():
    splits = {"train": records("1", "2", "3"), "eval": records("4"), "test": records("5")}
    found = audit(TASK, splits, expected=TASK.rows["500"])
    assert found.findings == ()
    assert found.counts == {"train": 3, "eval": 1, "test": 1}


@pytest.mark.parametrize(
    ("splits", "finding"),
    [
        ({"train": records("1")}, "test.json is missing"),
        ({"test": records("1")}, "train.json is missing"),
        ({"train": records("1", "2", "1"), "test": records("3")}, "train: only 2 of 3 prompts are different"),
        ({"train": records("1", "2"), "test": records("2")}, "1 prompts of test are also in train"),
        ({"train": records("1"), "eval": records("1", "2"), "test": records("3")}, "1 prompts of eval are also in"),
        ({"train": records("1"), "eval": records("2", "3"), "test": records("3")}, "1 prompts of test are also in ev"),
        (
            {"train": records("1"), "eval": records("2", "3"), "test": records("3", "2")},
            "eval and test are the same records: never select on eval",
        ),
        (
            {"train": [*records("1"), *records("2", "3", answer="D")], "test": records("4")},
            "train: 2 records do not fit the task's template, the first is number 2",
        ),
        (
            {"train": records("1"), "test": [Example("own/a", "Q: no cue", "A")]},
            "test: 1 records do not fit the task's template, the first is number 1",
        ),
        ({"train": records("1"), "test": [Example("own/a", "Q:\nA", "A")]}, "test: 1 records do not fit"),
    ],
)
def test_each_trap_is_found_and_nothing_else(splits, finding):
    (found,) = findings(**splits)
    assert found.startswith(finding)


def test_counts_are_compared_with_the_published_table():
    found = findings(expected={"train": 3, "eval": 7, "test": 1}, train=records("1"), test=records("2"))
    assert found == ("train has 1 records, the published archive 3",)


TRAPS = {  # counted on the records by hand, see the benchmark's notes on its data
    "trace/c-stance": (),
    "trace/fomc": (
        "train: only 496 of 500 prompts are different",
        "1 prompts of test are also in train",
        "16 prompts of test are also in eval",
    ),
    "trace/py150": (
        "train: only 482 of 500 prompts are different",
        "test: only 96 of 100 prompts are different",
        "3 prompts of test are also in train",
        "2 prompts of eval are also in train",
    ),
    "trace/scienceqa": (),
    "trace/numglue-cm": ("train: only 256 of 500 prompts are different",),
    "trace/numglue-ds": (
        "train: only 490 of 500 prompts are different",
        "6 prompts of test are also in train",
        "6 prompts of eval are also in train",
    ),
    "trace/20minuten": (),
}


@pytest.mark.data
def test_the_known_traps_of_the_real_records_are_reported(real_data):
    catalog = registry().catalog()
    tasks = [catalog.task(name) for name in TRAPS]
    found = {one.task: one.findings for one in audit_folder(real_data / "trace", tasks=tasks, variant="500")}
    assert found == TRAPS
