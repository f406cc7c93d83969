"""Checkpoints that are written while a run goes on: what waits for them, what does not, and what goes wrong."""

import json
import shutil
import threading

import pytest
import small
import torch

from clbench.base.errors import RecordError
from clbench.runs import checkpoint
from clbench.runs.saving import Checkpointer
from clbench.spec.protocol import Runtime

FULL = OSError(28, "No space left on device")


class Gate:
    """Holds the writer before a checkpoint's tensors are written, and may let it fail."""

    def __init__(self, monkeypatch, *, fails=None):
        self.opened, self.reached, self.fails = threading.Event(), threading.Event(), fails
        self.write = checkpoint.tensorfile.write
        monkeypatch.setattr("clbench.runs.tensorfile.write", self)

    def __call__(self, path, tensors):
        self.reached.set()
        assert self.opened.wait(60), "held for ever"
        if self.fails is not None:
            raise self.fails
        return self.write(path, tensors)


@pytest.fixture
def keeper(tmp_path):
    def keeper(**runtime):
        return Checkpointer(tmp_path / "checkpoints", identity={}, runtime=Runtime(**runtime), writable=True)

    return keeper


def saved(keeper):
    found = keeper.load(say=pytest.fail)
    return None if found is None else found["x"].tolist()


def test_what_is_written_is_the_state_when_it_was_saved(keeper, monkeypatch):
    gate, one, x = Gate(monkeypatch), keeper(), torch.ones(2)
    one.save({"x": x})
    x.add_(1)
    gate.opened.set()
    one.wait()
    assert saved(one) == [1, 1]


def test_memory_for_the_first_copy_is_taken_once_and_beforehand(keeper, monkeypatch):
    monkeypatch.setattr("clbench.runs.saving._LARGE", 0)
    one, x, asked = keeper(), torch.ones(1000), []

    def state():
        asked.append(None)
        return {"x": x}

    one.prepare(state)
    one.prepare(state)
    one.wait()
    place = one._room.bytes.data_ptr()
    assert (len(asked), one._room.bytes.nbytes >= x.nbytes) == (1, True)
    one.save({"x": x})
    one.wait()
    assert one._room.bytes.data_ptr() == place
    assert saved(one) == x.tolist()


@pytest.mark.parametrize(
    ("least", "runtime", "short"), [(2**20, {}, False), (0, {"background_saving": False}, False), (0, {}, True)]
)
def test_no_memory_is_taken_beforehand_where_that_is_no_help(keeper, monkeypatch, least, runtime, short):
    monkeypatch.setattr("clbench.runs.saving._LARGE", least)
    monkeypatch.setattr("clbench.runs.copying.Room.lacks", lambda self, tensors: 2**30 if short else 0)
    one = keeper(**runtime)
    one.prepare(lambda: {"x": torch.ones(1000)})
    one.wait()
    assert one._room is None or not one._room.bytes.nbytes


def test_one_at_a_time_the_next_one_waits(keeper, monkeypatch):
    gate, one, x = Gate(monkeypatch), keeper(), torch.ones(1)
    one.save({"x": x})
    assert gate.reached.wait(60)
    second = threading.Thread(target=lambda: one.save({"x": x + 1}))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    gate.opened.set()
    second.join()
    one.wait()
    assert saved(one) == [2]
    assert len(list(one.folder.glob("0*"))) == 2


@pytest.mark.parametrize("runtime", [{"background_saving": False}, {}])
def test_in_the_foreground_all_is_there_when_it_returns(keeper, monkeypatch, runtime):
    one = keeper(**runtime)
    if not runtime:
        monkeypatch.setattr("clbench.models.memory.free", lambda device: 100)
    told = []
    one.save({"x": torch.ones(100)}, then=lambda: told.append(threading.current_thread().name))
    assert told == ["MainThread"]
    assert saved(one) == [1] * 100
    assert bool(one.foreground) == (not runtime), "who asked for it need not be told"


def test_what_follows_a_checkpoint_follows_it(keeper, monkeypatch):
    gate, one, told = Gate(monkeypatch), keeper(), []
    one.save({"x": torch.ones(1)}, then=lambda: told.append(len(list(one.folder.glob("0*")))))
    assert told == []
    gate.opened.set()
    one.wait()
    assert told == [1]


@pytest.mark.parametrize("how", ["wait", "save", "check"])
def test_a_full_disk_is_told_where_the_run_asks_next(keeper, monkeypatch, how):
    gate, one = Gate(monkeypatch, fails=FULL), keeper()
    gate.opened.set()
    one.save({"x": torch.ones(1)})
    one._background.settle()
    with pytest.raises(RecordError, match=r"cannot be written .*No space left on device.*run again"):
        one.save({"x": torch.ones(1)}) if how == "save" else getattr(one, how)()
    assert saved(one) is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_at_an_error_what_was_saved_is_there_and_stopped_at_once_it_is_given_up(keeper, monkeypatch, error):
    gate, one = Gate(monkeypatch), keeper()

    def stop():
        with one.closing():
            one.save({"x": torch.ones(1)})
            if error is ValueError:
                gate.opened.set()
            raise error

    with pytest.raises(error):
        stop()
    gate.opened.set()
    one._background.settle()
    assert saved(one) == ([1] if error is ValueError else None)
    assert [path.name for path in one.folder.iterdir()] == (["000001"] if error is ValueError else [])


@pytest.fixture
def run(tmp_path, llama, home):
    stream = small.write_stream(tmp_path / "stream", train=6, test=3)

    def run(**runtime):
        return small.run_stream(stream, "sequential", model=llama, home=home, runtime=runtime)[0]

    return run


def events(home):
    (path,) = home.glob("runs/*/events.jsonl")
    return [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()]


def test_a_measurement_does_not_wait_for_its_checkpoint_and_no_row_is_claimed_without_it(run, home, monkeypatch):
    from clbench.engine import scorekeeper

    gate, save, met = Gate(monkeypatch), scorekeeper.save, []

    def keep(*given):
        if not gate.opened.is_set():
            met.append(events(home))
            if len(met) == 3:
                gate.opened.set()
        return save(*given)

    monkeypatch.setattr(scorekeeper, "save", keep)
    run()
    assert len(met) == 3, "all tasks of row 0 were answered while its checkpoint was held"
    assert all(one[-1] == "measuring" and "scored" not in one for one in met)


def test_a_disk_that_is_full_in_the_background_stops_the_run_with_one_line_and_the_same_command_goes_on(
    run, home, monkeypatch
):
    with monkeypatch.context() as broken:
        Gate(broken, fails=FULL).opened.set()
        with pytest.raises(RecordError, match=r"cannot be written .*No space left on device.*run again$"):
            run()
    (folder,) = home.glob("runs/*")
    assert json.loads((folder / "run.json").read_text("utf-8"))["status"] == "failed"
    assert not list(folder.glob("checkpoints/*"))
    assert not (folder / "record.json").exists()
    assert run().record.scores


def test_memory_that_is_too_short_is_said_in_the_record_and_changes_no_score(run, monkeypatch):
    usual = run()
    shutil.rmtree(usual.run_dir.path)
    monkeypatch.setattr("clbench.runs.copying.Room.lacks", lambda self, tensors: 2**30)
    other = run()
    assert "in the foreground" in other.record.notes["saving"]
    assert other.record.scores == usual.record.scores
