"""Records: what is written is read again, and what is not a record is refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import changes

from clbench.base.errors import RecordError
from clbench.base.hashing import digest
from clbench.metrics.matrix import ResultMatrix
from clbench.runs.record import MethodPart, Record, read_record, slug


@pytest.fixture
def altered(make_record, tmp_path):
    """A record's file after something in it was changed: `altered(("scores", "strict"), value)`."""

    def altered(place, value):
        content = make_record().model_dump(mode="json")
        part = content
        for key in place[:-1]:
            part = part[key]
        if value is ...:
            del part[place[-1]]
        else:
            part[place[-1]] = value
        path = tmp_path / "record.json"
        path.write_text(json.dumps(content))
        return path

    return altered


@given(changes())
def test_json_round_trip(make_record, parts):
    record = make_record(**parts)
    assert Record.model_validate(json.loads(json.dumps(record.model_dump(mode="json")))) == record


def test_file_round_trip(make_record, tmp_path):
    record = make_record(warnings={"trace/c-stance: 截断 answers": 2})
    path = record.path(tmp_path)
    record.save(path)
    assert read_record(path) == record
    assert "截断" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("schema_version",), 2, "schema_version"),
        (("seed",), ..., "seed: Field required"),
        (("seed",), "many", "seed: Input should be a valid integer"),
        (("extra",), 1, "extra: Extra inputs are not permitted"),
        (("scores",), {"lenient": []}, "scores"),
        (("scores", "strict"), [[0.1, 0.2]], "scores.strict: must have 3 rows of 2 cells"),
        (("scores", "strict", 0), [0.1], "scores.strict: must have 3 rows of 2 cells"),
        (("scores", "strict", 0, 0), 1.5, "less than or equal to 1"),
        (("scores", "strict", 0, 0), -0.1, "greater than or equal to 0"),
        (("scores", "strict", 0, 0), "0,5", "valid number"),
        (("scores", "lenient"), ..., None),
        (("scores", "kind"), [], "scores.kind"),
        (("probes",), {"probes/facts": [0.5]}, "probes: each must have 3 rows"),
        (("tasks",), ["toy/a"], "scores.strict: must have 2 rows of 1 cells"),
        (("costs", "steps"), ..., "costs.steps: Field required"),
        (("costs", "train_seconds"), math.nan, "NaN is no number"),
        (("costs", "train_seconds"), math.inf, "Infinity is no number"),
        (("footprint", "memory"), 1, "footprint.memory: Extra inputs"),
        (("method", "regime"), "parallel", "method.regime"),
        (("method", "options"), [], "method.options"),
        (("board", "model"), {"name": "x"}, "model.hash is missing"),
        (("board", "protocol"), {"scorer": "strict"}, "protocol.name is missing"),
        (("board", "protocol"), {"name": "x/1"}, "protocol.scorer is missing"),
        (("board", "protocol", "scorer"), "kind", "scores.kind is missing"),
        (("run",), None, "run: Input should be a valid string"),
        (("run",), "half a pair \ud800", "is not JSON"),
    ],
    ids=str,
)
def test_what_is_no_record_is_refused_with_the_reason(altered, place, value, reason):
    path = altered(place, value)
    if reason is None:
        assert read_record(path).seed == 0
        return
    with pytest.raises(RecordError) as caught:
        read_record(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"null"], ids=repr)
def test_what_is_no_json_object_is_refused(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"record\.json: is no"):
        read_record(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path / "nothing.json")


def test_complaint_is_short_however_wrong_the_file_is(altered):
    with pytest.raises(RecordError) as caught:
        read_record(altered(("scores", "strict"), [["x"] * 2] * 3000))
    assert len(str(caught.value)) < 600


def test_matrix(make_record):
    record = make_record(final=(0.5, 0.75))
    assert record.matrix() == ResultMatrix(("toy/a", "toy/b"), ((0.9, 0.3), (0.5, 0.75)), (0.1, 0.2))
    assert record.matrix("lenient").rows[0] == (0.9, 0.4)


def test_base_row_without_any_cell_was_not_measured(make_record):
    rows = [[None, None], [0.9, None], [0.5, 0.8]]
    assert make_record(scores={"strict": rows, "lenient": rows}).matrix().base is None


