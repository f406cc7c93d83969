"""The ceiling: 1 where a tokenizer gives every answer back within the limit, and else a note that says why not."""

import kinds
import published
import pytest
import small

from clbench.data.example import Example
from clbench.data.records import read_examples
from clbench.data.tokenising import Encoder
from clbench.evaluation.ceiling import ceiling, is_written, note, tell
from clbench.plugins.registry import registry
from clbench.runs.record import read_record
from clbench.spec.task import Task

SETS = ("C-STANCE", "FOMC", "MeetingBank", "Py150", "ScienceQA", "NumGLUE-cm", "NumGLUE-ds", "20Minuten")


def task_of(strict="exact", **changes):
    content = {"task": "own/kinds", "data": {"files": {"test": "x"}}, "scorers": {"strict": strict}} | changes
    return Task.model_validate(content)


def encoder_of(kind):
    return Encoder(kinds.tokenizer_of(kind), max_prompt=1000, max_answer=1000)


def found_of(kind, records, *, limit=1000, task=None):
    return ceiling(encoder_of(kind), records, task=task or task_of(), limit=limit, scorer=registry().scorer)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_it_is_one_or_the_note_says_why(kind):
    found = found_of(kind, kinds.RECORDS)
    lost = sum(found.reasons.values())
    assert found.scores["strict"] == pytest.approx(1 - lost / len(kinds.RECORDS))
    assert (note("own/kinds", found) is None) == (lost == 0)
    assert kind not in kinds.LOSSLESS or lost == 0


def test_reasons_are_told_apart_and_name_their_records():
    records = [
        Example("own/kinds", "Say:", answer)
        for answer in ("red", "🙂", "red\ncat", "Red", "red " * 30, "dog cat", "🙂", "🙂", "🙂", "🙂", "🙂")
    ]
    found = found_of("words", records, limit=20)
    assert found.reasons == {
        "of characters that the tokenizer does not know": 7 - 1,
        "without their line breaks": 1,
        "changed by the tokenizer": 1,
        "longer than 20 tokens": 1,
    }
    assert found.named["of characters that the tokenizer does not know"] == (2, 7, 8, 9, 10)
    told, warnings = [], {}
    tell({"own/kinds": found}, warnings=warnings, say=told.append)
    assert told == list(warnings) == [note("own/kinds", found)]
    assert "no model can score above 0.1818 (strict) and 0.1818 (lenient)" in told[0]
    assert "6 of 11 answers are of characters that the tokenizer does not know (records 2, 7, 8, 9, 10, …)" in told[0]
    assert "1 of 11 answers are longer than 20 tokens (record 5)" in told[0]


def test_a_scorer_that_forgives_leaves_nothing_to_tell():
    records = [Example("own/kinds", "Say:", "red cat"), Example("own/kinds", "Say:", " red cat")]
    assert found_of("words", records).scores["strict"] == 0.5
    assert note("own/kinds", found_of("words", records, task=task_of("stripped"))) is None


def test_what_the_scorer_gives_to_the_answers_themselves_is_no_fault_of_the_tokenizer():
    """No answer, which no scorer gives anything for: below 1, without a note."""
    records = [Example("own/kinds", "Say:", "red cat"), Example("own/kinds", "Say:", "")]
    found = found_of("bytes", records)
    assert found.scores["strict"] == 0.5
    assert note("own/kinds", found) is None


def test_an_answer_ends_where_the_evaluation_ends_it():
    records = [Example("own/kinds", "Say:", "red cat\nhawk")]
    found = found_of("bytes", records, task=task_of("exact", stop=["\n"]))
    assert found.scores["strict"] == 0
    assert sum(found.reasons.values()) == 1


def test_choices_that_make_the_same_tokens_are_a_draw():
    task = task_of("likelihood", measure="choice", forms=[{"prompt": "{{ p }}", "answer": "0", "choices": ["a", "b"]}])
    records = [
        Example("own/kinds", "Say:", " Red", (" Red", " red", " cat")),
        Example("own/kinds", "Say:", " dog", (" dog", " cat")),
    ]
    found = found_of("words", records, task=task)
    assert found.scores["strict"] == 0.75
    assert found.named == {"of choices that make the same tokens": (1,)}
    assert found_of("bytes", records, task=task).scores["strict"] == 1


