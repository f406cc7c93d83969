"""The commands that need no model: what they print, their JSON, and their exit codes."""

import json
import shutil

import pytest

from clbench.base.home import packaged
from clbench.cli import main

# TRACE's Table 8: LLaMA-2-7B-Chat, sequential fine-tuning; a column a round.
PUBLISHED = """
.500 .456 .448 .453 .435 .442 .436 .454
  -  .735 .670 .658 0    .595 .577 .609
  -    -  .523 .459 .433 .446 .442 .457
  -    -    -  .580 .459 .509 .508 .512
  -    -    -    -  .764 .636 .450 .637
  -    -    -    -    -  .383 .247 .272
  -    -    -    -    -    -  .582 .548
  -    -    -    -    -    -    -  .408
"""
PEERS = [[0.80, 0.30, 0.20, 0.25], [0.55, 0.70, 0.25, 0.25], [0.70, 0.60, 0.90, 0.30], [0.50, 0.75, 0.60, 0.85]]
TASK = "task: toy/a\ndata: {files: {test: a}}\n"
VARIANT = "stream: x\ntasks: [trace/fomc]\nvariants:\n  v: {"
COMMANDS = {"run", "ls", "show", "metrics", "score", "leaderboard", "compare", "report", "data", "validate", "check"}
COMMANDS |= {"plugins"}