def test_note_that_is_not_a_number_does_not_cost_the_record(make_record, tmp_path):
    record = make_record(notes={"loss": math.nan})
    record.save(tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").notes == {"loss": None}


# --- names


def test_path_says_board_method_and_run(make_record, tmp_path):
    record = make_record("replay+mofo", seed=3)
    folder = tmp_path / "results" / record.board.name / "replay+mofo"
    assert record.path(tmp_path) == folder / "toy_replay+mofo_s3_order1.json"


def test_board_name_is_readable_and_has_its_hash(make_record):
    board = make_record().board
    assert board.name == f"toy_tiny_{board.hash[:8]}"
    trace = make_record(board={"stream": "trace", "variant": "500"}).board
    assert trace.name.startswith("trace-500_tiny_")


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "mini"},
        {"stream_version": 2},
        {"protocol": {"name": "toy/2", "scorer": "strict"}},
        {"tasks": "d" * 64},
        {"data": "d" * 64},
        {"model": {"name": "clbench/tiny", "hash": "d" * 64}},
        {"scorer_version": "2"},
        {"train_examples": 5},
        {"test_examples": 5},
    ],
    ids=str,
)
def test_whatever_changes_results_makes_another_board(make_record, change):
    assert make_record(board=change).board.name != make_record().board.name


def test_words_for_people_do_not(make_record):
    assert make_record(board={"changes": {"protocol.epochs": 3}}).board.name == make_record().board.name


@pytest.mark.parametrize(
    ("options", "defaults", "label"),
    [
        ({"mofo": {"fraction": 0.05}}, {"mofo": {"fraction": 0.05}}, "mofo"),
        ({"mofo": {"fraction": 0.1, "scope": 1}}, {"mofo": {"fraction": 0.05, "scope": 1}}, "mofo (fraction=0.1)"),
        ({"mofo": {"a": 1}, "replay": {"n": 2}}, {"mofo": {"a": 1}, "replay": {"n": 1}}, "mofo (replay.n=2)"),
        ({"mofo": {"fraction": 0.1}}, {}, "mofo (fraction=0.1)"),
    ],
    ids=["default", "changed", "composed", "no defaults"],
)
def test_label_shows_the_options_that_are_not_the_default(options, defaults, label):
    part = MethodPart(name="mofo", regime="sequential", options=options, defaults=defaults, packages={})
    assert part.label == label


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mofo", "mofo"),
        ("../../etc/passwd", "etc-passwd"),
        ("a b|c", "a-b-c"),
        ("..", "unnamed"),
        ("新", "unnamed"),
        ("a+b", "a+b"),
    ],
)
def test_slug(text, name):
    assert slug(text) == name


@given(st.text())
def test_slug_is_one_file_name(text):
    name = slug(text)
    assert name
    assert "/" not in name
    assert name not in (".", "..")
    assert slug(name) == name


def test_a_board_without_probes_is_called_as_before_there_were_any(make_record):
    """The name stands in the reports' snapshots, which are older than probes; the rule is that of then."""
    board = make_record().board
    assert board.name == "toy_tiny_e4047a21"
    content = board.model_dump(mode="json", exclude={"changes", "probes", "split"})
    assert board.hash == digest(content) == board.model_copy(update={"changes": {"a": 1}}).hash
    assert board.hash != board.model_copy(update={"tasks": "0" * 64}).hash  # nothing that was computed goes along
    assert "probes" not in content
    assert Record.model_validate(make_record().model_dump(exclude={"board": {"probes"}})).board == board
    other = make_record(board={"probes": {"probes/mmlu": "d" * 64}}).board
    again = make_record(board={"probes": {"probes/mmlu": "e" * 64}}).board
    assert len({board.name, other.name, again.name}) == 3


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("errors",), {"strict": [[0.1, 0.1]]}, r"errors\.strict: must have 3 rows of 2 cells"),
        (("probe_errors",), {"probes/a": [0.1]}, "probes: each must have 3 rows"),
        (("probes",), {"probes/a": [-0.1, 0.0, 0.0]}, "probes"),
        (("probe_changes",), {"probes/a": {"error": 0.1}}, "probe_changes"),
        (("probe_changes",), {"probes/a": {"value": 0.1, "sd": 1}}, "probe_changes"),
    ],
)
def test_malformed_errors_and_changes_are_refused(altered, place, value, reason):
    with pytest.raises(RecordError, match=reason):
        read_record(altered(place, value))
