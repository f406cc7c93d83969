"""Reading prompt/answer records: JSON lists, JSONL, and what is wrong with a file, by line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.records import read_examples

GOOD = {"prompt": "What is 1 + 1?", "answer": "2"}
TWO = [Example("own/a", "p1", "a1"), Example("own/a", "p2", "")]


@pytest.fixture
def write(tmp_path):
    def put(content: str | bytes, name: str = "data.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.jsonl", '{"prompt": "p1", "answer": "a1"}\n{"answer": "", "prompt": "p2"}\n'),
        ("data.jsonl", '\n{"prompt": "p1", "answer": "a1"}\r\n\n  \n{"prompt": "p2", "answer": ""}'),
        ("data.json", '[{"prompt": "p1", "answer": "a1"}, {"prompt": "p2", "answer": ""}]'),
        ("data.json", '\ufeff \n[{"prompt": "p1", "answer": "a1"},\n{"prompt": "p2", "answer": ""}]\n'),
        ("data.txt", '{"prompt": "p1", "answer": "a1"}\n{"prompt": "p2", "answer": ""}'),
    ],
)
def test_json_and_jsonl_give_the_same_examples(write, name, content):
    assert read_examples(write(content, name), task="own/a") == TWO


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=4), st.booleans())
def test_any_text_survives_the_file(tmp_path_factory, pairs, ascii_only):
    """Also the line separators that str.splitlines would cut at."""
    path = tmp_path_factory.mktemp("records") / "data.jsonl"
    lines = [json.dumps({"prompt": prompt, "answer": answer}, ensure_ascii=ascii_only) for prompt, answer in pairs]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    assert [(one.prompt, one.answer) for one in read_examples(path, task="own/a")] == pairs


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"prompt": "p", "answer": "a"', "malformed JSON"),
        ("{'prompt': 'p'}", "malformed JSON"),
        ('{"prompt": "p", "answer": ' + "1" * 5000 + "}", "malformed JSON"),
        ("[" * 100_000, "malformed JSON"),
        ('["p", "a"]', "exactly the keys"),
        ('{"prompt": "p"}', "exactly the keys"),
        ('{"prompt": "p", "answer": "a", "label": 1}', "exactly the keys"),
        ('{"prompt": "p", "answer": 17}', "answer must be text, got 17"),
        ('{"prompt": null, "answer": "a"}', "prompt must be text, got None"),
        ('{"prompt": "", "answer": "a"}', "the prompt is empty"),
        (r'{"prompt": "half of a pair: \ud83d", "answer": "a"}', "prompt is no valid text"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(write, line, complaint):
    path = write(json.dumps(GOOD) + "\n\n" + line + "\n")
    with pytest.raises(DataError) as error:
        read_examples(path, task="own/a")
    assert str(error.value).startswith(f"{path}:3: ")
    assert complaint in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 250


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("data.json", '[{"prompt": "p",\n"answer": }]', ":2: malformed JSON"),
        ("data.json", "[" * 100_000, ":1: malformed JSON"),
        ("data.json", "[" + "1" * 5000 + "]", ":1: malformed JSON"),
        ("data.json", '[{"prompt": "p", "answer": "a"}, {"prompt": "p"}]', ": record 2: must be an object"),
        ("data.json", "[]", "holds no records"),
        ("data.jsonl", "\n \n", "holds no records"),
        ("data.jsonl", b'{"prompt": "\xff", "answer": ""}', "is not UTF-8 text (byte 12)"),
    ],
)
def test_a_bad_file_is_named(write, name, content, complaint):
    path = write(content, name)
    with pytest.raises(DataError) as error:
        read_examples(path, task="own/a")
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_examples(path, task="own/a")