@pytest.fixture(autouse=True)
def _own_folders(home, tmp_path, monkeypatch, clear_registry):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path):
    def write(content, name="r.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def saved(home, make_record):
    """Saves records as `clbench run` does."""

    def saved(*records):
        for record in records:
            folder = home / "runs" / record.run
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(
                json.dumps({"run": record.run, "status": "finished", "config": {"seed": 0}})
            )
            record.save(folder / "record.json")
            record.save(record.path(home / "leaderboards"))
        return records

    return saved


def published():
    columns = [
        [None if cell == "-" else float(cell) for cell in line.split()] for line in PUBLISHED.strip().split("\n")
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def fails(done, code=2):
    """The one line of an error."""
    assert done.code == code
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


# --- the program


def test_program_runs_in_a_process_of_its_own(run_cli, write):
    done = run_cli("metrics", write({"matrix": published()}), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    metrics = json.loads(done.stdout)["metrics"]
    assert round(metrics["op"], 4) == 0.4871
    assert round(metrics["bwt"]["gem"], 4) == -0.0826
    done = run_cli("metrics", "nothing.json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_help_lists_every_command(call):
    done = call("--help")
    assert (done.code, done.err) == (0, "")
    assert {line.split()[0] for line in done.out.partition("Commands:")[2].strip().splitlines()} >= COMMANDS
    for command in COMMANDS:
        assert call(command, "--help").out.startswith(f"Usage: clbench {command}")


def test_no_arguments_is_help_on_lines_of_its_own(call):
    done = call()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: clbench")
    assert len(done.err.splitlines()) > 10


def test_version(call):
    from clbench import __version__

    assert call("--version").out == f"clbench {__version__}\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["metrix"], "No such command 'metrix'"),
        (["metrics"], "Missing argument"),
        (["metrics", "x.json", "--jsn"], "No such option: --jsn"),
        (["ls", "methodz"], "methodz"),
        (["show"], "Missing argument"),
        (["leaderboard", "extra"], "unexpected extra argument"),
        (["score"], "give either a RUN, or --task NAME with --predictions FILE"),
        (["score", "a", "--task", "b"], "give either a RUN"),
    ],
)
def test_wrong_usage_is_one_line(call, command, message):
    assert message in fails(call(*command))


def test_a_bug_is_one_line_unless_debugged(call, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("clbench.metrics.matrix.read_matrix", broken)
    assert fails(call("metrics", "x.json"), code=1).startswith("ZeroDivisionError: oh (a bug")
    monkeypatch.setattr("sys.argv", ["clbench", "metrics", "x.json", "--debug"])
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (SystemExit(3), 3, ""),
        (SystemExit("no GPU"), 1, "error: no GPU\n"),
        (SystemExit(), 0, ""),
    ],
    ids=repr,
)
def test_other_ends_have_their_exit_code(call, monkeypatch, error, code, said):
    def end(*_):
        raise error

    monkeypatch.setattr("clbench.metrics.matrix.read_matrix", end)
    done = call("metrics", "x.json")
    assert (done.code, done.err) == (code, said)


# --- metrics


def test_published_matrix(call, write):
    found = call("metrics", write({"matrix": published()}), "--json").json
    assert set(found) == {"metrics", "missing"}
    metrics, missing = found["metrics"], found["missing"]
    assert round(metrics["op"], 4) == 0.4871
    assert round(metrics["bwt"]["gem"], 4) == -0.0826
    assert round(metrics["bwt"]["trace-printed"], 4) == round(-0.578 / 8, 4)
    assert metrics["fwt"]["gem"] is None
    assert missing["fwt.gem"] == "needs R[1,2] (task 'task 2'), which was not measured"


def test_peers_matrix(call, write):
    found = call("metrics", write({"matrix": PEERS, "base": [0.25, 0.2, 0.2, 0.3]}), "--json").json["metrics"]
    assert {name: round(value, 4) for name, value in found["bwt"].items()} == {
        "gem": -0.1833,
        "trace-printed": -0.1375,
        "treelora": -0.15,
        "diaz": -0.1667,
        "diaz-plus": 0.0,
        "continuum-1.2.7": -0.0583,
        "gem-code": -0.1375,
    }
    assert (round(found["op"], 4), round(found["fwt"]["gem"], 4)) == (0.675, 0.05)
    assert round(found["forgetting"]["mammoth"], 4) == 0.2


def test_missing_base_row_is_named(call, write):
    found = call("metrics", write({"matrix": PEERS}), "--json").json
    assert found["metrics"]["fwt"]["gem"] is None
    assert found["missing"]["fwt.gem"] == "needs the base row (row 0)"
    lines = call("metrics", write({"matrix": PEERS})).out.splitlines()
    assert "bwt.gem                    -0.1833" in lines
    assert any(line.startswith("fwt.gem ") and line.endswith("needs the base row (row 0)") for line in lines)


def test_run_directory_is_its_matrix(call, write, tmp_path):
    write({"matrix": [[0.5]]}, "matrix.json")
    assert call("metrics", tmp_path, "--json").json["metrics"]["op"] == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"matrix": [[0.5, NaN], [0.5, NaN]]}', "row 2, column 2: NaN where a score is needed"),
        ('{"matrix": [[NaN, 1], [0.5, 1]]}', "row 1, column 1: NaN where a score is needed"),
        ('{"matrix": [[0.5, 1]]}', "the matrix is square"),
        ('{"matrix": [[1e999]]}', "inf is no score"),
        ('{"matrix": [[1' + "0" * 400 + "]]}", "is no score"),
        ("{", "is not JSON"),
    ],
)
def test_bad_matrix_is_one_line_with_its_file(call, write, content, message):
    line = fails(call("metrics", write(content)))
    assert "r.json: " in line
    assert message in line


# --- ls, plugins


def test_ls_methods(call):
    rows = call("ls", "methods", "--json").json
    assert {"sequential", "joint", "single", "frozen"} <= {row["name"] for row in rows}
    for row in rows:
        assert set(row) == {"name", "package", "version", "summary"}
        assert all(row.values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("streams", "trace:mini"), ("tasks", "trace/c-stance"), ("metrics", "bwt.gem"), ("models", "clbench/tiny")],
)
def test_ls(call, kind, name):
    assert name in [row["name"] for row in call("ls", kind, "--json").json]
    assert name in call("ls", kind).out


def test_ls_streams_says_what_trace_means_here(call):
    states = {row["name"]: row["data"] for row in call("ls", "streams", "--json").json}
    assert (states["trace:mini"], states["trace:500"]) == ("default", "not installed")


def test_ls_everything(call):
    assert set(call("ls", "--json").json) == {"streams", "tasks", "methods", "metrics", "models", "presets", "probes"}
    assert "trace/py150" in call("ls").out


