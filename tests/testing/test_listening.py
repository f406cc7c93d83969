"""What is heard while a hook runs: the method's writes, and not the run's own sign of life from another thread."""

import threading

import pytest

from clbench.base.background import Background
from clbench.testing.audit import Watch, listening


@pytest.fixture
def told(tmp_path):
    faults = []
    (tmp_path / "runs").mkdir()
    watch = Watch(tmp_path, tmp_path / "allowed", {"some"}, lambda name, what: faults.append((name, what)))

    def during(act):
        with listening(watch):
            act()
        return faults

    return during


def test_the_runs_sign_of_life_is_not_the_methods(told, tmp_path):
    def act():
        thread = threading.Thread(target=(tmp_path / "runs" / ".owner").write_text, args=("alive",))
        thread.start()
        thread.join()

    assert told(act) == []


def test_a_checkpoint_that_is_written_meanwhile_is_not_the_methods(told, tmp_path):
    """By the run's own thread, which the kit sees to the end of before it looks elsewhere."""
    writer, held = Background(), threading.Event()
    writer.start(lambda: (held.wait(10), (tmp_path / "runs" / "state.json").write_text("saved")))

    def act():
        held.set()
        writer.wait()

    assert told(act) == []
    assert (tmp_path / "runs" / "state.json").read_text() == "saved"


@pytest.mark.parametrize(("name", "elsewhere"), [(".owner", False), ("forged.json", True), ("forged.json", False)])
def test_a_write_of_the_hook_or_of_its_threads_is_told(told, tmp_path, name, elsewhere):
    write = (tmp_path / "runs" / name).write_text

    def act():
        if not elsewhere:
            write("mine")
            return
        thread = threading.Thread(target=write, args=("mine",))
        thread.start()
        thread.join()

    assert told(act) == [("no-writing", f"writes runs/{name}")]
