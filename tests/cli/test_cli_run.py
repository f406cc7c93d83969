"""`clbench run`: from a stream and a model to R, OP, BWT and a row on a board."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import small
import torch

from clbench.plugins.registry import registry
from clbench.runs.record import read_record

TWO = small.STREAM_TASKS[:2]


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", tasks=TWO, epochs=1)


@pytest.fixture
def run(call, stream, llama, home):
    """`clbench run` on the small stream and model; a method is needed."""
    return lambda *more: call("run", "--stream", stream, "--model", llama, *more)


def rows(home):
    """The methods on each board, by the board's name."""
    boards = {}
    for path in (home / "leaderboards" / "results").glob("*/*/*.json"):
        record = read_record(path)
        boards.setdefault(record.board.name, []).append((record.method.name, record.seed))
    for name, found in boards.items():
        text = (home / "leaderboards" / f"{name}.md").read_text(encoding="utf-8")
        assert all(re.search(rf"^\| {method} ", text, re.MULTILINE) for method, _ in found)
    return {name: sorted(found) for name, found in boards.items()}


def test_a_users_own_stream_runs_from_end_to_end(run, home, stream):
    done = run("--plugin", "sequential", "--plugin", "frozen")
    assert done.code == 0, done.err
    first, *lines = done.out.splitlines()
    assert first == "stream mine (your files), 2 tasks, protocol custom/2, model small-llama"
    assert sum(line.startswith("R of ") for line in lines) == 2
    assert any(re.match(r"op +\+0\.\d{4}$", line) for line in lines)
    assert any(re.match(r"bwt\.gem +[+-]0\.\d{4}$", line) for line in lines)
    assert [line.split()[2] for line in lines if line.startswith("run directory")] == [
        str(path) for path in sorted((home / "runs").iterdir(), key=lambda path: "frozen" in path.name)
    ]
    ((board, found),) = rows(home).items()
    assert found == [("frozen", 0), ("sequential", 0)]
    assert f"board {home / 'leaderboards' / board}.md" in lines
    assert not list(stream.parent.glob("runs"))


def test_progress_goes_to_standard_error_and_quiet_is_quiet(run):
    shown = run("--plugin", "sequential")
    assert "train 1/2 word: 2 done in" in shown.err
    assert "score 2/2: 6 done in" in shown.err
    assert run("--plugin", "sequential", "--fresh", "--quiet").err == ""


def test_json_is_one_document_and_nothing_else(run, home):
    (shown,) = run("--plugin", "sequential", "--json", "--quiet").json["runs"]
    record = read_record(home / "leaderboards" / "results" / json_name(shown) / "sequential" / f"{shown['run']}.json")
    assert shown["status"] == "finished"
    assert shown["repeated"] is False
    assert shown["matrix"]["tasks"] == list(TWO)
    for row, kept in zip(shown["matrix"]["rows"], record.scores["strict"], strict=True):
        assert row == pytest.approx(list(kept), abs=1e-6), "boards keep six decimals"
    assert shown["metrics"]["op"] == pytest.approx(sum(record.scores["strict"][2]) / 2, abs=1e-6)
    assert shown["costs"]["steps"] == 4


def json_name(shown):
    return re.search(r"([^/]+)\.md$", shown["board"])[1]


def test_a_finished_command_does_nothing_and_says_so(run, home):
    run("--plugin", "sequential")
    before = {path: path.stat().st_mtime_ns for path in small.files_below(home / "runs")}
    again = run("--plugin", "sequential")
    assert again.code == 0
    assert "is finished; nothing was done (--fresh runs it again)" in again.out
    assert "train" not in again.err
    assert {path: path.stat().st_mtime_ns for path in small.files_below(home / "runs")} == before
    fresh = run("--plugin", "sequential", "--fresh")
    assert "nothing was done" not in fresh.out
    assert "train 1/2" in fresh.err


def test_a_dry_run_says_what_would_run_and_writes_nothing(run, home):
    (plan, other) = run("--plugin", "sequential", "--plugin", "joint", "--dry-run", "--json").json["plan"]
    assert (plan["steps"], other["steps"]) == (4, 3)
    assert plan["board"] == other["board"]
    text = run("--plugin", "sequential", "--dry-run").out
    assert plan["run"] in text
    assert "4 optimizer steps" in text
    assert not list(home.iterdir())
    (made,) = run("--plugin", "sequential", "--json").json["runs"]
    assert (made["run"], json_name(made)) == (plan["run"], plan["board"])


def test_seeds_orders_options_and_settings_reach_the_runs(run, home):
    run("--plugin", "sequential", "--seeds", "2")
    run("--plugin", "sequential", "--seed", "5", "--order", "number,word", "-o", "sequential.learning_rate=1e-4")
    run("--plugin", "sequential", "--orders", "2", "--seed", "7")
    ((_, found),) = rows(home).items()
    assert found == [("sequential", seed) for seed in (0, 1, 5, 7, 7)]
    run("--plugin", "frozen", "--set", "protocol.max_answer_tokens=3", "--set", "stream.test_examples=2")
    assert len(rows(home)) == 2


def test_a_short_setting_shows_in_the_first_line(run):
    done = run("--plugin", "frozen", "--set", "protocol.max_answer_tokens=3")
    assert "protocol custom/2 with protocol.max_answer_tokens=3" in done.out.splitlines()[0]


