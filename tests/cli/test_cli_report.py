"""`clbench report`: which runs, where the file goes, what is said."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def _own_folders(home, tmp_path, monkeypatch, clear_registry):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def saved(home, make_record):
    """Two runs as `clbench run` leaves them."""
    records = [make_record("sequential"), make_record("mofo", final=(0.6, 0.8))]
    for record in records:
        folder = home / "runs" / record.run
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"run": record.run, "status": "finished", "config": {}}))
        record.save(folder / "record.json")
        record.save(record.path(home / "leaderboards"))
    return records


def test_one_run_has_its_report_beside_it(call, saved, home):
    path = home / "runs" / saved[0].run / "report.html"
    for name in (saved[0].run, saved[0].run[:8], path.parent, path.with_name("record.json")):
        path.unlink(missing_ok=True)
        done = call("report", name)
        assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
        assert "sequential" in path.read_text(encoding="utf-8")


def test_several_runs_have_theirs_here(call, saved, tmp_path):
    assert call("report", *(one.run for one in saved), "--json").json == {"path": "report.html"}
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="comparison"' in text
    assert 'id="run-1"' in text


def test_record_of_a_board_leaves_its_folder_clean(call, saved, home, tmp_path):
    path = saved[0].path(home / "leaderboards")
    assert call("report", path).out == "report.html\n"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert (tmp_path / "report.html").is_file()


def test_out_says_where(call, saved, tmp_path):
    path = tmp_path / "new" / "r.html"
    assert call("report", saved[0].run, "--out", path).out == f"{path}\n"
    assert path.is_file()


def test_a_run_that_is_named_twice_is_shown_once(call, saved, home):
    done = call("report", saved[0].run, saved[0].path(home / "leaderboards"))
    assert done.out == f"{home / 'runs' / saved[0].run / 'report.html'}\n"


def test_other_runs_dir(call, saved, home, tmp_path):
    (home / "runs").rename(tmp_path / "elsewhere")
    path = tmp_path / "elsewhere" / saved[1].run / "report.html"
    assert call("report", saved[1].run, "--runs-dir", tmp_path / "elsewhere").out == f"{path}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "error: no run 'nothing' in "),
        ("nothing.json", "error: nothing.json: cannot be read"),
        ("toy", "error: 'toy' is the beginning of 2 runs: "),
        ("half", "error: run half is not finished, and its run.json says too little"),
    ],
)
def test_what_cannot_be_shown_is_one_line(call, saved, home, name, message):
    (home / "runs" / "half").mkdir()
    (home / "runs" / "half" / "run.json").write_text('{"status": "failed"}')
    done = call("report", name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1


def test_unwritable_file_is_one_line(call, saved, tmp_path):
    done = call("report", saved[0].run, "--out", tmp_path)
    assert done.code == 2
    assert "cannot be written" in done.err


def test_no_run_at_all(call):
    assert call("report").code == 2


def test_report_imports_nothing_that_trains(saved, home, tmp_path, process_env):
    code = (
        "import sys; from clbench.cli import main\n"
        f"sys.argv = ['clbench', 'report', {saved[0].run!r}, {saved[1].run!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'transformers', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=process_env(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["report.html", "[]"]
