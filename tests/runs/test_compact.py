"""The form in which boards keep records: small, read as what was written, and a changed digit is found."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import TASKS, changes, numbers

from clbench.base.errors import RecordError
from clbench.base.hashing import digest
from clbench.report.notes import utilisation_of
from clbench.runs.boardcopy.common import BOARD_FILE, PARTS
from clbench.runs.boardcopy.common import MARK as MARK_COMMON
from clbench.runs.boardcopy.compact import DRAWN, compacted, record_text, save
from clbench.runs.boardcopy.shorthand import MARK, long, short
from clbench.runs.record import Record, parse, read_record
from clbench.runs.recordparts import Fold


@pytest.fixture
def board(tmp_path):
    """Saves a record where boards keep it: `board(record)` gives its path."""

    def board(record):
        path = record.path(tmp_path)
        save(record, path)
        return path

    return board


def test_a_record_of_eight_tasks_takes_at_most_six_kilobytes(large, board, tmp_path):
    paths = [board(large(seed=seed)) for seed in range(3)]
    assert max(path.stat().st_size for path in paths) < 6000
    large().save(tmp_path / "full.json")
    assert (tmp_path / "full.json").stat().st_size > 18_000
    lines = paths[0].read_text().splitlines()
    rows = numbers(9, 8, seed=0)
    assert sum(line.startswith("   [") for line in lines) == 2 * len(rows), "a row of a matrix is a line"


def test_what_is_written_is_read_again(large, board):
    record = large()
    kept = compacted(record)
    assert read_record(board(record)) == kept
    assert compacted(kept) == kept, "of a compact record the same"
    assert compacted(Record.model_validate(record.model_dump(mode="json"))) == kept


def test_nothing_is_lost_that_a_board_rests_on(large):
    record, kept = large(), compacted(large())
    for role, rows in record.scores.items():
        for row, other in zip(rows, kept.scores[role], strict=True):
            assert other == pytest.approx(row, abs=5.01e-7)
    assert kept.scores["strict"][0][0] == record.scores["strict"][0][0], "shares of 64 records are exact"
    for name in ("board", "method", "seed", "order", "tasks", "costs", "footprint", "warnings", "ceilings", "overlap"):
        assert getattr(kept, name) == getattr(record, name)
    assert kept.fold == record.fold == Fold.of(record.predictions)
    assert kept.provenance == {
        "clbench": "0.1.0",
        "commit": "f9f3683e1ff7+changes",
        "packages": dict.fromkeys(("torch", "transformers", "tokenizers", "numpy"), "1.2.3"),
        "code": {"clbench": "8" * 12, "clbench-mofo": "e" * 12},
        "command": ["clbench", "run", "--plugin", "mofo"],
        "arithmetic": {"cpu_capability": "AVX512", "threads": 1},
    }


def test_what_follows_from_the_rest_is_left_out(large, board):
    content = json.loads(board(large()).read_text())
    assert content["method"]["options"] == {}
    assert sorted(content["errors"]["strict"]) == ["toy/news", "toy/summary", "toy/words"], "not of shares of answers"
    assert sorted(content["probe_errors"]) == ["probes/skills"]
    assert content["warnings"]["truncated answers in evaluation"]["toy/news"] == 63
    assert content[MARK_COMMON] is True, "all that stands beside it"
    assert "board" not in content
    assert "packages" not in content["provenance"]


@given(parts=changes())
def test_any_record_is_read_again(make_record, parts):
    kept = compacted(make_record(**parts))
    assert parse(json.loads(record_text(kept, beside={}))) == kept == compacted(kept)


@given(st.data())
def test_the_short_form_gives_the_content_back(large, data):
    """Where errors, scores and options are any: what is not found again by a rule stands there."""
    content = compacted(large()).model_dump(mode="json", exclude_defaults=True)
    cell = st.none() | st.floats(0, 1).map(lambda value: round(value, 5))
    row, column = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 7))
    content["errors"]["strict"][row][column] = data.draw(cell)
    content["probe_errors"]["probes/facts"][row] = data.draw(cell)
    content["method"]["options"]["mofo"]["fraction"] = data.draw(st.sampled_from([0.05, 0.5, None, 1, True, "x"]))
    again = long(json.loads(json.dumps(short(content))))
    assert json.dumps(again, sort_keys=True) == json.dumps(content, sort_keys=True)


def test_any_changed_digit_is_found(large, board):
    path = board(large())
    text = path.read_text()
    places = [match.start() for match in re.finditer(r"\d", text)]
    for place in places[:: len(places) // 60]:
        other = str((int(text[place]) + 1) % 10)
        path.write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(RecordError, match=re.escape(str(path))):
            read_record(path)
    path.write_text(text)
    read_record(path)


def test_a_changed_board_file_is_found_and_a_lost_one_named(large, board, tmp_path):
    path = board(large())
    beside = path.parent.parent / BOARD_FILE
    text = beside.read_text()
    beside.write_text(text.replace('"learning_rate":0.001', '"learning_rate":0.002'))
    with pytest.raises(RecordError, match="changed after it was written"):
        read_record(path)
    beside.write_text("{}")
    with pytest.raises(RecordError, match=r"board\.json: does not hold what records beside it have in common"):
        read_record(path)
    other = board(large(seed=1))
    assert MARK_COMMON not in json.loads(other.read_text()), "who comes later stands by itself"
    assert read_record(other) == compacted(large(seed=1))
    beside.unlink()
    with pytest.raises(RecordError, match=r"board\.json: cannot be read"):
        read_record(path)
    board(large(seed=2))
    read_record(path)


def test_another_order_of_tasks_stands_in_the_record_itself(large, board):
    first = large()
    board(first)
    turned = dict(reversed(first.ceilings.items()))  # as a run with another order measures them
    other = large(seed=1, tasks=TASKS[::-1], order="order2", run="toy_mofo_tiny_order2_s1_0123abcd", ceilings=turned)
    path = board(other)
    written = json.loads(path.read_text())
    assert [name for name in PARTS if name in written] == ["tasks"]
    assert written[MARK_COMMON] is True, "all that it does not say itself"
    assert read_record(path) == compacted(other)
    assert read_record(path).tasks == tuple(TASKS[::-1])


def test_what_a_record_lacks_is_not_given_to_it_by_its_board(large, board):
    board(large())
    other = large(seed=1, ceilings={})
    path = board(other)
    written = json.loads(path.read_text())
    assert "ceilings" not in written
    assert "ceilings" not in written[MARK_COMMON]
    assert read_record(path) == compacted(other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({MARK: 3}, "is of form 3"),
        ({"scores": 3}, "shorthand cannot be read"),
        ({"scores": {"strict": [], "gain": [[1]]}}, "is no valid record"),
        ({"method": None}, "shorthand cannot be read"),
        ({"warnings": {"x": {"y": "z"}}}, "is no valid record"),
        ({"folded": {"sha256": "0" * 64, "rows": {"00": "12"}}}, "folded.rows.00"),
        ({"predictions": {"predictions/00/a.jsonl": "0" * 64}}, "stand there both whole and folded"),
        ({"digest": None}, None),
        ({"digest": 1}, "changed after it was written"),
        ({MARK_COMMON: 1}, "does not hold what records beside it have in common"),
        ({MARK_COMMON: [[]]}, "does not hold what records beside it have in common"),
    ],
    ids=str,
)
def test_what_is_no_compact_record_is_refused_in_a_line(large, board, change, told):
    path = board(large())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    if told is None:
        assert read_record(path) == compacted(large())
        return
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fold_tells_tables_apart(large):
    table = large().predictions
    fold = Fold.of(table)
    assert Fold.of(dict(reversed(table.items()))) == fold
    assert [fold.count(row) for row in range(10)] == [10] * 9 + [0]
    assert len(list(fold.changed())) == len(table) - fold.count(0)
    many = fold.model_copy(update={"rows": {"11": "aaa", "100": "bbb", "12": "aaa", "99": "ccc"}})
    assert [*many.changed()] == ["99ccc", "100bbb"], "rows by number"
    still = fold.model_copy(update={"rows": {**fold.rows, "02": fold.rows["01"]}})
    assert {one[:2] for one in still.changed()} == {"01", *(f"{row:02d}" for row in range(3, 9))}
    name = next(iter(table))
    assert Fold.of({**table, name: "f" * 64}).sha256 != fold.sha256
    assert Fold.of({path: one for path, one in table.items() if path != name}) != fold


def test_of_a_methods_long_notes_boards_keep_a_hash(large):
    table = {"title": "use", "columns": ["1"], "rows": [{"name": f"own/{n}", "values": [n / 4]} for n in range(40)]}
    notes = {"replay": {"examples": 256, "indices": list(range(300)), DRAWN: table}, "engines": ["greedy"]}
    kept = compacted(large().model_copy(update={"notes": notes}))
    told = {"sha256": digest(notes["replay"]["indices"])[:12]}
    assert kept.notes == {"replay": {"examples": 256, "indices": told, DRAWN: table}, "engines": ["greedy"]}
    assert utilisation_of(kept.notes["replay"])[0] is not None, "what is drawn stays"
    assert compacted(kept) == kept


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--data", "/home/someone/data", "--quiet"], ["--data", "data", "--quiet"]),
        (["--model", "C:\\models\\llama"], ["--model", "llama"]),
        (["-o", "method.file=/mnt/x/list.txt"], ["-o", "method.file=list.txt"]),
        (["--data", "/"], ["--data", "…"]),
        (
            ["--stream", "plans/mine.yaml", "--set", "a.b=c/d", 7],
            ["--stream", "plans/mine.yaml", "--set", "a.b=c/d", 7],
        ),
        (["--runs-dir", "/tmp/runs", "--leaderboards-dir", "boards", "run"], ["run"]),
    ],
)
def test_a_command_says_no_places_of_a_machine(make_record, words, kept):
    found = compacted(make_record(provenance={"command": ["clbench", *words]}))
    assert found.provenance["command"] == ["clbench", *kept]
    assert compacted(found) == found
