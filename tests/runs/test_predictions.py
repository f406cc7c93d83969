"""Predictions: saved whole, read back the same, scored the same at any time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.plugins.registry import registry
from clbench.runs.predictions import Prediction, needs_prompts, predictions_path, read, save, score
from clbench.scoring import SCORERS, load_scorer
from clbench.spec.task import Task

texts = st.text(max_size=30)
predictions = st.builds(Prediction, prompt=texts, prediction=texts, answer=texts, truncated=st.booleans())


def task(**changes):
    scorers = {"strict": "exact", "lenient": "letter"}
    return Task.model_validate({"task": "own/a", "data": {"mini": "fomc"}, "scorers": scorers} | changes)


def scored(some, **changes):
    return score(task(**changes), some, scorer=registry().scorer)


@given(st.lists(predictions, min_size=1, max_size=5))
def test_any_prediction_survives_its_file(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("predictions") / "deep" / "own--a.jsonl"
    save(path, some)
    assert read(path) == some
    assert len(path.read_text(encoding="utf-8").split("\n")) == len(some) + 1


def test_a_cell_of_r_has_a_file_of_its_own(tmp_path):
    paths = {
        predictions_path(tmp_path, row=row, task=task(task=name)) for row in (0, 1, 11) for name in ("own/a", "own/b")
    }
    assert len(paths) == 6
    assert tmp_path / "predictions" / "01" / "own--a.jsonl" in paths


def test_files_of_others_need_no_prompt_and_may_hold_more(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"prediction": "A", "answer": "B", "model": "x"}\n', encoding="utf-8")
    assert read(path, prompts=False) == [Prediction("", "A", "B")]


@pytest.mark.parametrize(
    ("strict", "side", "needed"), [("exact", [], False), ("sari", [], True), ("exact", ["sari"], True)]
)
def test_prompts_are_demanded_where_a_scorer_reads_them(strict, side, needed):
    one = task(scorers={"strict": strict}, side=side)
    assert needs_prompts(one, scorer=registry().scorer) == needed


@pytest.mark.parametrize("name", [name for name, one in SCORERS.items() if not (one.reads_prompt or one.corpus)])
def test_scorers_that_say_so_give_the_same_without_the_prompt(name):
    stated = '{"choices": ["a", "b"], "loglikelihoods": [-1.0, -2.0], "tokens": [1, 2]}'
    for prediction, answer in (("B, 12. The answer is 4", "4"), ("a\nb", "a"), (stated, "a")):
        texts = {"prediction": prediction, "answer": answer}
        found = []
        for prompt in ("", "b 12 a"):
            try:
                found.append(load_scorer(SCORERS[name])(prompt=prompt, **texts))
            except DataError as error:
                found.append(str(error))
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"prompt": "", "prediction": "A"}', "needs the keys 'prompt', 'prediction' and 'answer', and lacks 'answer'"),
        ('{"prediction": "A", "answer": "A"}', "and lacks 'prompt'"),
        ('"A"', "must be an object with the keys"),
        ('{"prompt": "", "prediction": null, "answer": "A"}', "must be text"),
        ('{"prompt": "", "prediction": "A", "answer": 4}', "must be text"),
        ('{"prediction": "A", ', "malformed JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, complaint):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "", "prediction": "A", "answer": "A"}\n' + line, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert complaint in str(error.value)


def test_a_file_without_predictions_is_refused(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no predictions"):
        read(path)


def test_scores_are_means_over_all_records_and_what_is_odd_is_counted():
    some = [
        Prediction("p", "A", "A"),
        Prediction("p", "A because", "A", truncated=True),
        Prediction("p", "", "A"),
        Prediction("p", "B", "A"),
    ]
    found = scored(some, side=["stripped"])
    assert found.roles == {"strict": 0.25, "lenient": 0.5}
    assert found.side == {"stripped": 0.25}
    assert (found.empty, found.truncated, found.num_records) == (1, 1, 4)


def test_the_answer_is_taken_out_of_its_reasons_before_scoring():
    some = [
        Prediction("p", "It cuts rates.\nAnswer:A", "They cut.\nAnswer:A"),
        Prediction("p", "Answer", "x\nAnswer:A"),
    ]
    assert scored(some, extract={"after": ["\nAnswer:"]}).roles["strict"] == 0.5
    assert scored(some).roles["strict"] == 0.0


def test_a_task_without_a_lenient_scorer_is_scored_strictly_twice():
    assert scored([Prediction("p", "A ", "A")], scorers={"strict": "stripped"}).roles == {"strict": 1.0, "lenient": 1.0}


def test_what_a_file_holds_is_what_was_scored(tmp_path):
    """Saved first, scored from what was saved: nothing is lost on the way, a trailing newline least of all."""
    some = [Prediction("p\n", "A\n", "A"), Prediction("p", "A\u2028", "A"), Prediction("p", "A", "A")]
    save(tmp_path / "one.jsonl", some)
    assert scored(read(tmp_path / "one.jsonl")) == scored(some)
    assert json.loads((tmp_path / "one.jsonl").read_text(encoding="utf-8").splitlines()[0])["prediction"] == "A\n"
