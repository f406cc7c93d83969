"""What can be asked of the command line: options, settings, runs, the machine; and how narrow a terminal may be."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.api.describing import method_options, settings
from clbench.base.docstrings import arguments
from clbench.cli.shared.output import parts
from clbench.engine.words import parse_settings
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol, Runtime


@pytest.fixture(autouse=True)
def _own_folders(home, tmp_path, monkeypatch, clear_registry):
    monkeypatch.chdir(tmp_path)


# --- what can be set


def test_arguments_of_a_docstring():
    text = "One line.\n\nArgs:\n    a: first,\n        and more: of it.\n    b_c: second.\n\nReturns:\n    d: none.\n"
    assert arguments(text) == {"a": "first, and more: of it.", "b_c": "second."}
    assert arguments(None) == arguments("Nothing.") == {}


def test_a_methods_options_have_defaults_kinds_and_meanings(call):
    rows = {one["name"]: one for one in call("ls", "methods", "sequential", "--json").json}
    assert rows["sequential.learning_rate"]["default"] == "–"
    assert rows["sequential.learning_rate"]["kind"] == "float"
    assert "instead of the protocol's" in rows["sequential.learning_rate"]["meaning"]


@pytest.mark.parametrize("name", sorted(registry().methods.entries))
@pytest.mark.slow  # each package is imported
def test_every_option_of_every_method_says_what_it_means(name):
    rows = method_options(name)
    assert rows
    assert [one["name"] for one in rows if not one["meaning"]] == []


def test_every_setting_is_one_that_set_takes_and_says_what_it_means():
    rows = settings()
    assert [one["name"] for one in rows if not one["meaning"]] == []
    for one in rows:
        parse_settings([f"{one['name']}=1"])
    fields = {*(f"protocol.{name}" for name in Protocol.model_fields), *(f"runtime.{x}" for x in Runtime.model_fields)}
    assert fields - {one["name"] for one in rows} == {"protocol.name"}


def test_a_name_where_nothing_more_can_be_listed(call):
    done = call("ls", "streams", "trace")
    assert (done.code, "only methods have more to list" in done.err) == (2, True)
    assert call("ls", "methods", "sequentiel").code == 2


def test_columns_of_costs_are_listed_with_the_metrics(call, make_record, home):
    names = {one["name"] for one in call("ls", "metrics", "--json").json}
    assert {"op", "final.iqm", "cost.train_seconds", "footprint.stored_bytes"} <= names
    assert "cost.device" not in names


# --- runs


def test_runs_have_score_seed_and_date(call, make_record, home):
    record = make_record()
    folder = home / "runs" / record.run
    folder.mkdir(parents=True)
    config = {"seed": 3, "stream": "toy", "method": {"name": "sequential"}}
    (folder / "run.json").write_text(json.dumps({"run": record.run, "status": "running", "config": config}))
    (row,) = call("ls", "runs", "--json").json
    assert (row["OP"], row["seed"], row["status"]) == ("–", 3, "running")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
    record.save(folder / "record.json")
    (row,) = call("ls", "runs", "--json").json
    assert row["OP"] == "0.650"


# --- streams and data


def test_trace_means_the_same_before_and_after_data_are_added(monkeypatch):
    from clbench.data.archives import trace as archive
    from clbench.engine.words import find_stream

    assert find_stream("trace", registry())[1] == "mini"
    monkeypatch.setattr(type(archive.REGISTER), "entries", lambda _: {"5000": {"path": "x", "files": {}}})
    assert find_stream("trace", registry())[1] == "mini"


def test_data_that_are_removed_are_forgotten_and_a_users_folder_stays(call, home, tmp_path):
    from clbench.base import home as places
    from clbench.data.archives import trace as archive

    own, unpacked = tmp_path / "mine", places.data_dir() / "trace-abc" / "LLM-CL-Benchmark_1000"
    for variant, folder in {"500": own, "1000": unpacked}.items():
        (folder / "FOMC").mkdir(parents=True)
        (folder / "FOMC" / "test.json").write_text("[]")
        archive.register({variant: folder})
    assert "stay in" in call("data", "remove", "trace:500").out
    assert own.is_dir()
    assert "are deleted" in call("data", "remove", "trace:1000").out
    assert not unpacked.exists()
    assert archive.REGISTER.entries() == {}
    again = call("data", "remove", "trace:500")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert call("data", "remove", "trace").code == 2


# --- the machine


def test_doctor_says_what_is_missing_for_what(call):
    done = call("doctor", "--json")
    found = {one["name"]: one for one in done.json}
    assert found["torch"]["state"] == "ok"
    assert (found["TRACE archive"]["state"], "clbench data add trace" in found["TRACE archive"]["detail"]) == (
        "missing",
        True,
    )
    assert done.code == int(any(one["state"] == "wrong" for one in found.values()))


def test_completion_is_offered(call):
    assert "--install-completion" in call("--help").out


# --- narrow terminals


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(1, 100))
def test_columns_are_parted_whole_and_in_order(widths, room):
    found = parts(widths, room=room)
    assert [place for first, last in found for place in range(first, last)] == list(range(len(widths)))
    assert all(last == first + 1 or sum(widths[first:last]) <= room for first, last in found)


def in_terminal(*arguments, columns=80, **env):
    """What a command shows on a terminal so wide."""
    reading, writing = pty.openpty()
    own = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **env}
    command = [sys.executable, "-m", "clbench", *map(str, arguments)]
    done = subprocess.Popen(command, stdout=writing, stderr=subprocess.DEVNULL, env=own)
    os.close(writing)
    read = b""
    try:
        while part := os.read(reading, 4096):
            read += part
    except OSError:  # how a terminal ends
        pass
    os.close(reading)
    assert done.wait() == 0
    return read.decode("utf-8")


def test_at_80_columns_no_number_is_cut_and_no_color_is_obeyed(make_record, tmp_path):
    tasks = [f"toy/a-task-{number}" for number in range(9)]
    rows = [[round(0.111 * (i + j) % 1, 3) for j in range(9)] for i in range(10)]
    record = make_record(tasks=tasks, scores={"strict": rows, "lenient": rows})
    record.save(tmp_path / "r.json")
    shown = in_terminal("show", tmp_path / "r.json", NO_COLOR="1")
    assert "\x1b[3" not in shown.replace("\x1b[3m", "")  # no colour; italics are none
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert max(map(len, plain.split("op  ")[0].splitlines())) <= 80
    assert {f"{cell:.3f}" for row in rows for cell in row} <= set(plain.split())
    shown = in_terminal("ls", "settings", NO_COLOR="1")
    assert {one["name"] for one in settings()} <= set(re.sub(r"\x1b\[[\d;]*m", "", shown).split())
