"""Grids: as many trials for each method, the same ones in every process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import OptionError
from clbench.plans.grid import check_equal, grid_of, points

RATES = {"learning_rate": (1, 2, 3)}


def test_a_grid_is_the_product_of_its_values():
    assert points("a", {"a.x": (1, 2), "a.y": (3, 4)}, trials=None) == [
        {"a.x": 1, "a.y": 3},
        {"a.x": 1, "a.y": 4},
        {"a.x": 2, "a.y": 3},
        {"a.x": 2, "a.y": 4},
    ]


@given(st.integers(1, 12), st.text("ab", min_size=1))
def test_trials_are_drawn_without_repetition_and_alike_everywhere(trials, name):
    grid = {"x": tuple(range(4)), "y": tuple(range(3))}
    drawn = points(name, grid, trials=trials)
    assert drawn == points(name, grid, trials=trials)
    assert len({tuple(one.values()) for one in drawn}) == trials
    assert all(one in points(name, grid, trials=None) for one in drawn)


def test_the_common_grid_holds_for_methods_that_have_the_option():
    common = {**RATES, "mofo.fraction": (0.05, 0.1)}
    assert grid_of("sequential", common=common, own=None) == {"sequential.learning_rate": (1, 2, 3)}
    assert grid_of("mofo", common=common, own=None) == {"mofo.learning_rate": (1, 2, 3), "mofo.fraction": (0.05, 0.1)}
    assert grid_of("replay+mofo", common=common, own=None) == {
        "replay.learning_rate": (1, 2, 3),
        "mofo.fraction": (0.05, 0.1),
    }
    assert grid_of("mofo", common=common, own={"fraction": (0.2,)})["mofo.fraction"] == (0.2,)
    assert grid_of("frozen", common=common, own={}) == {}


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: grid_of("mofo", common={}, own={"hft.share": (1,)}), "grid of mofo: hft.share is no option of it"),
        (lambda: points("mofo", {"x": (1, 2)}, trials=3), "grid of mofo: has 2 points for 3 trials"),
        (lambda: check_equal([("mofo", 4), ("hft", 3)]), "the grids have mofo 4, hft 3 points: set trials"),
    ],
)
def test_what_is_not_fair_is_refused(wrong, complaint):
    with pytest.raises(OptionError, match=complaint):
        wrong()
