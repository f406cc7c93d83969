"""What a task may say, and TRACE's eight tasks as its paper has them."""

import pytest
from pydantic import ValidationError

from clbench.base.home import packaged
from clbench.spec.task import Extract, Task, Template
from clbench.spec.taskfiles import Catalog

CATALOG = Catalog.find([packaged("tasks")])
TRACE = [name for name in CATALOG.task_paths if name.startswith("trace/")]

# specs: task, archive folder, language, strict scorer, epochs (paper's full fine-tuning, paper's LoRA), rows of 5000.
TABLE = [
    ("c-stance", "C-STANCE", "zh", "exact", 1, 5, (5000, 2000, 2000)),
    ("fomc", "FOMC", "en", "exact", 1, 3, (5000, 496, 496)),
    ("meetingbank", "MeetingBank", "en", "rouge_l", 5, 7, (5000, 687, 692)),
    ("py150", "Py150", "code/python", "fuzz_difflib", 5, 5, (5000, 2000, 2000)),
    ("scienceqa", "ScienceQA", "en", "first_letter", 1, 3, (5000, 2000, 2000)),
    ("numglue-cm", "NumGLUE-cm", "en", "exact", 5, 5, (5000, 41, 81)),
    ("numglue-ds", "NumGLUE-ds", "en", "exact", 5, 5, (5000, 164, 325)),
    ("20minuten", "20Minuten", "de", "sari", 5, 7, (5000, 200, 200)),
]


def make(**changes):
    minimal = {"task": "toy/a", "data": {"files": {"test": "a.jsonl"}}, "scorers": {"strict": "exact"}}
    return Task.model_validate(minimal | changes)


@pytest.mark.parametrize(("name", "folder", "language", "scorer", "ft", "lora", "rows"), TABLE)
def test_trace_task_is_as_published(name, folder, language, scorer, ft, lora, rows):
    task = CATALOG.task(f"trace/{name}")
    assert (task.data["trace"], task.data["mini"], task.language) == (folder, name, language)
    assert task.scorers.strict == scorer
    assert task.budgets == {"paper-ft": ft, "paper-lora": lora, "script": lora}
    assert task.rows["5000"] == dict(zip(("train", "eval", "test"), rows, strict=True))
    assert task.rows["500"]["train"] == 500


def test_trace_has_these_tasks_and_no_other():
    assert sorted(TRACE) == sorted(f"trace/{row[0]}" for row in TABLE)


@pytest.mark.parametrize("name", TRACE)
def test_reasoning_variant_asks_for_a_reason_and_finds_the_answer(name):
    plain, reasoning = CATALOG.task(name), CATALOG.task(name).in_variant("reasoning")
    assert reasoning.template.prefix != plain.template.prefix
    assert reasoning.max_new_tokens == 512
    answer = "an answer"
    marked = {
        True: f"because\nAnswer:{answer}",
        False: f"{answer}\nReasoning: because",  # Py150 gives its answer first
    }[bool(reasoning.extract.after)]
    assert reasoning.extract(marked) == answer
    assert plain.extract(marked) == marked


@pytest.mark.data
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_templates_fit_every_real_record(row, real_data):
    import json

    task = CATALOG.task(f"trace/{row[0]}")
    path = real_data / "trace" / row[1] / "test.json"
    if not path.is_file():
        pytest.skip(f"no real records of {row[1]}")
    records = json.loads(path.read_text(encoding="utf-8"))
    unfit = [one for one in records if not task.template.fits(prompt=one["prompt"], answer=one["answer"])]
    assert len(unfit) <= len(records) // 50, unfit[:2]  # some records of the archive are broken


def test_defaults():
    task = make()
    assert (task.version, task.language, task.max_new_tokens) == (1, "en", 64)
    assert task.scorers.pairs() == {"strict": "exact", "lenient": "exact"}
    assert task.extract("anything") == "anything"


@pytest.mark.parametrize("name", ["a", "a/b", "trace/c-stance", "0/1.x_y"])
def test_names(name):
    task = make(task=name)
    assert (task.name, task.slug) == (name, name.replace("/", "--"))


@pytest.mark.parametrize("name", ["", "A/b", "a/b/c", "/a", "a/", "../a", "a/..", "a b", "a|b", "-a", "a" * 81])
def test_names_that_no_path_could_have_are_refused(name):
    with pytest.raises(ValidationError):
        make(task=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"scorer": {"strict": "exact"}},
        {"scorers": {}},
        {"max_new_tokens": 0},
        {"max_new_tokens": "many"},
        {"version": 0},
        {"budgets": {"paper-ft": 0}},
        {"template": {"answer": "[ABC"}},
        {"template": {"prefx": ""}},
        {"data": {"files": {"train": "a.jsonl"}}},
        {"summary": "x" * 20_001},
        {"variants": {"mini": {"max_new_tokens": 0}}},
        {"variants": {"mini": {"no_such_key": 1}}},
    ],
    ids=str,
)
def test_what_a_task_does_not_have_is_refused(changes):
    with pytest.raises(ValidationError):
        make(**changes)


def test_variant_changes_what_it_says_and_nothing_else():
    task = make(max_new_tokens=8, variants={"long": {"max_new_tokens": 99}})
    long = task.in_variant("long")
    assert (task.max_new_tokens, long.max_new_tokens) == (8, 99)
    assert long.identity() == {**task.identity(), "max_new_tokens": 99}
    assert task.in_variant("other") is task


def test_identity_holds_what_a_score_depends_on():
    task = make()
    assert make(summary="other", source="other", license="other", budgets={"x": 3}).identity() == task.identity()
    for change in ({"version": 2}, {"max_new_tokens": 5}, {"scorers": {"strict": "stripped"}}, {"side": ["sari"]}):
        assert make(**change).identity() != task.identity()


@pytest.mark.parametrize(
    ("prompt", "answer", "fits"),
    [
        ("Q: x A:", "B", True),
        ("Q: A:", "A", True),
        ("Q: A", "A", False),
        ("Q: x A:", "D", False),
        ("Q: x A:", "A.", False),
        ("x A:", "A", False),
        ("Q: x", "A", False),
    ],
)
def test_template_fits_the_whole_record(prompt, answer, fits):
    assert Template(prefix="Q: ", suffix="A:", answer="[ABC]").fits(prompt=prompt, answer=answer) is fits


def test_prefix_and_suffix_do_not_overlap():
    assert not Template(prefix="aba", suffix="ba").fits(prompt="aba", answer="")


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("why\nAnswer: A\nEnd rest", " A"),
        ("no marker", "no marker"),
        ("x\nEnd y", "x"),
        ("a\nB: b\nAnswer: c", " b\nAnswer: c"),
        ("", ""),
    ],
)
def test_extract_takes_what_stands_between_the_first_markers(prediction, answer):
    assert Extract(after=("\nAnswer:", "\nB:"), before=("\nEnd",))(prediction) == answer
