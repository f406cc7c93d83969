"""What is trained and scored when, for each regime and schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.methods.episodes import Episode, due, episodes, num_steps


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        ("sequential", [Episode(1, (0,)), Episode(2, (1,)), Episode(3, (2,))]),
        ("single", [Episode(1, (0,), True), Episode(2, (1,), True), Episode(3, (2,), True)]),
        ("joint", [Episode(3, (0, 1, 2))]),
        ("frozen", []),
    ],
)
def test_episodes(regime, expected):
    assert episodes(regime, 3) == expected


@pytest.mark.parametrize(
    ("schedule", "rows"),
    [
        ("full", [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]),
        ("seen", [[0, 1, 2], [0], [0, 1], [0, 1, 2]]),
        ("ends", [[], [0], [1], [0, 1, 2]]),
    ],
)
def test_due(schedule, rows):
    assert [due(row, num_tasks=3, schedule=schedule, regime="sequential") for row in range(4)] == rows


@pytest.mark.parametrize("schedule", ["full", "seen", "ends"])
def test_single_scores_what_it_learned_and_frozen_its_only_row(schedule):
    assert [due(row, num_tasks=3, schedule=schedule, regime="single") for row in (1, 2, 3)] == [[0], [1], [2]]
    assert due(0, num_tasks=3, schedule=schedule, regime="frozen") == [0, 1, 2]


@given(st.integers(1, 9))
def test_ends_measures_what_op_and_bwt_need(size):
    rows = [due(row, num_tasks=size, schedule="ends", regime="sequential") for row in range(size + 1)]
    assert sum(map(len, rows)) == 2 * size - 1
    assert all(row - 1 in rows[row] for row in range(1, size + 1))
    assert rows[size] == list(range(size))


@pytest.mark.parametrize(
    ("regime", "steps"),
    [("sequential", 2 * 7 + 1 * 4), ("single", 2 * 7 + 1 * 4), ("joint", 16), ("frozen", 0)],
)
def test_steps(regime, steps):
    """100 and 50 examples, 2 epochs and 1, 16 a step: the last step of an epoch is a short one."""
    assert num_steps([100, 50], epochs=[2, 1], global_batch=16, regime=regime) == steps
