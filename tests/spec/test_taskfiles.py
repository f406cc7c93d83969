"""Task and stream files: what is shipped is valid, and every complaint names file and line."""

from pathlib import Path

import pytest

from clbench.base.errors import ClbenchError, FileError, UnknownNameError
from clbench.base.home import packaged
from clbench.spec.stream import Stream
from clbench.spec.task import Task
from clbench.spec.taskfiles import Catalog, build, read_task, read_yaml

ROOT = packaged("tasks")
SHIPPED = Catalog.find([ROOT])
TASK = """\
task: toy/a
data:
  files: {test: a.jsonl}
scorers:
  strict: exact
"""
STREAM = """\
stream: toy
tasks:
  - trace/fomc
  - trace/py150
variants:
  mini:
    source: mini
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="file.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def complaint(function, *arguments):
    """The one line that a wrong file gives, from its name on."""
    with pytest.raises(ClbenchError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert "pydantic" not in message
    return message[message.index("file.yaml") :]


def test_every_file_that_is_shipped_is_found():
    tables = (SHIPPED.task_paths, SHIPPED.stream_paths, SHIPPED.preset_paths, SHIPPED.group_paths)
    found = {path for table in tables for path in table.values()}
    assert found == {path for path in ROOT.rglob("*.yaml") if not path.name.startswith("_")}


@pytest.mark.parametrize("name", SHIPPED.task_paths)
def test_shipped_task_is_valid_and_its_name_is_its_path(name):
    task = SHIPPED.task(name)
    assert ROOT / f"{task.name}.yaml" == SHIPPED.task_paths[name]
    assert task.summary
    assert task.source


@pytest.mark.parametrize("name", SHIPPED.stream_paths)
def test_shipped_stream_is_valid_and_its_name_is_its_file(name):
    loaded = SHIPPED.stream(name)
    assert loaded.stream.name == name
    assert set(loaded.tasks) >= set(loaded.stream.task_names)
    assert loaded.stream.summary


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: [", "file.yaml:1: malformed YAML"),
        ("task: a\n  b: c\n", "file.yaml:2: malformed YAML"),
        ("a: 1\nb: 2\na: 3\n", "file.yaml:3: key 'a' stands twice"),
        ("a:\n  b: 1\n  b: 2\n", "file.yaml:3: key 'b' stands twice"),
        ("a: &x 1\nb: *x\n", "file.yaml:1: aliases (*name) are not allowed"),
        ("a: &x [*x]\n", "file.yaml:1: aliases (*name) are not allowed"),
        ("a: 1\n? [b, c]\n: d\n", "file.yaml:2: a key must be a word"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "file.yaml:2: malformed YAML"),
        ("- a\n", "file.yaml:1: must be a mapping"),
        ("", "file.yaml:1: must be a mapping"),
        ("1: a\n", "file.yaml:1: must be a mapping"),
        ("a: 1\x00", "file.yaml:1: malformed YAML"),
        ("a: 2001-99-99\n", "file.yaml:1: malformed YAML"),
        ("a: " + "[" * 3000, "file.yaml:1: malformed YAML"),
        (b"a: \xff\xfe", "file.yaml: is not UTF-8 text"),
        ("#" * 200_001, "file.yaml: is larger than 200,000 bytes"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_yaml_mapping_is_refused(write, text, message):
    assert complaint(read_yaml, write(text)).startswith(message)


def test_missing_file_and_folder_are_refused(tmp_path):
    assert "cannot be read (No such file" in complaint(read_yaml, tmp_path / "file.yaml")
    (tmp_path / "file.yaml").mkdir()
    assert "cannot be read (Is a directory" in complaint(read_yaml, tmp_path / "file.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TASK + "max_new_token: 4\n", "file.yaml:6: unknown key 'max_new_token'; did you mean 'max_new_tokens'?"),
        (TASK + "max_new_tokens: many\n", "file.yaml:6: max_new_tokens: Input should be a valid integer"),
        (TASK + "\nversion: 0\n", "file.yaml:7: version: Input should be greater than or equal to 1"),
        (TASK + "side:\n  - sari\n  - 3\n", "file.yaml:8: side.1: Input should be a valid string"),
        (TASK + "template:\n  answer: '[A'\n", "file.yaml:7: template.answer: is no regular expression"),
        (
            TASK.replace("strict", "strikt"),
            "file.yaml:4: key 'scorers.strict' is missing; unknown key 'scorers.strikt'",
        ),
        (TASK.replace("test:", "tests:"), "file.yaml:3: key 'data.files.test' is missing"),
        (TASK.replace("{test: a.jsonl}", "7"), "file.yaml:3: data.files: Input should be a valid string"),
        (TASK.replace("task: toy/a", "task: Toy A"), "file.yaml:1: task: String should match pattern"),
        ("task: toy/a\n", "file.yaml:1: key 'data' is missing; key 'scorers' is missing"),
        (
            TASK + "variants:\n  mini:\n    max_new_tokens: 0\n",
            "file.yaml:8: variants.mini.max_new_tokens: Input should be greater than or equal to 1",
        ),
    ],
)
def test_complaint_about_a_task_names_the_line(write, text, message):
    assert complaint(read_task, write(text)).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STREAM + "protocl: {}\n", "file.yaml:8: unknown key 'protocl'; did you mean 'protocol'?"),
        (STREAM.replace("trace/py150", "Trace/Py150"), "file.yaml:4: tasks.1: String should match pattern"),
        (STREAM.replace("trace/py150", "trace/fomc"), "file.yaml:2: tasks: a task stands twice"),
        (STREAM.replace("trace/py150", "trace/py15"), "file.yaml:4: no task 'trace/py15'; did you mean 'trace/py150'"),
        (STREAM + "    folders: x\n", "file.yaml:8: unknown key 'variants.mini.folders'"),
        (STREAM + "    protocol:\n      epoch: 2\n", "file.yaml:9: variants.mini.protocol.epoch: Extra inputs"),
        (STREAM + "protocol:\n  warmup_ratio: 2\n", "file.yaml:9: protocol.warmup_ratio: Input should be less than 1"),
        (STREAM + "orders:\n  other: [trace/fomc]\n", "file.yaml:9: orders.other: must hold each"),
        (STREAM + "prefer: [mni]\n", "file.yaml:8: prefer: no variant 'mni'; did you mean 'mini'?"),
        (
            "stream: toy\ntasks:\n  toy/a:\n    scorers: {strict: exact}\n    dat: {files: {test: a}}\n",
            "file.yaml:3: key 'data' is missing; unknown key 'dat'; did you mean 'data'?",
        ),
    ],
)
def test_complaint_about_a_stream_names_the_line(write, text, message):
    assert complaint(SHIPPED.stream_file, write(text)).startswith(message)


def test_of_many_complaints_some_are_said(write):
    path = write("".join(f"key{number}: 1\n" for number in range(500)))
    with pytest.raises(FileError) as error:
        read_task(path)
    assert str(error.value).count("unknown key") < 20


def test_stream_file_with_inline_and_known_tasks(write):
    inline = "  toy/a:\n    data: {files: {test: a.jsonl}}\n    scorers: {strict: exact}\n"
    path = write(f"stream: toy\ntasks:\n{inline}  trace/fomc:\n")
    loaded = SHIPPED.stream(str(path))
    assert loaded.stream.task_names == ("toy/a", "trace/fomc")
    assert loaded.tasks["trace/fomc"] == SHIPPED.task("trace/fomc")
    assert loaded.base_dir == path.parent


def test_include_gives_what_the_file_does_not_say(write):
    write("data: {files: {test: a.jsonl}}\nscorers: {strict: exact}\nmax_new_tokens: 9\n", "_base.yaml")
    task = read_task(write("include: _base.yaml\ntask: toy/a\nmax_new_tokens: 3\n"))
    assert (task.name, task.max_new_tokens, task.scorers.strict) == ("toy/a", 3, "exact")


def test_wrong_value_in_an_include_is_named(write):
    write("data: {files: {test: a.jsonl}}\nscorers: {strict: exact}\nmax_new_tokens: 0\n", "_base.yaml")
    assert "max_new_tokens: Input should be" in complaint(read_task, write("include: _base.yaml\ntask: toy/a\n"))


def test_include_that_is_not_there_is_refused(write):
    with pytest.raises(FileError, match=r"_base\.yaml: cannot be read"):
        read_task(write("include: _base.yaml\ntask: toy/a\n"))


@pytest.mark.parametrize("name", ["toy/a.yaml", "streams/toy.yaml"])
def test_two_files_with_one_name_are_refused_with_both_paths(write, tmp_path, name):
    paths = [write(TASK, f"{root}/{name}") for root in ("one", "two")]
    with pytest.raises(FileError) as caught:
        Catalog.find([tmp_path / "one", tmp_path / "two"])
    assert all(str(path) in str(caught.value) for path in paths)


def test_single_stream_file_cannot_take_the_name_of_another(write, tmp_path):
    with pytest.raises(FileError, match="the name 'trace' is taken by"):
        Catalog.find([ROOT], streams=[write(STREAM, "trace.yaml")])
    assert Catalog.find([ROOT], streams=[write(STREAM, "toy.yaml")]).stream("toy").stream.name == "toy"


@pytest.mark.parametrize(("name", "text", "read"), [("toy/b", TASK, "task"), ("streams/b", STREAM, "stream")])
def test_file_must_say_the_name_that_its_path_says(write, tmp_path, name, text, read):
    write(text, f"{name}.yaml")
    catalog = Catalog.find([ROOT, tmp_path])
    with pytest.raises(FileError, match=r"b\.yaml:1: says (task 'toy/a'|stream 'toy'), but its path"):
        getattr(catalog, read)(name.removeprefix("streams/"))


@pytest.mark.parametrize(
    ("kind", "name", "hint"), [("task", "trace/fom", "trace/fomc"), ("stream", "trce", "trace")]
)  # fmt: skip
def test_unknown_name_is_refused_with_the_nearest(kind, name, hint):
    with pytest.raises(UnknownNameError, match=f"no {kind} '{name}'; did you mean '{hint}'"):
        getattr(SHIPPED, kind)(name)


def test_stream_path_that_is_not_there_is_refused():
    with pytest.raises(FileError, match=r"mine\.yaml: cannot be read"):
        SHIPPED.stream("mine.yaml")


def test_files_that_begin_with_an_underscore_are_templates(write, tmp_path):
    write(TASK, "toy/_a.yaml")
    assert Catalog.find([tmp_path]) == Catalog({}, {})


def test_lines_are_those_of_the_file(write):
    document = read_yaml(write("# comment\n\na:\n  b: [1,\n    2]\n"))
    assert document.lines[("a", "b", 1)] == 5
    assert document.where(("a", "b", "nothing")).endswith("file.yaml:4")
    assert document.where(()).endswith("file.yaml:3")


def test_build_takes_a_document_as_it_is(write):
    assert isinstance(build(Task, read_yaml(write(TASK))), Task)
    assert isinstance(build(Stream, read_yaml(write(STREAM))), Stream)
    assert isinstance(ROOT, Path)
