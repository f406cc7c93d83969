"""Ways are timed in turn, and as often as there is time."""

import pytest
import torch

from clbench.speed import timing

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only works move."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(("budget", "rounds"), [(0.1, timing.FEWEST), (15.0, 5), (1000.0, timing.MOST)])
def test_rounds_follow_from_the_time_that_there_is(clock, budget, rounds):
    order = []

    def work(name, cost):
        def done():
            order.append(name)
            clock[0] += cost

        return done

    found = timing.in_turn({"a": work("a", 1.0), "b": work("b", 2.0)}, device=CPU, budget=budget)
    assert order == ["a", "b"] * (rounds + 1)
    assert found == {"a": [1.0] * rounds, "b": [2.0] * rounds}
    assert timing.ratio(found["b"], found["a"]) == 2.0


def test_a_ratio_is_the_median_of_pairs():
    assert timing.ratio([1.0, 30.0, 2.0], [1.0, 10.0, 1.0]) == 2.0
