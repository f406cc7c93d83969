"""Figures to hold of the light half; run by `pytest --benchmark-only tests/bench`. Limits: DESIGN §10."""

import subprocess
import sys

import pytest

from clbench.boards.leaderboard import board_text, update
from clbench.metrics.summaries import SUMMARIES


@pytest.fixture(scope="module")
def many(make_record):
    """10,000 records: 50 methods, 100 seeds, two orders."""
    return [
        make_record(f"method-{number}", seed=seed, order=order, final=(number / 50, seed / 100))
        for number in range(50)
        for seed in range(100)
        for order in ("order1", "order2")
    ]


def test_ten_thousand_records_to_markdown(benchmark, many):
    board = many[0].board
    text = benchmark.pedantic(lambda: board_text("toy", board, many, old="", summaries=SUMMARIES), rounds=3)
    assert text.count("| method-") == 100  # a row of results and a row of costs each


def test_a_thousand_records_from_files(benchmark, many, tmp_path):
    for record in many[:1000]:
        path = record.path(tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(record.model_dump_json(), encoding="utf-8")
    (done,) = benchmark.pedantic(lambda: update(tmp_path, summaries=SUMMARIES), rounds=3)
    assert done.problems == []


@pytest.mark.parametrize("command", ["--help", "plugins"])
def test_start(benchmark, command, install, tmp_path, process_env):
    """With a good and two broken packages installed."""
    site = install(tmp_path / "site", "clbench-example", "clbench-import", "clbench-exit")
    environment = process_env(PYTHONPATH=str(site))
    done = benchmark.pedantic(
        lambda: subprocess.run(
            [sys.executable, "-m", "clbench", command], env=environment, capture_output=True, cwd=tmp_path
        ),
        rounds=5,
        warmup_rounds=1,
    )
    assert done.returncode == 0