def test_ls_runs(call, saved, make_record):
    assert call("ls", "runs", "--json").json == []
    assert call("ls", "runs").out == "no runs yet\n"
    (record,) = saved(make_record())
    (row,) = call("ls", "runs", "--json").json
    assert (row["name"], row["status"]) == (record.run, "finished")


def test_plugins(call):
    found = call("plugins", "--json").json
    assert set(found) == {"plugins", "conflicts"}
    assert found["conflicts"] == {}
    row = found["plugins"][0]
    assert (row["name"], row["package"], row["status"], row["api"]) == ("clbench", "clbench", "ok", 1)
    assert "clbench_methods" in row["hooks"]


def test_plugins_says_why_one_did_not_load(run_cli, install, tmp_path):
    """In a process as a user starts it, with all kinds of broken packages at once."""
    packages = [path.name for path in install.packages.iterdir()]
    site = {"PYTHONPATH": str(install(tmp_path / "site", *packages))}
    done = run_cli("plugins", "--json", env=site)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    rows = {row["name"]: row for row in found["plugins"]}
    assert rows["example"]["status"] == rows["observer"]["status"] == rows["duplicate"]["status"] == "ok"
    broken = {"import", "exit", "argument", "misspelt", "future", "nospec", "raises", "example@clbench-impostor"}
    broken |= {"hostile-markup"}
    assert {name for name, row in rows.items() if row["status"] == "broken"} == broken
    assert all(rows[name]["error"] for name in broken)
    assert set(found["conflicts"]) == {"example", "sequential"}
    done = run_cli("plugins", env=site)
    assert done.returncode == 0
    assert "SystemExit: needs CUDA" in done.stdout
    assert "'example' is claimed by duplicate (clbench-duplicate 1.0) and example (clbench-example 1.0)" in done.stdout


@pytest.mark.parametrize("name", ["exit", "import"])
def test_asking_for_a_broken_method_gives_the_reason(call, installed, name):
    installed(f"clbench-{name}", "clbench-example")
    reason = {"exit": "SystemExit: needs CUDA", "import": "ModuleNotFoundError"}[name]
    line = fails(call("run", "--stream", "trace:mini", "--plugin", name))
    assert line.startswith(f"method {name!r}: plugin {name} (clbench-{name} 1.0) did not load: {reason}")


def test_asking_for_a_method_that_two_packages_claim_names_both(call, installed):
    installed("clbench-example", "clbench-duplicate")
    line = fails(call("run", "--stream", "trace:mini", "--plugin", "example"))
    assert "clbench-example 1.0" in line
    assert "clbench-duplicate 1.0" in line


def test_strict_makes_every_command_fail(call, installed, monkeypatch):
    installed("clbench-exit")
    monkeypatch.setenv("CLBENCH_STRICT_PLUGINS", "1")
    from clbench.plugins.registry import registry

    registry.cache_clear()
    assert fails(call("ls", "methods")) == "plugin exit (clbench-exit 1.0) failed to load: SystemExit: needs CUDA"


def test_disabled_plugin_is_listed_as_that(call, installed, monkeypatch):
    monkeypatch.setenv("CLBENCH_DISABLE_PLUGINS", "exit")
    installed("clbench-exit")
    rows = {row["name"]: row["status"] for row in call("plugins", "--json").json["plugins"]}
    assert rows["exit"] == "disabled"


def test_command_of_a_plugin(call, installed):
    installed("clbench-example")
    assert "example-hello" in call("--help").out
    done = call("example-hello")
    assert (done.code, done.out) == (0, "hello from a plugin\n")


def test_trace_of_hook_calls_leaves_standard_output_alone(call, monkeypatch):
    monkeypatch.setenv("CLBENCH_TRACE_PLUGINS", "1")
    done = call("plugins", "--json")
    assert done.json["plugins"]
    assert "clbench_methods() -> clbench" in done.err


# --- validate


def test_the_options_of_shipped_presets_exist(call):
    told = call("validate", packaged("tasks") / "presets")
    assert told.code == 0, told.out


