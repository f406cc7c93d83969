"""Two processes with one device each (gloo): the schedule, losses and R of one, as the global batch is pinned.

One pair of processes does the runs of all methods, since it takes longer to begin than to train.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small

from clbench.runs.record import read_record

TESTS = Path(small.__file__).parent
NO_DROPOUT = {name: {"dropout": 0.0} for name in ("ilora", "lora", "loramoe")}  # processes draw masks of their own
METHODS = {
    "sequential": "clbench",
    "mofo": "clbench_mofo",
    "hft": "clbench_mofo",
    "replay": "clbench_replay",
    "gem": "clbench_gem",
    "ewc": "clbench_penalty",
    "lora": "clbench_peft",
    "migu": "clbench_peft",
    "loramoe": "clbench_loramoe",
    "ilora": "clbench_adapters",
    "sapt": "clbench_adapters",
}


def there(method):
    try:
        __import__(METHODS[method])
    except ImportError:
        return False
    return True


def carry_out(stream, model, home, methods):
    """What each process does."""
    for method in methods:
        small.run_stream(
            Path(stream),
            method,
            model=model,
            home=Path(home),
            options={method: NO_DROPOUT[method]} if method in NO_DROPOUT else {},
            protocol={"learning_rate": 1e-3},
            runtime={"micro_batch": 2},
        )


def told(home, method):
    """Losses, learning rates and the record of a method's run."""
    (folder,) = home.glob(f"runs/*_{method}_*")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    steps = [(one["step"], one["loss"], one["learning_rate"]) for one in events if one["event"] == "step"]
    (record,) = (home / "leaderboards" / "results").rglob(f"{folder.name}.json")
    return steps, read_record(record).model_dump(mode="json")


@pytest.fixture(scope="module")
def homes(tmp_path_factory, llama):
    """Of two processes, and of one."""
    root = tmp_path_factory.mktemp("processes")
    stream, methods = small.write_stream(root / "stream"), [one for one in METHODS if there(one)]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    given = [str(stream), str(llama), str(root / "two"), *methods]
    done = subprocess.run(
        [sys.executable, *launch, *given], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    carry_out(stream, llama, root / "one", methods)
    return root / "two", root / "one"


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_are_as_one(homes, method):
    pytest.importorskip(METHODS[method])
    (steps, record), (alone, expected) = (told(home, method) for home in homes)
    assert [(step, rate) for step, _, rate in steps] == [(step, rate) for step, _, rate in alone]
    assert [loss for _, loss, _ in steps] == pytest.approx([loss for _, loss, _ in alone], abs=2e-4)
    assert record["scores"] == expected["scores"]
    for name in ("steps", "train_tokens", "train_examples"):
        assert record["costs"].get(name) == expected["costs"].get(name)


if __name__ == "__main__":
    carry_out(*sys.argv[1:4], sys.argv[4:])
