"""`clbench run PLAN`, `clbench plan show` and `clbench tune`, as a user types them."""

import io

import pytest
import small
import yaml

TWO = small.STREAM_TASKS[:2]


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", tasks=TWO, train=12, test=2, epochs=1)


@pytest.fixture
def plan(tmp_path, stream, llama, home):
    path = tmp_path / "mine.yaml"
    run = {"stream": str(stream), "model": str(llama), "settings": {"runtime.device": "cpu"}}
    search = {"grid": {"learning_rate": [1e-3, 3e-3]}}
    methods = ["sequential", {"plugin": "frozen", "grid": {}}]
    path.write_text(yaml.safe_dump({"plan": "mine", "run": run, "search": search, "methods": methods}), "utf-8")
    return path


def test_a_plan_is_listed_run_shown_and_then_nothing_is_left(call, plan):
    dry = call("run", plan, "--dry-run")
    assert dry.code == 0, dry.err
    lines = dry.out.splitlines()
    common = [line for line in lines if line.startswith("stream mine (your files), 2 tasks, protocol custom/2")]
    assert ["validation records" in line for line in common] == [True, False]
    assert lines.count("own/word: 1 training prompts are held out as validation records") == 1
    assert sum(line.startswith("mine-eval_sequential_small-llama_order1_s100_") for line in lines) == 2
    assert "4 runs, 1 of them after a choice; 0 finished" in lines
    before = call("plan", "show", plan)
    assert before.out.splitlines()[-1] == "plan mine: 0 done, 0 running, 0 failed, 3 left; 1 more after a choice"
    done = call("run", plan, "--quiet")
    assert done.code == 0, done.err
    assert "search of sequential on mine, validation records" in done.out
    assert done.out.count("chosen") == 1
    assert "board" in done.out
    assert call("plan", "show", plan, "--json").json["counts"] == {"done": 3}
    again = call("run", plan, "--quiet")
    assert again.out.splitlines()[-1] == "plan mine: all 4 runs are finished; nothing was done"
    found = call("run", plan, "--quiet", "--json").json
    assert [one["repeated"] for one in found["runs"]] == [True] * 4
    assert (len(found["choices"]), found["failures"]) == (1, [])


def test_a_search_alone_writes_a_plan_that_runs(call, stream, llama, home, tmp_path):
    out = tmp_path / "tuned.yaml"
    common = ("--stream", stream, "--model", llama, "--set", "runtime.device=cpu", "--quiet")
    arguments = ("tune", *common, "--plugin", "sequential", "--plugin", "joint", "--out", out)
    done = call(*arguments, "--grid", "learning_rate=1e-3,3e-3,9e-3", "--trials", "2")
    assert done.code == 0, done.err
    written = yaml.safe_load(out.read_text("utf-8"))
    assert [one["plugin"] for one in written["methods"]] == ["sequential", "joint"]
    rates = [one["options"][f"{one['plugin']}.learning_rate"] for one in written["methods"]]
    assert set(rates) <= {1e-3, 3e-3, 9e-3}
    listed = call("run", out, "--dry-run", "--json").json["plan"]
    assert len(listed) == 2
    out.write_text("plan: other", "utf-8")
    refused = call(*arguments, "--grid", "learning_rate=1e-3")
    assert (refused.code, "not written by clbench tune" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "PLAN", "--shard", "3/2"], "--shard 3/2: must be I/N"),
        (["run", "PLAN", "--plugin", "joint"], "the methods stand in plan mine"),
        (["run", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (
            ["tune", "--plugin", "sequential", "--stream", "mine", "--grid", "rate"],
            "--grid 'rate': must be of the form",
        ),
        (["tune", "--stream", "trace:mini", "--grid", "learning_rate=1"], "methods"),
    ],
)
def test_what_is_wrong_is_one_line(call, plan, arguments, complaint):
    done = call(*(plan if word == "PLAN" else word for word in arguments))
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert complaint in done.err


def test_runs_are_watched_from_what_they_write(call, plan, home):
    assert call("run", plan, "--quiet").code == 0
    shown = call("watch", plan, "--once")
    assert shown.code == 0, shown.err
    assert shown.out.count("finished") == 3 + 1, "and their number"
    (name,) = (path.name for path in (home / "runs").glob("mine_sequential*"))
    one = call("watch", name[:30], "--json").json[name]
    assert (one["state"], one["phases"], one["of"]) == ("finished", 5, 5)
    assert one["step"] == len(one["losses"]) > 0
    every = call("watch").out
    assert every.count("finished") == 4 + 1


def test_in_a_narrow_terminal_the_table_cuts_neither_names_nor_numbers():
    from rich.console import Console

    from clbench.cli.watch import table
    from clbench.runs.progressing import Progressing

    name, phase = "trace-mini_sequential_tiny_random-1_s1_07c59158", "train meetingbank-long"
    one = Progressing("running", phase, 12, 17, 3, (3.2, 12.345), 1234567.0, 36000.0, 7200.0)
    screen = Console(width=80, record=True, file=io.StringIO())
    screen.print(table([(name, one)]))
    lines = [line.split("   ") for line in screen.export_text().splitlines() if line.strip()][2:-1]
    assert "".join(cells[0].strip() for cells in lines) == name
    words = " ".join(" ".join(cells) for cells in lines).split()
    assert {"12.345", "1,234,567", "10:00:00", "2:00:00", "(12/17)"} <= {*words}