def test_everything_that_is_shipped_is_valid(call):
    found = call("validate", "--json").json
    assert found["problems"] == []
    assert found["files"] == sum(1 for path in packaged("tasks").rglob("*.yaml") if not path.name.startswith("_"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TASK + "scorers: {strict: exakt}\n", "r.yaml:3: no scorer 'exakt'; did you mean 'exact'"),
        (TASK + "scorers: {strict: exact}\nmax_tokens: 3\n", "r.yaml:4: unknown key 'max_tokens'"),
        ("stream: x\ntasks: [trace/fomc, trace/nothing]\n", "r.yaml:2: no task 'trace/nothing'"),
        ("stream: x\ntasks: [trace/fomc]\n", "r.yaml:1: stream x: task 'trace/fomc' has no data of source 'files'"),
        (VARIANT + "source: mini, protocol: {epochs: long}}\n", "r.yaml:4: protocol.epochs: task 'trace/fomc' has no"),
        ("task: [", "r.yaml:1: malformed YAML"),
    ],
)
def test_validate_names_file_and_line(call, write, text, message):
    done = call("validate", write(text, "r.yaml"), "--json")
    assert done.code == 2
    (problem,) = json.loads(done.out)["problems"]
    assert message in problem


def test_validate_a_folder(call, tmp_path):
    shutil.copytree(packaged("tasks"), tmp_path / "tasks")
    assert call("validate", tmp_path / "tasks").out.endswith("files, 0 with problems\n")
    (tmp_path / "tasks" / "bad.yaml").write_text("a: [")
    done = call("validate", tmp_path / "tasks")
    assert (done.code, done.out.count("bad.yaml:1: malformed YAML")) == (2, 1)
    assert done.out.endswith("1 with problems\n")


def test_validate_what_holds_no_files(call, tmp_path):
    assert "holds no task or stream files" in fails(call("validate", tmp_path / "home"))
    assert "nothing" in fails(call("validate", tmp_path / "nothing"))


# --- leaderboard


def test_leaderboard_is_written_and_then_up_to_date(call, saved, make_record, home):
    assert call("leaderboard").out.startswith("no records in ")
    (record,) = saved(make_record())
    path = home / "leaderboards" / f"{record.board.name}.md"
    done = call("leaderboard", "--check", "--json")
    (found,) = json.loads(done.out)
    assert (done.code, found["board"], found["stale"], found["problems"]) == (1, str(path), True, [])
    assert [row["method"] for row in found["rows"]] == ["sequential"]
    assert not path.exists()
    assert call("leaderboard").out == f"{path}: written\n"
    assert call("leaderboard").out == f"{path}: up to date\n"
    assert call("leaderboard", "--check").code == 0
    path.write_text(path.read_text().replace("0.650", "0.950"))
    assert call("leaderboard", "--check").code == 1


def test_invalid_record_is_reported_and_fails(call, saved, make_record, home):
    good, bad = saved(make_record(), make_record("mofo"))
    path = bad.path(home / "leaderboards")
    path.write_text("{")
    for flags in ([], ["--check"]):
        done = call("leaderboard", *flags)
        assert done.code == 1
        assert f"problem: {path}: is not JSON" in done.out
    assert "sequential" in (home / "leaderboards" / f"{good.board.name}.md").read_text()


def test_leaderboard_of_another_folder_and_one_board(call, saved, make_record, home, tmp_path):
    (record,) = saved(make_record())
    assert "no board 'nothing'" in fails(call("leaderboard", "--board", "nothing"))
    assert call("leaderboard", "--board", record.board.name).code == 0
    (home / "leaderboards").rename(tmp_path / "elsewhere")
    assert call("leaderboard", "--check", "--leaderboards-dir", tmp_path / "elsewhere").code == 0


def test_unwritable_leaderboards_are_one_line(call, saved, make_record, home):
    (record,) = saved(make_record())
    (home / "leaderboards" / f"{record.board.name}.md").mkdir()
    assert "cannot be written" in fails(call("leaderboard"))


