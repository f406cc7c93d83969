"""Reading prompt/answer records: JSON lists, JSONL, and what is wrong with a file, by line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.data.example import Example
from clbench.data.jsonrows import CHUNK
from clbench.data.records import Reading, pick, read_examples, read_objects, shuffled

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
        ("data.jsonl", '[{"prompt": "p1", "answer": "a1"}, {"prompt": "p2", "answer": ""}]'),
        ("data.jsonl", '{"data": [{"prompt": "p1", "answer": "a1"}, {"prompt": "p2", "answer": ""}]}'),
        (
            "data.json",
            '{\n "version": "1.1",\n "data": [{"prompt": "p1", "answer": "a1"}, {"prompt": "p2", "answer": ""}]}',
        ),
        ("data.json", '{"data": [\n{"prompt": "p1", "answer": "a1"},\n{"prompt": "p2", "answer": ""}]}'),
        ("data.jsonl", '{"prompt": "p1", "answer": "a1", "id": 7}\n{"prompt": "p2", "answer": "", "meta": {"a": [1]}}'),
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
        ("[" * 100_000, "malformed JSON"),
        ('["p", "a"]', "must be an object"),
        ('{"prompt": "p"}', "has no 'answer'; the file's first record has prompt and answer"),
        ('{"prompt": "p", "answer": true}', "answer must be text or a number, got True"),
        ('{"prompt": "p", "answer": NaN}', "answer must be text or a number, got nan"),
        ('{"prompt": null, "answer": "a"}', "prompt must be text or a number, got None"),
        ('{"prompt": "", "answer": "a"}', "the prompt is empty"),
        ('{"prompt": "p", "answer": "a", "answer": "b"}', "the key 'answer' stands twice in an object"),
        ('{"prompt": "p", "answer": "a", "meta": {"x": 1, "y": 2, "x": 3}}', "the key 'x' stands twice in an object"),
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
        ("data.json", '[{"prompt": "p", "answer": "a"}, {"prompt": "p"}]', ": record 2: has no 'answer'"),
        ("data.json", '[{"prompt": "p", "answer": "a"},\n\n{"a": 1, "a": 2}]', ":3: the key 'a' stands twice"),
        ("data.json", '[{"prompt": "p", "answer": "a"}\n{}]', ":2: malformed JSON: ',' is missing"),
        ("data.json", '[{"prompt": "p", "answer": "a"}] 1', ":1: something stands behind the list"),
        ("data.json", '[{"prompt": "p", "answer": "a"}', ":1: malformed JSON: ',' is missing"),
        ("data.json", '[{"prompt": "p", "answer": "a"},\n', ":2: malformed JSON"),
        ("data.json", '{"data": [{"prompt": "p", "answer": 1},\n{"a": 1, "a": 1}]}', "stands twice"),
        ("data.json", '{\n"data": [{"prompt": "p"},\n}', ":3: malformed JSON"),
        ("data.txt", "prompt: p", ":1: malformed JSON: it begins with 'prompt: p'; files are read as .json, "),
        ("data.json", "[]", "holds no records"),
        ("data.jsonl", "\n \n", "holds no records"),
        ("data.jsonl", b'{"prompt": "\xff", "answer": ""}', ":1: is not UTF-8 text (byte 12 of the line)"),
        ("data.json", b'[{"prompt":\n "\xff", "answer": ""}]', ":1: is not UTF-8 text"),
        ("data.json", b'{"data": [{"prompt":\n "\xff", "answer": ""}]}', "is not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named(write, name, content, complaint):
    path = write(content, name)
    with pytest.raises(DataError) as error:
        read_examples(path, task="own/a")
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=40), st.integers(1, 9))
def test_a_list_is_read_the_same_wherever_it_is_cut(tmp_path_factory, pairs, chunk):
    """As it is read in pieces, none of which need hold a whole record, or a whole number."""
    path = tmp_path_factory.mktemp("records") / "data.json"
    records = [{"prompt": prompt, "answer": answer, "n": [1234567, {}]} for prompt, answer in pairs]
    path.write_text(json.dumps(records, indent=1), encoding="utf-8", newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clbench.data.jsonrows.CHUNK", chunk)
        assert [value for _, value in read_objects(path)] == records


def test_a_record_may_be_longer_than_what_is_read_at_once(write):
    long = "x" * (5 * CHUNK)
    path = write(json.dumps([{"prompt": long, "answer": "a"}, {"prompt": "p", "answer": long}]), "data.json")
    assert [len(one.prompt) + len(one.answer) for one in read_examples(path, task="own/a")] == [len(long) + 1] * 2


def test_a_column_named_data_is_no_list_of_records(write):
    lines = '{"data": [{"x": 1}], "y": 2}\n{"data": [], "y": 3}\n'
    assert [value for _, value in read_objects(write(lines))] == [{"data": [{"x": 1}], "y": 2}, {"data": [], "y": 3}]
    assert [value for _, value in read_objects(write('{"data": [1, 2]}'))] == [{"data": [1, 2]}]


@pytest.mark.parametrize("number", ["17", "-3", "1.50", "1e-7", "0.10", "1" * 5000])
def test_a_number_is_the_text_that_stands_there(write, number):
    path = write(f'{{"prompt": 1.0, "answer": {number}}}')
    assert read_examples(path, task="own/a") == [Example("own/a", "1.0", number)]


def test_further_keys_are_counted_once_and_said(write):
    path = write('{"prompt": "p", "answer": "a", "id": 1}\n{"prompt": "p", "answer": "a", "id": 2, "meta": null}')
    reading = Reading()
    read_examples(path, task="own/a", reading=reading)
    assert reading.notes("data.jsonl") == ["data.jsonl: keys that are not read: id (2), meta (1)"]


def test_what_stands_as_it_is_read_needs_no_note(write):
    reading = Reading()
    read_examples(write(json.dumps(GOOD)), task="own/a", reading=reading)
    assert reading.notes("data.jsonl") == []
    assert reading.form == "JSON, one record a line"


@given(st.integers(1, 40), st.none() | st.integers(1, 50), st.none() | st.integers(0, 5))
def test_some_records_are_those_that_cutting_all_of_them_gives(size, cap, seed):
    """Without holding all of them: the boards' records were drawn by shuffling the whole list."""
    assert list(pick(lambda: iter(range(size)), cap, seed)) == shuffled(range(size), seed)[:cap]


def test_what_is_beyond_the_cap_is_not_read(write):
    path = write(json.dumps(GOOD) + "\n" + json.dumps(GOOD) + "\n{")
    assert len(read_examples(path, task="own/a", cap=2)) == 2
    with pytest.raises(DataError, match=":3: malformed"):
        read_examples(path, task="own/a", cap=3)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_examples(path, task="own/a")
