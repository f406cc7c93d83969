"""Data sets through `datasets`: folders of JSON files, which it reads as it does the Hub's."""

import json

import pytest

from clbench.base.errors import DataError
from clbench.data.formed import load_formed
from clbench.data.hub import read_hub
from clbench.spec.task import Hub, Task

ROWS = {
    "train": [{"q": "a", "c": {"text": ["1", "2"]}, "key": 1}],
    "test": [{"q": "x", "c": {"text": ["3", "4"]}, "key": 0}, {"q": "y", "c": {"text": ["5", "6"]}, "key": 1}],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What `datasets` keeps goes into the test's folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def folder(tmp_path):
    """A data set of two splits, as a folder."""
    path = tmp_path / "set"
    (path / "data").mkdir(parents=True)
    for split, rows in ROWS.items():
        write(path / "data" / f"{split}-00000.jsonl", rows)
    return path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_split_is_read_with_its_places(folder):
    found = list(read_hub(Hub(path=str(folder)), "test"))
    assert [{name: row[name] for name in ("q", "c", "key")} for _, row in found] == ROWS["test"]
    assert [where for where, _ in found] == [f"{folder}, test, record 1", f"{folder}, test, record 2"]


def test_of_several_configurations_each_record_knows_its_own(tmp_path):
    path = tmp_path / "sets"
    path.mkdir()
    listed = []
    for name in ("cats", "dogs"):
        write(path / f"{name}.jsonl", [{"q": f"{name}?"}])
        listed.append(f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {name}.jsonl\n")
    (path / "README.md").write_text(f"---\nconfigs:\n{''.join(listed)}---\n", encoding="utf-8")
    found = list(read_hub(Hub(path=str(path), config=("dogs", "cats")), "test"))
    assert [row for _, row in found] == [{"config": "dogs", "q": "dogs?"}, {"config": "cats", "q": "cats?"}]
    assert found[0][0] == f"{path} (dogs), test, record 1"
    with pytest.raises(DataError, match=r"\(birds\), test: cannot be read from the Hub"):
        list(read_hub(Hub(path=str(path), config="birds"), "test"))


def test_a_task_reads_it_with_shots(folder):
    task = Task.model_validate(
        {
            "task": "own/a",
            "data": {"hub": {"path": str(folder), "shots": "train"}},
            "measure": "choice",
            "shots": 1,
            "forms": [{"prompt": "{{ q }}?", "choices": "{{ c.text }}", "answer": "{{ key }}"}],
            "scorers": {"strict": "likelihood"},
        }
    )
    hub = task.data["hub"]
    assert isinstance(hub, Hub)
    made = load_formed(task, hub, split="test", base_dir=folder)
    assert [(one.prompt, one.choices, one.answer) for one in made] == [
        ("a?2\n\nx?", ("3", "4"), "3"),
        ("a?2\n\ny?", ("5", "6"), "6"),
    ]
    with pytest.raises(DataError, match=r"^task 'own/a': data names no train split$"):
        load_formed(task, hub, split="train", base_dir=folder)


@pytest.mark.parametrize("split", ["dev", "tset"])
def test_a_split_that_is_not_there_is_said_in_one_line(folder, split):
    with pytest.raises(DataError, match=f"{split}: cannot be read from the Hub .*{split}") as caught:
        list(read_hub(Hub(path=str(folder)), split))
    assert "\n" not in str(caught.value)


def test_malformed_files_are_said_in_one_line(folder):
    (folder / "data" / "test-00000.jsonl").write_text('{"q": ', encoding="utf-8")
    with pytest.raises(DataError, match="test: cannot be read from the Hub") as caught:
        list(read_hub(Hub(path=str(folder)), "test"))
    assert "\n" not in str(caught.value)


def test_without_a_network_one_line_says_what_to_do(tmp_path, process_env):
    """A process of its own, as the library reads the switch when it is imported."""
    import subprocess
    import sys

    code = """
from clbench.data.hub import read_hub
from clbench.base.errors import DataError
from clbench.spec.task import Hub
try:
    list(read_hub(Hub(path="nobody/nothing", revision="0" * 40), "test"))
except DataError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=process_env(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path)),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    [line] = done.stdout.splitlines()
    assert line.startswith("nobody/nothing, test: cannot be read from the Hub (")
    assert line.endswith("is it reachable? Local files do as well: --data FOLDER")
    assert "Traceback" not in done.stderr
