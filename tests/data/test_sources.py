"""Records from files, the generator, the archive and plugins, cut to a plan's caps and pinned by a hash."""

import json
from types import SimpleNamespace

import pytest
import small

from clbench.base.errors import ClbenchError, DataError
from clbench.data.archives import trace as archive
from clbench.data.sources import data_hash, installed, load_stream_data
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.manager import load_plugins
from clbench.plugins.registry import registry
from clbench.spec.stream import resolve


def plan_of(stream, variant="files", *, order=None, **caps):
    loaded = registry().catalog().stream(str(stream))
    return resolve(
        loaded.stream,
        tasks=loaded.tasks,
        base_dir=loaded.base_dir,
        variant=variant,
        order=order,
        changes={"stream": caps},
    )


# --- a user's own files


def test_files_beside_a_stream_are_read_in_its_order(tmp_path):
    path = small.write_stream(tmp_path)
    data = load_stream_data(plan_of(path, order="stance,word,number"))
    assert [one.task.name for one in data] == ["own/stance", "own/word", "own/number"]
    assert data[1].train == tuple(small.examples(6, task="own/word", seed=5))
    assert data[1].test == tuple(small.examples(3, task="own/word", seed=4))


def test_caps_take_the_first_records(tmp_path):
    path = small.write_stream(tmp_path)
    full, cut = load_stream_data(plan_of(path)), load_stream_data(plan_of(path, train_examples=2, test_examples=1))
    for one, other in zip(full, cut, strict=True):
        assert (other.train, other.test) == (one.train[:2], one.test[:1])


def test_the_hash_is_of_the_content_and_not_of_the_order(tmp_path):
    path = small.write_stream(tmp_path)
    whole = data_hash(load_stream_data(plan_of(path)))
    assert data_hash(load_stream_data(plan_of(path, order="stance,word,number"))) == whole
    assert data_hash(load_stream_data(plan_of(path, train_examples=2))) != whole
    small.write_jsonl(tmp_path / "word.test.jsonl", small.examples(3, task="own/word", seed=77))
    assert data_hash(load_stream_data(plan_of(path))) != whole


def test_the_hash_tells_training_records_from_test_records(tmp_path):
    """The same records, cut elsewhere."""
    some = small.examples(6)
    hashes = set()
    for number in (2, 3):
        path = small.write_stream(tmp_path / str(number), tasks=["own/word"])
        small.write_jsonl(path.parent / "word.train.jsonl", some[:number])
        small.write_jsonl(path.parent / "word.test.jsonl", some[number:])
        hashes.add(data_hash(load_stream_data(plan_of(path))))
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"word\.train\.jsonl: cannot be read \(No such file"),
        ("", r"word\.train\.jsonl: holds no records"),
        ('{"prompt": "p", "answer": "a"}\n{"prompt": "p"}', r"word\.train\.jsonl:2: has no 'answer'"),
        ('{"prompt": "p", "answer": "a"}\n{"prompt": "p", "answer": ""}', "'own/word': training record 2 has an empty"),
    ],
)
def test_bad_files_are_named(tmp_path, content, complaint):
    path = small.write_stream(tmp_path)
    train = tmp_path / "word.train.jsonl"
    train.unlink() if content is None else train.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        load_stream_data(plan_of(path))


def test_a_task_without_training_records_is_refused(tmp_path):
    path = small.write_stream(tmp_path)
    path.write_text(path.read_text().replace("train: word.train.jsonl", "eval: word.train.jsonl"), encoding="utf-8")
    with pytest.raises(DataError, match=r"'own/word': data.files names no train file"):
        load_stream_data(plan_of(path))


# --- generated records


def test_generated_records_have_the_sizes_asked_for_and_no_overlap():
    small_one = load_stream_data(plan_of("trace", "mini", train_examples=3, test_examples=2))
    larger = load_stream_data(plan_of("trace", "mini", train_examples=5, test_examples=2))
    for one, other in zip(small_one, larger, strict=True):
        assert (len(one.train), len(one.test)) == (3, 2)
        assert other.train[:3] == one.train
        assert other.test == one.test
        assert not {record.prompt for record in other.train} & {record.prompt for record in other.test}
        assert one.task.template.fits(prompt=one.train[0].prompt, answer=one.train[0].answer)


def test_an_unknown_generated_form_is_refused(tmp_path):
    path = small.write_stream(tmp_path, tasks=["own/word"])
    text = path.read_text().replace("files:", "mini: fomk\n      files:")
    path.write_text(text + "variants: {made: {source: mini}}\n", encoding="utf-8")
    with pytest.raises(DataError, match="no generated form 'fomk'; did you mean 'fomc'"):
        load_stream_data(plan_of(path, "made"))


# --- the archive


def test_registered_records_are_read(home, tmp_path):
    folder = small.write_archive(tmp_path, variant="1000", size=3)
    assert not installed("trace", folder.name)
    archive.register({"1000": folder})
    assert installed("trace", folder.name)
    data = load_stream_data(plan_of("trace", "1000", test_examples=2))
    for task, one in zip(small.TRACE_FORMS, data, strict=True):
        written = json.loads((folder / task / "train.json").read_text(encoding="utf-8"))
        assert [{"prompt": record.prompt, "answer": record.answer} for record in one.train] == written
        assert len(one.test) == 2


def test_records_that_are_not_here_say_how_to_get_them(home):
    with pytest.raises(DataError, match=r"'5000' is not installed.*clbench data add trace PATH.*trace:mini"):
        load_stream_data(plan_of("trace", "5000"))
    assert installed("mini", "")


def test_a_folder_that_the_archive_does_not_have_is_refused(home, tmp_path):
    path = small.write_stream(tmp_path, tasks=["own/word"])
    text = path.read_text().replace("files:", "trace: FOMC\n      files:")
    path.write_text(text + "variants: {more: {source: trace, folder: LLM-CL-Benchmark_50}}\n", encoding="utf-8")
    with pytest.raises(ClbenchError, match="no folder of the TRACE archive 'LLM-CL-Benchmark_50'; did you mean"):
        load_stream_data(plan_of(path, "more"))
    with pytest.raises(ClbenchError, match="no folder of the TRACE archive"):
        installed("trace", "LLM-CL-Benchmark_50")


# --- a plugin's source


def test_a_plugins_source_is_asked_by_name(tmp_path):
    asked = []

    @hookimpl
    def clbench_load_dataset(source, locator, split):
        asked.append((source, locator, split))
        return [{"prompt": f"{locator} {number}", "answer": split} for number in range(4)] if source == "lab" else None

    plugins = load_plugins()
    plugins.manager.register(SimpleNamespace(clbench_load_dataset=clbench_load_dataset), name="lab")
    path = small.write_stream(tmp_path, tasks=["own/word"])
    text = path.read_text().replace("files:", "lab: words\n      files:")
    path.write_text(text + "variants: {lab: {source: lab}}\n", encoding="utf-8")
    (data,) = load_stream_data(plan_of(path, "lab", train_examples=2), plugins=plugins)
    assert asked == [("lab", "words", "train"), ("lab", "words", "test")]
    assert [(one.prompt, one.answer) for one in data.train] == [("words 0", "train"), ("words 1", "train")]
    assert len(data.test) == 4
    with pytest.raises(DataError, match="no source 'lab'"):
        load_stream_data(plan_of(path, "lab"), plugins=load_plugins())
