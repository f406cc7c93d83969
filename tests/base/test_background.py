"""One job beside the program's own work, whose error is told to whoever asks next."""

import threading

import pytest

from clbench.base.background import Background


def test_jobs_run_one_after_the_other():
    one, order, gate = Background(), [], threading.Event()
    one.start(lambda: (gate.wait(10), order.append(1)))
    starter = threading.Thread(target=lambda: one.start(lambda: order.append(2)))
    starter.start()
    assert order == [], "the first is going on, and the second waits for it"
    gate.set()
    starter.join()
    one.wait()
    assert order == [1, 2]


@pytest.mark.parametrize("ask", ["wait", "start", "check"])
def test_an_error_is_raised_once_to_whoever_asks_next(ask):
    def fail():
        raise OSError(28, "full")

    one = Background()
    one.start(fail)
    one.settle()
    with pytest.raises(OSError, match="full"):
        one.start(fail) if ask == "start" else getattr(one, ask)()
    one.check()
    one.wait()


def test_nothing_going_on_is_no_matter():
    one = Background()
    one.settle()
    one.check()
    one.wait()
