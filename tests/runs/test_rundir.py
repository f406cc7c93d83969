"""Run directories: state, events, matrix, and finding the run that is meant."""

import json

import pytest

from clbench.base.errors import RecordError
from clbench.metrics.matrix import ResultMatrix, read_matrix
from clbench.runs.rundir import RunDir, find_run, list_runs


@pytest.fixture
def run_dir(tmp_path):
    path = tmp_path / "trace-mini_mofo_tiny_order1_s0_1a2b3c4d"
    path.mkdir()
    return RunDir(path)


@pytest.fixture
def runs(tmp_path):
    for name in ("trace_mofo_s0_11", "trace_mofo_s1_22", "trace_hft_s0_33", "not a run"):
        (tmp_path / name).mkdir()
        if name != "not a run":
            RunDir(tmp_path / name).write_state(status="finished")
    return tmp_path


def test_state_is_kept_and_changed(run_dir):
    assert run_dir.state() == {}
    run_dir.write_state(status="running", config={"a": 1})
    run_dir.write_state(status="finished")
    assert run_dir.state() == {"status": "finished", "config": {"a": 1}}


def test_damaged_state_says_how_to_mend_it(run_dir):
    (run_dir.path / "run.json").write_text("{")
    with pytest.raises(RecordError, match=r"run\.json: cannot be read .*the same command goes on or begins again"):
        run_dir.state()


def test_events_are_appended_as_lines_of_json(run_dir):
    run_dir.event("start")
    run_dir.event("step", step=10, note="neu\nzeile")
    first, second = (json.loads(line) for line in (run_dir.path / "events.jsonl").read_text().splitlines())
    assert (first["event"], second["step"], second["note"]) == ("start", 10, "neu\nzeile")
    assert first["time"] <= second["time"]


def test_matrix_is_what_the_metrics_command_reads(run_dir):
    matrix = ResultMatrix.empty(["a", "b"]).with_row(0, [0.1, None]).with_row(1, [0.5, None])
    run_dir.write_matrix(matrix)
    assert read_matrix(run_dir.path / "matrix.json") == matrix


def test_finished_run_has_its_record(run_dir, make_record):
    assert run_dir.finished() is None
    make_record().save(run_dir.record_path)
    assert run_dir.finished() == make_record()


@pytest.mark.parametrize("name", ["trace_mofo_s1_22", "trace_mofo_s1", "trace_h"])
def test_run_is_found_by_its_name_or_its_beginning(runs, name):
    assert find_run(name, runs_dir=runs).run_id.startswith(name)


def test_run_is_found_by_its_path(runs, tmp_path):
    assert find_run(str(runs / "trace_hft_s0_33"), runs_dir=tmp_path / "elsewhere").run_id == "trace_hft_s0_33"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trace_mofo", "'trace_mofo' is the beginning of 2 runs: trace_mofo_s0_11, trace_mofo_s1_22"),
        ("trace_mofo_s0_12", "did you mean 'trace_mofo_s0_11'"),
        ("not a run", "no run 'not a run'"),
        ("xyz", "no run 'xyz'"),
    ],
)
def test_what_is_no_run_is_refused(runs, name, message):
    with pytest.raises(RecordError) as caught:
        find_run(name, runs_dir=runs)
    assert message in str(caught.value)


def test_list_runs(runs, tmp_path):
    assert [run.run_id for run in list_runs(runs)] == ["trace_hft_s0_33", "trace_mofo_s0_11", "trace_mofo_s1_22"]
    assert list_runs(tmp_path / "nothing") == []


def test_beginning_anew_leaves_the_lock_to_the_process_that_holds_it(run_dir):
    run_dir.write_state(status="running")
    (run_dir.path / "predictions").mkdir()
    with run_dir.lock():
        run_dir.clear()
        assert sorted(path.name for path in run_dir.path.iterdir()) == [".lock", ".owner"]
    assert [path.name for path in run_dir.path.iterdir()] == [".lock"]


def test_a_run_that_another_host_is_at_is_left_alone(run_dir):
    (run_dir.path / ".owner").write_text('{"host": "node7", "process": 12}')
    with pytest.raises(RecordError, match=f"process 12 on host node7 is at run {run_dir.run_id}; wait for it"):
        run_dir.lock().__enter__()
