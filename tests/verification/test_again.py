"""Numbers of a record that its weights give again."""

import json

import pytest
import small

from clbench.plugins.registry import registry
from clbench.verification.again import Again
from clbench.verification.origins import Origins
from clbench.verification.rederive import Rederived
from clbench.verification.verify import finished


@pytest.fixture(scope="module")
def kept(tmp_path_factory, llama):
    """A run whose last weights were kept, its stream and its home."""
    home = tmp_path_factory.mktemp("again")
    stream = small.write_stream(home / "stream")
    (outcome,) = small.run_stream(stream, "sequential", model=llama, home=home, runtime={"keep_checkpoints": True})
    return outcome.run_dir, stream


def told(kept, llama, change=lambda drift: None):
    """What is wrong with the drift of a record that was changed."""
    run_dir, stream = kept
    text = run_dir.record_path.read_text("utf-8")
    record = json.loads(text)
    change(record["drift"])
    try:
        run_dir.record_path.write_text(json.dumps(record), "utf-8")
        run = Rederived(run_dir, Origins(finished(run_dir), registry(), stream=stream), str(llama))
        return Again(run).drift()
    finally:
        run_dir.record_path.write_text(text, "utf-8")


def test_drift_is_what_the_weights_give(kept, llama):
    assert told(kept, llama) == ""


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda drift: drift.update(kl=drift["kl"] / 2), "KL of all tasks is"),
        (lambda drift: drift["kl_tasks"].update({"own/word": 0.0}), "KL of own/word is 0.0"),
        (lambda drift: drift.pop("kl_tasks"), "KL of own/word is None"),
        (lambda drift: drift.update(relative_l2=0.5), "relative_l2 is 0.5"),
    ],
)
def test_another_drift_is_found(kept, llama, change, wrong):
    assert told(kept, llama, change).startswith(wrong)
