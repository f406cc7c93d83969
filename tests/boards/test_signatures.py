"""Signatures: of one content, by a name that can be shown, the highest tier first."""

import pytest

from clbench.base.errors import RecordError
from clbench.base.hashing import digest
from clbench.boards import signatures
from clbench.boards.leaderboard import update
from clbench.boards.render import checked
from clbench.boards.values import rows_of
from clbench.engine.carrying import publish
from clbench.plugins.registry import registry
from clbench.verification.rerun import differences


@pytest.fixture
def board(make_record, tmp_path):
    record = make_record()
    publish(record, tmp_path, registry())
    return tmp_path, record, record.path(tmp_path)


def rendered(folder, *, indexed=False):
    known = registry()
    (done,) = update(folder, summaries=known.summary_specs(), plugins=known.plugins, indexed=indexed)
    return done.path.read_text("utf-8"), done.problems


def test_the_highest_tier_of_the_present_content_counts(board):
    folder, _, path = board
    assert "| reported " in rendered(folder)[0]
    signatures.sign(path, tier="rerun", who="Ann")
    signatures.sign(path, tier="rescored", who="Bob")
    signatures.sign(path, tier="rescored", who="Bob")
    assert [one.who for one in signatures.read(path)] == ["Ann", "Bob"]
    for indexed in (False, True):
        text, problems = rendered(folder, indexed=indexed)
        assert "| rerun (Ann, 20" in text
        assert problems == []


def test_another_content_was_not_signed_for(board, make_record):
    folder, record, path = board
    signatures.sign(path, tier="rerun", who="Ann")
    record.model_copy(update={"notes": {"x": 1}}).save(path)
    text, problems = rendered(folder)
    assert "| reported " in text
    assert "signed for another content" in problems[0]


def test_records_from_before_time_was_counted_by_kind_keep_their_signatures(make_record):
    record = make_record()
    told = record.model_dump(mode="json")
    del told["folded"], told["costs"]["spent"], told["costs"]["share_of_peak"]
    assert signatures.content_hash(record) == digest(told)
    counted = record.model_copy(update={"costs": record.costs.model_copy(update={"spent": {"other": 1.0}})})
    assert signatures.content_hash(counted) != digest(told)


@pytest.mark.parametrize("who", ["", "a\nb", "\x1b[2J", "\u202e", "x" * 81])
def test_a_name_that_cannot_be_shown_is_refused(board, who):
    with pytest.raises(RecordError, match="--sign"):
        signatures.sign(board[2], tier="reported", who=who)
    assert not signatures.signatures_path(board[2]).exists()


@pytest.mark.parametrize("content", ["{}\n", "[1]\n", "no\n", '{"tier": "gold"}\n', "\xff", "[" * 5000])
def test_a_spoilt_file_of_signatures_is_named_and_hides_no_row(board, content):
    signatures.signatures_path(board[2]).write_bytes(content.encode("latin-1"))
    text, problems = rendered(board[0])
    assert "| reported " in text
    assert "holds no signatures" in problems[0]


def test_a_row_is_checked_as_far_as_the_least_of_its_runs(make_record, tmp_path):
    for seed in range(3):
        record = make_record(seed=seed, final=(0.5, 0.1 * seed))
        publish(record, tmp_path, registry())
        signatures.sign(record.path(tmp_path), tier=("rerun", "rescored", "rerun")[seed], who=f"Ann {seed}")
    assert "| rescored (Ann 1, " in rendered(tmp_path)[0]


def test_records_alone_are_reported(make_record):
    (row,) = rows_of([make_record(seed=0), make_record(seed=1)])
    assert checked(row) == "reported"


def test_runs_that_repeat_are_told_from_those_that_do_not(make_record):
    one = make_record()
    slower = one.model_copy(update={"costs": one.costs.model_copy(update={"train_seconds": 99.0}), "provenance": {}})
    assert differences(one, slower) == []
    longer = one.model_copy(update={"costs": one.costs.model_copy(update={"steps": 9})})
    assert differences(one, longer) == ["costs.steps"]
    assert differences(one, make_record(seed=1, final=(0.1, 0.1))) == ["seed", "scores"]
