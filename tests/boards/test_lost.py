"""Answers then and now: which were lost, and how sure their sum, BWT, is of one run."""

import numpy as np
import pytest

from clbench.boards.lost import Lost, bwt_error, lost_of


def both(then, now):
    return [Lost("q", "a", "", "", one, other) for one, other in zip(then, now, strict=True)]


def test_the_error_of_bwt_is_that_of_a_bootstrap_over_the_records():
    """Of each task's records as pairs, independently of the other tasks' (Efron 1979), on graded and binary scores."""
    generator = np.random.default_rng(0)
    binary = generator.integers(0, 2, (2, 300)).astype(float)
    graded = generator.random((2, 200))
    graded[1] = np.clip(graded[0] - 0.2 * generator.random(200), 0, 1)  # what was hard stays hard
    answers = {"a": both(*binary), "b": both(*graded)}
    found = bwt_error(answers)
    draws = []
    for _ in range(4000):
        changes = []
        for then, now in (binary, graded):
            places = generator.integers(0, len(then), len(then))
            changes.append((now - then)[places].mean())
        draws.append(sum(changes) / 2)
    assert found == pytest.approx(np.std(draws), rel=0.04)
    unpaired = np.hypot(*[np.hypot(*(part.std() for part in rows)) / len(rows[0]) ** 0.5 for rows in (binary, graded)])
    assert found < 0.95 * unpaired / 2


def test_of_one_record_and_of_no_task_nothing_is_known():
    assert bwt_error({}) is None
    assert bwt_error({"a": both([1.0], [0.0]), "b": both([1.0, 0.0], [0.0, 0.0])}) is None


def test_lost_is_what_was_right_and_is_wrong():
    every = both([1.0, 1.0, 0.5, 0.4, 0.0], [0.0, 0.5, 0.4, 0.0, 1.0])
    assert lost_of(every) == [every[0], every[2]]
    assert lost_of(every, right=1.0) == [every[0], every[1]]
