"""Whatever file records stand in, they are the same records; and what is wrong with a file is one line."""

import csv
import gzip
import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.files import find, open_rows
from clbench.data.records import read_examples

PAIRS = [("Wie viel ist 1 + 1?\nAntwort:", " 2"), ('say "hi", twice; then stop', "007"), ("国家\t名", "NA"), ("x", "")]
EXAMPLES = [Example("own/a", prompt, answer) for prompt, answer in PAIRS]
ROWS = [{"prompt": prompt, "answer": answer} for prompt, answer in PAIRS]


def write_csv(path, *, sign=",", encoding="utf-8", rows=PAIRS):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=sign).writerows([("prompt", "answer"), *rows])
    return path


def packed(path):
    other = path.with_name(path.name + ".gz")
    other.write_bytes(gzip.compress(path.read_bytes()))
    return other


def write_lines(path):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return path


def write_parquet(path, rows=ROWS):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def write_saved(path):
    import datasets

    datasets.Dataset.from_list(ROWS[::-1]).select([3, 2, 1, 0]).save_to_disk(str(path))
    return path


FORMS = {
    "JSON, one record a line, gzip": lambda folder: packed(write_lines(folder / "a.jsonl")),
    "CSV with commas": lambda folder: write_csv(folder / "a.csv"),
    "CSV with semicolons": lambda folder: write_csv(folder / "a.CSV", sign=";", encoding="utf-8-sig"),
    "CSV with tabs": lambda folder: write_csv(folder / "a.tsv", sign="\t"),
    "CSV with commas, gzip": lambda folder: packed(write_csv(folder / "a.csv")),
    "Parquet": lambda folder: write_parquet(folder / "a.parquet"),
    "a folder saved by `datasets`": lambda folder: write_saved(folder / "saved"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples(tmp_path, form):
    """CSV included, whose cells no reader may take for numbers or for nothing."""
    path = FORMS[form](tmp_path)
    assert open_rows(path).form == form
    assert read_examples(path, task="own/a") == EXAMPLES
    assert read_examples(path, task="own/a", cap=2) == EXAMPLES[:2]
    drawn = read_examples(path, task="own/a", cap=3, shuffle=1)
    assert drawn == read_examples(path, task="own/a", shuffle=1)[:3]


def test_a_folder_of_splits_gives_the_one_that_is_asked_for(tmp_path):
    import datasets

    parts = {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(ROWS[:1])}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    assert read_examples(tmp_path / "saved", task="own/a", split="train") == EXAMPLES
    assert read_examples(tmp_path / "saved" / "test", task="own/a") == EXAMPLES[:1]
    for split, said in ((None, "has splits train, test; name one as a folder"), ("tset", "did you mean 'test'")):
        with pytest.raises(DataError, match=said):
            read_examples(tmp_path / "saved", task="own/a", split=split)


def test_numbers_of_a_table_are_text(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"prompt": "p", "answer": 3}, {"prompt": "q", "answer": 4}])
    assert [one.answer for one in read_examples(path, task="own/a")] == ["3", "4"]


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(CELL.filter(bool), CELL), min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_any_text_survives_csv(tmp_path_factory, pairs, sign):
    path = write_csv(tmp_path_factory.mktemp("csv") / "a.csv", sign=sign, rows=pairs)
    assert [(one.prompt, one.answer) for one in read_examples(path, task="own/a")] == pairs


BAD = {
    "a column twice": ("a.csv", b"prompt,answer,answer\np,a,b\n", ":1: the column 'answer' stands twice"),
    "a row too short": ("a.csv", b"prompt,answer\np,a\np\n", ":3: 1 cells under 2 columns"),
    "a row too long": ("a.csv", b"prompt,answer\np,a,b\n", ":2: 3 cells under 2 columns"),
    "a quote left open": ("a.csv", b'prompt,answer\np,"a\n', ":2: malformed CSV: "),
    "no UTF-8": ("a.csv", "prompt,answer\np,a\nß,ö\n".encode("latin-1"), ": is not UTF-8 text"),
    "no rows": ("a.csv", b"prompt,answer\n", ": holds no records"),
    "empty": ("a.csv", b"", ": holds no records"),
    "other columns": ("a.csv", b"text,label\np,a\n", ":2: the columns 'text, label' are none of prompt/answer, "),
    "gzip that is cut short": (
        "a.jsonl.gz",
        gzip.compress(b'{"prompt": "p", "answer": "a"}\n' * 99)[:-30],
        "cannot be",
    ),
    "gzip with a wrong sum": ("a.jsonl.gz", gzip.compress(b'{"prompt": "p"}')[:-8] + b"12345678", ": cannot be read ("),
    "no gzip": ("a.jsonl.gz", b"\x1f\x8b\x08\x00nothing of the kind", ": cannot be read ("),
    "Parquet that is cut short": ("a.parquet", b"PAR1 and no more", ": cannot be read as Parquet ("),
    "a picture": ("a.png", b"\x89PNG\r\n\x1a\n", ":1: malformed JSON: it begins with "),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, kind):
    name, content, said = BAD[kind]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_examples(path, task="own/a")
    assert str(error.value).startswith(f"{path}:")
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_folder_that_was_not_saved_and_one_that_is_damaged_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read \(a folder that `datasets` did not save\); known are \.json"):
        read_examples(tmp_path, task="own/a")
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read by `datasets`") as error:
        read_examples(tmp_path, task="own/a")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    done = []

    def read():
        with pytest.raises(DataError, match="no regular file"):
            read_examples(tmp_path / "pipe.jsonl", task="own/a")
        done.append(True)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert done


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.data.jsonrows.MAX_LINE", 1000)
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "p", "answer": "a"}\n{"prompt": "' + "x" * 2000)
    with pytest.raises(DataError, match=":2: more than"):
        read_examples(path, task="own/a")


@pytest.mark.parametrize("there", ["test.jsonl", "test.json", "test.csv", "test.jsonl.gz", "test.parquet"])
def test_a_file_may_stand_in_another_form_than_named(tmp_path, there):
    (tmp_path / there).touch()
    assert find(tmp_path / "test.jsonl") == tmp_path / there
    assert find(tmp_path / "train.jsonl") == tmp_path / "train.jsonl"