def test_only_what_a_model_writes_has_one():
    scorer = registry().scorer
    assert is_written(task_of(), scorer)
    assert not is_written(task_of("passes_tests"), scorer)


# --- in a run


@pytest.fixture
def lossy(tmp_path):
    """A model whose tokenizer folds letters and knows no line breaks."""
    tokenizer = kinds.tokenizer_of("words")
    return small.save(tmp_path / "lossy", small.make_llama(len(tokenizer)), tokenizer)


def stream_of(folder, answers):
    path = small.write_stream(folder, tasks=["own/word"])
    for split in ("train", "test"):
        records = [Example("own/word", f"Say {place}:", answer) for place, answer in enumerate(answers)]
        small.write_jsonl(folder / f"word.{split}.jsonl", records)
    content = path.read_text(encoding="utf-8").replace("strict: fuzz_levenshtein", "strict: exact")
    path.write_text(content, encoding="utf-8")
    return path


def test_a_run_records_it_and_shows_it_under_r(lossy, tmp_path, call):
    stream = stream_of(tmp_path / "data", ["red", "cat", "Dog"])
    places = ["--runs-dir", tmp_path / "runs", "--leaderboards-dir", tmp_path / "boards"]
    done = call("run", "--stream", stream, "--plugin", "frozen", "--model", lossy, *places)
    assert done.code == 0, done.err
    line = "own/word: no model can score above 0.6667 (strict) and 0.6667 (lenient): "
    line += "1 of 3 answers are changed by the tokenizer (record 3)"
    (path,) = (tmp_path / "boards" / "results").glob("*/*/*.json")
    record = read_record(path)
    assert record.warnings[line] == 1
    assert record.ceilings["own/word"].scores["strict"] == pytest.approx(2 / 3)
    shown = call("show", path)
    assert "ceiling" in shown.out
    assert "0.667" in shown.out
    assert line in shown.out
    assert call("show", path, "--json").json["ceilings"]["own/word"]["records"] == 3
    page = tmp_path / "page.html"
    assert call("report", path, "--out", page).code == 0
    assert '<th scope="row" title="what a model scores whose tokens are all right">ceiling</th>' in page.read_text()


def test_a_tokenizer_that_gives_no_answer_back_is_refused_in_one_line(lossy, tmp_path, call):
    stream = stream_of(tmp_path / "data", ["Red", "Cat", "Dog"])
    places = ["--runs-dir", tmp_path / "runs", "--leaderboards-dir", tmp_path / "boards"]
    done = call("run", "--stream", stream, "--plugin", "frozen", "--model", lossy, *places)
    assert done.code == 2
    assert (
        "task 'own/word': the model's tokenizer gives none of the 3 answers back (ceiling 0): 'Red' becomes 'red'"
        in done.err
    )
    assert "Traceback" not in done.err


def test_a_limit_that_cuts_every_answer_is_told_and_not_refused(llama, tmp_path):
    stream = stream_of(tmp_path / "data", ["red cat hawk", "cat hawk red"])
    (done,) = small.run_stream(stream, "frozen", model=llama, home=tmp_path, protocol={"max_answer_tokens": 2})
    assert done.record.ceilings["own/word"].scores["strict"] == 0
    assert any("2 of 2 answers are longer than 2 tokens (records 1, 2)" in one for one in done.record.warnings)


# --- published tokenizers on real records


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", published.NAMES)
def test_published_tokenizers_give_real_answers_back(real_data, name):
    """TRACE's eight sets: 1 (of what their scorers give to the answers themselves), or the note names the records."""
    encoder = Encoder(published.tokenizer_of(name), max_prompt=1 << 30, max_answer=512)
    noted = {}
    for folder in SETS:
        task = registry().catalog().task(f"trace/{folder.lower()}").in_variant("5000")
        records = read_examples(real_data / "trace" / folder / "test.json", task=task.name)[:40]
        asked = encoder.prompts([one.prompt for one in records])
        assert [list(one.ids[: -one.num_answer]) for one in encoder.examples(records)[0]] == asked
        found = ceiling(encoder, records, task=task, limit=min(task.max_new_tokens, 512), scorer=registry().scorer)
        assert found.scores["strict"] > (0.99 if folder == "20Minuten" else 0.9999)
        if said := note(task.name, found):
            noted[folder] = said
    assert noted == {}
