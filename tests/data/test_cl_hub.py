"""The Hub's columns of each set become prompts and labels of its task: small folders in the Hub's place."""

import json

import pytest

from clbench.data.formed import load_formed
from clbench.plugins.registry import registry
from clbench.spec.task import Hub

PAIR = {"premise": "A.", "hypothesis": "B.", "idx": 0}
ROWS = {  # task: a record as the Hub has it, what must stand in the prompt, the answer
    "cl/agnews": ({"text": "News.", "label": 3}, "\nNews.\n", "Science or Technology"),
    "cl/amazon": ({"text": "Fine.", "label": 4, "id": "x"}, "\nFine.\n", "very positive"),
    "cl/yelp": ({"text": "Bad.", "label": 0}, "\nBad.\n", "very negative"),
    "cl/dbpedia": ({"title": "T", "content": "C.", "label": 13}, "\nTitle: T\nText: C.\n", "Written Work"),
    "cl/yahoo": (
        {"question_title": "T", "question_content": "C?", "best_answer": "a", "topic": 9},
        "\nTitle: T\nText: C?\n",
        "Politics & Government",
    ),
    "cl/imdb": ({"text": "A film.", "label": 1}, "\nA film.\n", "Good"),
    "cl/boolqa": ({"question": "q", "passage": "p", "label": 1, "idx": 0}, "\nquestion: q\npassage: p\n", "True"),
    "cl/cb": (PAIR | {"label": 1}, "\nsentence 1: A.\nsentence 2: B.\n", "contradiction"),
    "cl/copa": (
        {"premise": "P.", "choice1": "x", "choice2": "y", "question": "cause", "label": 1, "idx": 0},
        "\nWhich is the cause of this? P.\nA: x\nB: y\n",
        "B",
    ),
    "cl/multirc": (
        {"paragraph": "P", "question": "q", "answer": "a", "label": 0, "idx": {}},
        "\nparagraph: P\nquestion: q\ncandidate answer: a\n",
        "False",
    ),
    "cl/rte": (PAIR | {"label": 1}, "\nsentence 1: A.\nsentence 2: B.\n", "contradiction"),
    "cl/wic": ({"word": "w", "sentence1": "A.", "sentence2": "B.", "label": 1}, "\nword: w\nA.\nB.\n", "True"),
    "cl/mnli": (PAIR | {"label": 1}, "\nsentence 1: A.\nsentence 2: B.\n", "neutral"),
    "cl/qqp": (
        {"question1": "a?", "question2": "b?", "label": 0},
        "\nfirst sentence: a?\nsecond sentence: b?\n",
        "False",
    ),
    "cl/sst-2": ({"sentence": "nice", "label": 1, "idx": 0}, "\nnice\n", "Good"),
    "superni/task073": ({"id": "x", "input": "Definition: d\nOutput:", "output": ["A", "B"]}, "Definition: d\n", "A"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_record_of_the_hub_becomes_one_of_the_task(name, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    row, inside, answer = ROWS[name]
    task = registry().catalog().task(name)
    hub = task.data["hub"]
    assert isinstance(hub, Hub)
    path = tmp_path / "set" / "data" / "test-00000.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({key: value for key, value in row.items() if value != {}}) + "\n", encoding="utf-8")
    local = hub.model_copy(update={"path": str(tmp_path / "set"), "config": None, "revision": None, "test": "test"})
    (found,) = load_formed(task, local, split="test", base_dir=tmp_path)
    assert inside in found.prompt
    assert found.answer == answer
    options = found.prompt.partition("Options: ")[2].partition("\n")[0].split(", ")
    assert name.startswith("superni") or answer in options


def test_the_labels_of_the_hub_are_the_options():
    for name in ROWS:
        form = registry().catalog().task(name).forms[-1]
        if "[" in form.answer and name.startswith("cl/"):
            labels = form.answer.partition("[")[2].partition("]")[0].replace("'", "").split(", ")
            assert sorted(labels) == sorted(form.prompt.partition("Options: ")[2].partition("\n")[0].split(", "))
