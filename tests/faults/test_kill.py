"""`kill -9` at any moment, then the same command: the end is that of a run that was never killed.

`CLBENCH_FAULTS=20 pytest tests/faults` (or `tox -e faults`) kills each method twenty times; the ordinary suite fewer.
"""

import os
import random
import time
from collections import Counter

import nursery
import pytest

TIMES = int(os.environ.get("CLBENCH_FAULTS", "0"))
METHODS = ("sequential", "mofo", "replay", "gem", "loramoe", "replay+mofo")
AIMS = (None, "training", "evaluating", None, "saving", "recording")  # None: any moment
CHOSEN = METHODS if TIMES else ("sequential", "replay+mofo")


@pytest.fixture(scope="module", autouse=True)
def imported():
    """What a child would have to import; torch must not have started threads before a fork."""
    import torch

    import clbench.engine.runner  # noqa: F401
    from clbench.data.tokenising import Encoder  # noqa: F401

    torch.set_num_threads(1)
    import accelerate  # noqa: F401

    from clbench.models.loading import BUNDLED, describe, load_model
    from clbench.spec.protocol import Runtime

    load_model(describe(BUNDLED), device="cpu", runtime=Runtime())  # so that a child does not die while it imports


def aimed(child, home, rng, *, aim, longest):
    """Kill a child at any moment, or within a phase; whether it still lived."""
    if aim is None:
        return nursery.kill_after(child, rng.uniform(0.05, max(0.3, longest)))
    return nursery.kill_in(child, home, aim, seconds=rng.uniform(0, 0.02))


@pytest.mark.faults
@pytest.mark.parametrize("method", CHOSEN)
def test_killed_at_random_moments_a_run_ends_as_if_it_had_not_been(method, tmp_path):
    for part in method.split("+"):
        pytest.importorskip(f"clbench_{part}") if part != "sequential" else None
    whole = tmp_path / "whole"
    whole.mkdir()
    began = time.monotonic()
    assert nursery.finish(nursery.start(nursery.command(method, whole), log=whole / "log")) == 0, (
        whole / "log"
    ).read_text("utf-8")
    seconds = time.monotonic() - began
    expected = nursery.result(whole)
    home = tmp_path / "killed"
    home.mkdir()
    rng, phases, killed = random.Random(f"faults {method}"), Counter(), 0
    wanted = TIMES or 4
    while killed < wanted:
        since = nursery.said(home)
        child = nursery.start(nursery.command(method, home), log=home / "log")
        if aimed(child, home, rng, aim=AIMS[killed % len(AIMS)], longest=seconds / 3):
            os.waitpid(child, 0)
            killed += 1
            phases[nursery.phase(home, since=since)] += 1
        else:  # it came to its end; begin again in a new home
            assert nursery.result(home) == expected
            home = tmp_path / f"killed-{killed}"
            home.mkdir()
    assert nursery.finish(nursery.start(nursery.command(method, home), log=home / "log")) == 0, (
        home / "log"
    ).read_text("utf-8")[-2000:]
    assert nursery.result(home) == expected
    assert not list(home.rglob("*.part"))
    assert not list(home.rglob("checkpoints/*"))
    print(f"{method}: killed {killed} times, while {dict(phases)}; {seconds:.1f} s uninterrupted")  # noqa: T201 (the campaign's table)