def test_folders_can_be_given(run, tmp_path, home):
    done = run("--plugin", "frozen", "--runs-dir", tmp_path / "r", "--leaderboards-dir", tmp_path / "l")
    assert done.code == 0
    assert len(list((tmp_path / "r").iterdir())) == 1
    assert len(list((tmp_path / "l").glob("*.md"))) == 1
    assert [path.name for path in home.iterdir()] == ["rows"]  # which serve other runs, wherever those go


def test_a_run_that_diverges_is_one_line_and_exit_code_1(call, stream, home, tmp_path):
    model = small.make_llama(320)
    with torch.no_grad():
        model.lm_head.weight[7] = 3e38  # a number, whose products with others are none
    folder = small.save(tmp_path / "sick", model, small.byte_level())
    done = call("run", "--stream", stream, "--model", folder, "--plugin", "sequential", "--quiet")
    assert done.code == 1
    assert re.fullmatch(
        r"error: the loss is (nan|inf) at optimizer step 1: .*lower protocol\.learning_rate.*\n", done.err
    )
    (run_dir,) = (home / "runs").iterdir()
    shown = call("show", run_dir)
    assert shown.code == 2
    assert "is failed: the loss is" in shown.err
    assert rows(home) == {} if (home / "leaderboards" / "results").exists() else True


def test_trace_on_generated_records_says_so(call, llama, home):
    """All eight forms through the whole machine, and the first line says which variant `trace` means here."""
    few = ["train_examples=2", "test_examples=1", "probe_examples=1"]
    settings = [part for one in few for part in ("--set", f"stream.{one}")]
    limits = ("--set", "protocol.epochs=1", "--set", "protocol.evaluate=ends", "--set", "protocol.max_answer_tokens=4")
    done = call("run", "--stream", "trace", "--model", llama, "--plugin", "sequential", *settings, *limits, "--quiet")
    assert done.code == 0, done.err
    assert done.out.startswith("stream trace:mini (generated records), 8 tasks, protocol mini/2 with ")
    ((board, found),) = rows(home).items()
    assert found == [("sequential", 0)]
    assert board.startswith("trace-mini_small-llama_")


def test_trace_means_the_same_once_the_archive_is_added_and_a_variant_is_called_by_name(call, llama, home, tmp_path):
    assert call("data", "add", "trace", small.write_archive(tmp_path, variant="1000")).code == 0
    plain = call("run", "--stream", "trace", "--model", llama, "--plugin", "frozen", "--dry-run")
    assert plain.out.startswith("stream trace:mini (generated records), 8 tasks, protocol mini/2")
    arguments = ("run", "--stream", "trace:1000", "--model", llama, "--plugin", "frozen", "--dry-run")
    assert call(*arguments).out.startswith("stream trace:1000 (official archive), 8 tasks, protocol trace-paper-ft/2")
    assert call(*arguments, "--set", "stream.test_examples=1", "--json").json["plan"][0]["prompts"] == 8


@pytest.mark.slow
@pytest.mark.data
def test_real_records_fill_a_board_of_their_own(call, real_data, home, tmp_path):
    """All eight tasks of the archive's records; MoFO beside plain fine-tuning where it is installed."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(real_data / "gpt2tokenizer")
    folder = small.save(tmp_path / "gpt2-llama", small.make_llama(len(tokenizer)), tokenizer)
    assert call("data", "add", "trace", real_data / "trace").code == 0
    second = "mofo" if "mofo" in registry().methods.entries else "frozen"
    changes = [
        "stream.train_examples=8",
        "stream.test_examples=4",
        "protocol.epochs=1",
        "protocol.max_prompt_tokens=128",
        "protocol.max_answer_tokens=16",
        "protocol.precision=fp32",
    ]
    settings = [part for one in changes for part in ("--set", one)]
    done = call(
        "run", "--stream", "trace:500", "--plugin", "sequential", "--plugin", second, "--model", folder, *settings
    )
    assert done.code == 0, done.err
    assert done.out.startswith("stream trace:500 (official archive), 8 tasks, protocol trace-paper-ft/2 with ")
    ((board, found),) = rows(home).items()
    assert found == sorted([("sequential", 0), (second, 0)])
    assert board.startswith("trace-500_gpt2-llama_")
    (path,) = (home / "leaderboards" / "results" / board / "sequential").iterdir()
    record = read_record(path)
    assert record.costs.steps == 8
    assert [sum(cell is not None for cell in row) for row in record.scores["strict"]] == [8, 1, 2, 3, 4, 5, 6, 7, 8]
    assert any(record.scores["strict"][8]), "edit similarity and SARI are never 0 all over"
    assert "trace/meetingbank: training examples prompt_truncated" in record.warnings


@pytest.mark.slow
def test_two_processes_at_once_lose_no_row(run_cli, stream, llama, home):
    methods = ("sequential", "joint")

    def start(method):
        arguments = ["run", "--stream", stream, "--model", llama, "--plugin", method, "--quiet"]
        return run_cli(*arguments, env={"OMP_NUM_THREADS": "1", "CLBENCH_HOME": str(home)})

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(start, methods))
    assert [(one.returncode, one.stderr) for one in ended] == [(0, "")] * 2, sys.version
    assert list(rows(home).values()) == [[("joint", 0), ("sequential", 0)]]