# --- show


def test_show_as_json(call, saved, make_record):
    (record,) = saved(make_record(warnings={"toy/a: empty answers": 2}))
    found = call("show", record.run, "--json").json
    assert set(found) >= {"run", "status", "config", "matrix", "metrics", "costs", "footprint", "warnings"}
    assert (found["run"], found["status"], found["config"]) == (record.run, "finished", {"seed": 0})
    assert found["matrix"] == {"tasks": ["toy/a", "toy/b"], "probes": [], "rows": [[0.1, 0.2], [0.9, 0.3], [0.5, 0.8]]}
    assert found["metrics"]["op"] == 0.65
    assert found["metrics"]["bwt"]["gem"] == pytest.approx(-0.4)
    assert found["warnings"] == [{"message": "toy/a: empty answers", "count": 2}]
    assert (found["costs"]["steps"], found["footprint"]["stored_examples"]) == (1200, 0)


def test_show_says_where_time_went(call, saved, make_record):
    old = make_record()
    spent = {"training": 60.0, "other": 10.5, "evaluation": 29.5}
    costs = old.costs.model_copy(update={"spent": spent, "share_of_peak": 0.27, "device": "NVIDIA H200"})
    (record,) = saved(old.model_copy(update={"costs": costs, "provenance": {"driver": "570.1"}}))
    lines = [line.split() for line in call("show", record.run).out.splitlines()]
    assert ["where", "100.0", "s", "went"] in lines
    assert ["seconds", "60.0", "29.5", "10.5"] in lines
    assert ["share", "60%", "30%", "10%"] in lines
    assert ["NVIDIA", "H200,", "driver", "570.1:", "training", "used", "27%", "of", "its", "arithmetic"] in lines


def test_show_for_people(call, saved, make_record):
    (record,) = saved(make_record())
    text = call("show", record.run[:8]).out
    assert [line.split() for line in text.splitlines() if line.lstrip().startswith(("base", "1 a", "2 b"))] == [
        ["base", "0.100", "0.200"],
        ["1", "a", "0.900", "0.300"],
        ["2", "b", "0.500", "0.800"],
    ]
    assert "bwt.gem                    -0.4000" in text
    assert "1,200 steps, 34,567 tokens" in text


@pytest.mark.parametrize(
    ("bwt", "names"), [("gem", ["gem"]), ("gem,trace,treelora", ["gem", "trace-printed", "treelora"])]
)
def test_show_the_definitions_that_are_asked_for(call, saved, make_record, bwt, names):
    (record,) = saved(make_record())
    shown = [line.split()[0] for line in call("show", record.run, "--bwt", bwt).out.splitlines() if "bwt." in line]
    assert shown == [f"bwt.{name}" for name in names]
    assert list(call("show", record.run, "--bwt", bwt, "--json").json["metrics"]["bwt"]) == names


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_show_an_unknown_definition(call, saved, make_record, json_flag):
    (record,) = saved(make_record())
    line = fails(call("show", record.run, "--bwt", "gme", *json_flag))
    assert line.startswith("--bwt: no definition 'gme'; there is gem, trace-printed")


def test_show_a_record_file(call, saved, make_record, home):
    (record,) = saved(make_record("mofo"))
    assert call("show", record.path(home / "leaderboards"), "--json").json["run"] == record.run


def test_show_what_is_not_there_or_not_finished(call, home):
    assert "no run 'nothing'" in fails(call("show", "nothing"))
    assert "cannot be read" in fails(call("show", "nothing.json"))
    folder = home / "runs" / "half"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"status": "failed", "error": "loss is nan"}')
    assert fails(call("show", "half")).startswith("run half is failed: loss is nan; ")


@pytest.mark.parametrize("name", ["[/red]", "[bold]x", "a\nb", "<b>"])
def test_names_from_outside_are_no_markup(call, saved, make_record, name):
    (record,) = saved(make_record(warnings={name: 1}))
    done = call("show", record.run)
    assert (done.code, done.err) == (0, "")
    assert f"note: {name.split(chr(10))[0]}" in done.out
