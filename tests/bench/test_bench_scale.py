"""The suite itself grows linearly: boards, streams, files, texts. Run by `pytest --benchmark-only tests/bench`.

Each thing is done at one size and at four times it, in turn, by processor time of one thread; the ratio is 4 where cost
is linear and 16 where it is quadratic. Memory is what Python's allocator held at most.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from types import SimpleNamespace

import pytest
import small

from clbench.boards import index
from clbench.boards.leaderboard import board_text, update
from clbench.data.example import Example
from clbench.data.files import open_rows
from clbench.data.tokenising import Encoder
from clbench.engine.session import prepare
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.summaries import SUMMARIES, compute
from clbench.plugins.registry import registry
from clbench.scoring import load_scorer

TIMES = 4
MOST = 6.0  # of four times the size: linear with room for what a machine does besides
ROUNDS = 3


def grows(work, size):
    """Seconds at a size, and by how much more four times it takes: the least of some rounds each, in turn."""
    found = {size: [], TIMES * size: []}
    for _ in range(ROUNDS):
        for number, times in found.items():
            began = time.process_time()
            work(number)
            times.append(time.process_time() - began)
    return SimpleNamespace(seconds=min(found[TIMES * size]), ratio=min(found[TIMES * size]) / min(found[size]))


def held(work, size):
    """Bytes that Python held at most, beside what was there before."""
    tracemalloc.start()
    work(size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def tell(benchmark, what, found):
    benchmark.extra_info[what] = {"seconds": round(found.seconds, 3), "x": round(found.ratio, 2)}
    benchmark.pedantic(lambda: None, rounds=1)
    print(f"\n{what}: {found.seconds:.3f} s, {found.ratio:.2f} x for {TIMES} x")  # noqa: T201 (shown by -s)


def records(make_record, number):
    return [
        make_record(f"method-{one % 50}", seed=one // 50, final=(one % 50 / 50, one // 50 % 100 / 100))
        for one in range(number)
    ]


def test_a_board_of_records_in_memory(benchmark, make_record):
    made = {number: records(make_record, number) for number in (2_500, 10_000)}
    found = grows(lambda n: board_text("toy", made[n][0].board, made[n], old="", summaries=SUMMARIES), 2_500)
    tell(benchmark, "board of 10,000 records in memory", found)
    assert found.ratio <= MOST


def test_a_board_of_record_files_and_of_one_that_comes_to_it(benchmark, make_record, tmp_path, monkeypatch):
    """All read; then one more, by the index: its own reading, and what every board's text takes."""
    monkeypatch.setattr(index, "FRESH_SECONDS", 0.0)
    for number in (500, 2_000):
        for one in records(make_record, number):
            one.save(one.path(tmp_path / str(number)))
    whole = grows(lambda n: update(tmp_path / str(n), summaries=SUMMARIES), 500)
    tell(benchmark, "board of 2,000 record files", whole)
    indexed = grows(lambda n: update(tmp_path / str(n), summaries=SUMMARIES, indexed=True), 500)
    print(f"the same by the index: {indexed.seconds:.3f} s, {indexed.ratio:.2f} x")  # noqa: T201
    assert whole.ratio <= MOST
    assert indexed.ratio <= MOST
    assert indexed.seconds < whole.seconds / 2


def test_a_stream_of_two_hundred_tasks_is_prepared(benchmark, tmp_path):
    streams = {
        number: small.write_stream(
            tmp_path / str(number), train=2, test=1, tasks=[f"own/task{one}" for one in range(number)]
        )
        for number in (50, 200)
    }
    known, model = registry(), "clbench/tiny"

    def work(number):
        prepare(small.make_request(streams[number], "sequential", model=model, home=tmp_path / "home"), known)

    found = grows(work, 50)
    tell(benchmark, "stream of 200 tasks prepared", found)
    assert found.ratio <= MOST


def test_every_metric_of_two_hundred_tasks(benchmark):
    """R has T² cells, so that sixteen times as many are linear."""

    def work(number):
        rows = [[(i * 7 + j * 3) % 11 / 10 for j in range(number)] for i in range(number + 1)]
        matrix = ResultMatrix(
            tuple(f"t{i}" for i in range(number)), base=tuple(rows[0]), rows=tuple(map(tuple, rows[1:]))
        )
        compute(matrix, SUMMARIES)

    found = grows(work, 50)
    tell(benchmark, "all metrics of 200 tasks", found)
    assert found.ratio <= 1.5 * TIMES**2


def test_rows_of_a_file(benchmark, tmp_path):
    for number in (25_000, 100_000):
        line = json.dumps({"prompt": "what is it? " * 5, "answer": "this"})
        (tmp_path / f"{number}.jsonl").write_text((line + "\n") * number, encoding="utf-8")

    def work(number):
        assert sum(1 for _ in open_rows(tmp_path / f"{number}.jsonl").rows) == number

    found = grows(work, 25_000)
    tell(benchmark, "100,000 rows of a JSONL file", found)
    assert found.ratio <= MOST
    assert held(work, 100_000) < 8 << 20  # bytes: a row at a time


@pytest.mark.parametrize("text", ["word and 17 more. ", "ab", "長い文章。"])
def test_prompts_of_a_hundred_thousand_characters(benchmark, text):
    encoder = Encoder(small.byte_level(), max_prompt=1024, max_answer=64)

    def work(number):
        prompt = (text * number)[:number]
        encoder.examples([Example("own/word", prompt, "an answer")])
        encoder.prompts([prompt])

    found = grows(work, 25_000)
    tell(benchmark, f"a prompt of 100,000 characters ({text!r}), learned and asked", found)
    assert found.ratio <= MOST


@pytest.mark.parametrize("name", ["exact", "letter", "rouge_l", "fuzz_levenshtein", "sari", "final_number"])
def test_answers_of_many_words_are_scored(benchmark, name):
    """Of 1,000 and 4,000 words, beyond any limit of tokens; what compares two texts word by word is their product."""
    score = load_scorer(registry().scorer(name))

    def work(number):
        words = " ".join(str(one % 97) for one in range(number))
        score(prompt=words, prediction=words[5:], answer=words)

    found = grows(work, 1_000)
    tell(benchmark, f"scorer {name}, 4,000 words", found)
    assert found.ratio <= 1.5 * TIMES**2
