"""What may happen between a kill and the same command: a run ends equal, or as one of its own, or says why not."""

import os
import shutil
import signal
import subprocess
import sys
import time

import nursery
import pytest
from test_kill import TIMES, imported  # noqa: F401 (a fixture)
from test_write_points import Teller, attempt

MIDDLE = 150  # of about 360 calls that write: in the second of three tasks
DAY = 86_400


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted run ends with."""
    home = tmp_path_factory.mktemp("whole")
    assert attempt("sequential", home) == 0
    return nursery.result(home)


@pytest.fixture
def killed(tmp_path):
    """The home of a run that was killed in its middle."""
    home = tmp_path / "home"
    home.mkdir()
    assert attempt("sequential", home, die_at=MIDDLE) == -signal.SIGKILL
    return home


def go_on(home, *changes, before=None):
    """The same command, with further arguments; its exit code and what it said."""
    asked = [*nursery.command("sequential", home, stream=nursery.THREE, quiet=False), *changes]
    code = nursery.finish(nursery.start(asked, log=home / "log", before=before))
    return code, (home / "log").read_text("utf-8")


@pytest.mark.faults
def test_the_folder_was_moved(killed, whole):
    moved = killed.rename(killed.with_name("elsewhere"))
    code, _ = go_on(moved)
    assert code == 0
    assert nursery.unlike(nursery.result(moved), whole) == []


@pytest.mark.faults
def test_the_clock_was_set_back(killed, whole):
    def back():
        now = time.time
        time.time = lambda: now() - DAY

    code, said = go_on(killed, before=back)
    assert code == 0, said
    assert nursery.unlike(nursery.result(killed), whole) == []


@pytest.mark.faults
def test_it_stood_still_while_another_command_came(tmp_path, whole):
    child = nursery.start(
        nursery.command("sequential", tmp_path, stream=nursery.THREE),
        log=tmp_path / "log",
        before=Teller(tmp_path, die_at=MIDDLE, number=signal.SIGSTOP).begin,
    )
    os.waitpid(child, os.WUNTRACED)
    log = tmp_path / "other"
    second = nursery.start([*nursery.command("sequential", tmp_path, stream=nursery.THREE), "--fresh"], log=log)
    time.sleep(0.5)
    os.kill(second, signal.SIGKILL)  # it waits, or has ended with a line
    os.waitpid(second, 0)
    os.kill(child, signal.SIGCONT)
    assert nursery.finish(child) == 0
    assert nursery.unlike(nursery.result(tmp_path), whole) == []


@pytest.mark.faults
def test_another_number_of_threads_is_said_and_recorded(killed):
    command = nursery.command("sequential", killed, stream=nursery.THREE, quiet=False)
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}  # a process of its own: a forked one cannot begin threads
    done = subprocess.run(
        [sys.executable, "-m", "clbench", *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "results may differ by rounding" in " ".join(done.stderr.split())
    record, _ = nursery.result(killed)
    begun, later = record["provenance"]["arithmetic"], record["provenance"]["taken_up_with"]
    assert (begun["threads"], [one["threads"] for one in later]) == (1, [2])


@pytest.mark.faults
def test_other_code_is_refused_and_named(killed):
    def edited():
        from clbench.runs import provenance

        known = provenance.code_hashes
        provenance.code_hashes = lambda modules: {**known(modules), "clbench": "0" * 64}

    before = sorted(path for path in (killed / "runs").rglob("*") if path.suffix == ".safetensors")
    code, said = go_on(killed, before=edited)
    assert code == 2
    assert "another code of clbench" in " ".join(said.split())
    assert sorted(path for path in (killed / "runs").rglob("*") if path.suffix == ".safetensors") == before


@pytest.mark.faults
@pytest.mark.parametrize("change", ["option", "data", "model"] if TIMES else ["model"])
def test_what_changes_a_number_makes_another_run_and_leaves_the_first(killed, whole, change, tmp_path):
    asked = {
        "option": ("-o", "sequential.learning_rate=0.002"),
        "data": ("--set", "stream.train_examples=5"),
        "model": ("--model", str(other_model(tmp_path))),
    }[change]
    code, said = go_on(killed, *asked)
    assert code == 0, said
    ids = [path.name for path in (killed / "runs").iterdir() if path.is_dir()]
    assert len(ids) == 2
    assert go_on(killed)[0] == 0
    (first,) = [one for one in ids if one == whole[0]["run"]]
    shutil.rmtree(next(killed / "runs" / one for one in ids if one != first))
    assert nursery.unlike(nursery.result(killed), whole) == []


def other_model(folder):
    """The bundled model with one weight changed."""
    from safetensors.torch import load_file, save_file

    from clbench.models.loading import BUNDLED, describe

    made = folder / "model"
    shutil.copytree(describe(BUNDLED).location, made, ignore=shutil.ignore_patterns("*.md"))
    weights = load_file(made / "model.safetensors")
    next(iter(weights.values()))[0] += 1
    save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
    return made
