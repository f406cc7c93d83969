"""`clbench run --probe …`: what may be asked, which board and run it belongs to, and what is shown of it."""

import json
import re

import pytest
import small
from probing import write_choice

from clbench.base.errors import OptionError
from clbench.engine.proberequest import ProbeRequest
from clbench.engine.session import prepare
from clbench.sandbox import sandbox


@pytest.fixture
def stream(tmp_path):
    """Two tasks, and a probe of the invented world."""
    path = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)
    variants = "variants: {files: {source: files, probes: [probes/facts], probe_examples: 3}}\n"
    path.write_text(path.read_text("utf-8") + variants, "utf-8")
    return path


@pytest.fixture
def quiz(tmp_path):
    return write_choice(tmp_path / "quiz")


@pytest.fixture
def run(call, stream, llama, home):
    return lambda *more: call("run", "--stream", stream, "--model", llama, "--plugin", "sequential", "--quiet", *more)


@pytest.fixture
def plan(run):
    """Board and run of a command, which runs nothing."""

    def plan(*more):
        (row,) = run("--dry-run", "--json", *more).json["plan"]
        return row["board"], row["run"]

    return plan


# --- boards and runs


def test_other_probes_limits_and_schedules(plan, quiz):
    """Another limit or probe is another board; another schedule is another run."""
    bare, whole = plan(), plan("--probe", quiz)
    few, every = plan("--probe", quiz, "--probe-limit", 2), plan("--probe", quiz, "--probe-schedule", "every")
    assert len({bare[0], whole[0], few[0]}) == 3
    assert every[0] == whole[0]
    assert len({bare[1], whole[1], few[1], every[1]}) == 4


def test_other_records_shots_or_wording_make_another_board(plan, quiz):
    boards = {plan("--probe", quiz)[0]}
    for name, old, new in (
        ("quiz.yaml", "Q: {{ q }}", "Question: {{ q }}"),
        ("quiz-shots.jsonl", " a", " z"),
        ("quiz.jsonl", ' b"', ' c"'),
        ("quiz.yaml", "shots: 2", "shots: 1"),
    ):
        path = quiz.parent / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        boards.add(plan("--probe", quiz)[0])
    assert len(boards) == 5


def test_probes_of_the_invented_world_leave_the_board_as_it_was(plan):
    """A run that was asked for more is another run: else it would be taken for the finished one."""
    bare, more, few = plan(), plan("--probe", "skills"), plan("--probe", "facts", "--probe-limit", 2)
    assert bare[0] == more[0] == few[0] == plan("--probe", "none")[0]
    assert len({bare[1], more[1], few[1]}) == 3


def test_none_leaves_the_streams_own_out(run, quiz):
    shown = run("--probe", "none", "--probe", quiz, "--json").json["runs"][0]
    assert shown["matrix"]["probes"] == ["own/quiz"]


def test_a_run_without_the_streams_own_probes_is_another_run_on_the_same_board(call):
    def plan(*more):
        (row,) = call("run", "--stream", "metamathqa", "--plugin", "frozen", "--dry-run", "--json", *more).json["plan"]
        return row["board"], row["run"]

    (board, run_id), (same_board, other_id) = plan(), plan("--probe", "none")
    assert (board, run_id == other_id) == (same_board, False)


def test_a_stream_of_ones_own_keeps_its_folder_where_another_is_given_for_probes(plan, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert plan("--data", elsewhere) == plan()


# --- refusals: one line, and nothing is written


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--probe", "mmul"), r"no probe 'mmul'; did you mean 'mmlu'"),
        (("--probe", "comonsense"), r"no probe 'comonsense'; did you mean 'commonsense'"),
        (("--probe", "nowhere.yaml"), r"nowhere\.yaml: cannot be read"),
        (("--probe", "mmlu", "--data", "nowhere"), r"--data nowhere: is no folder"),
        (("--probe", "humaneval"), r"probes/humaneval runs what the model writes, .*--allow-code allows it"),
        (("--probe", "held-out-text"), r"probe 'probes/held-out-text': reads local files only; .*--data FOLDER"),
        (("--probe-limit", "0"), r"probe-limit"),
        (("--probe-schedule", "never"), r"probe-schedule"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(run, home, monkeypatch, arguments, complaint):
    monkeypatch.delenv(sandbox.SWITCH, raising=False)
    done = run(*arguments)
    assert done.code == 2
    assert re.search(complaint, " ".join(done.err.replace("│", " ").split()))
    assert "Traceback" not in done.err
    assert not list(home.iterdir())


def test_a_task_of_the_stream_is_no_probe(run, home, stream):
    probe = "task: own/word\ndata: {files: {test: word.test.jsonl}}\nscorers: {strict: exact}\n"
    path = stream.parent / "word.yaml"
    path.write_text(probe, "utf-8")
    done = run("--probe", path)
    assert done.code == 2
    assert "--probe own/word: is a task of the stream itself, and scored in any case" in done.err
    assert not list(home.iterdir())


def test_lm_eval_without_its_plugin_says_how_to_get_it(stream, llama, home):
    lab = small.registry_with()
    for name, plugin in list(lab.plugins.manager.list_name_plugin()):
        if "lm" in name and plugin is not None:
            lab.plugins.manager.unregister(name=name)
    request = small.make_request(
        stream, "sequential", model=llama, home=home, probes=ProbeRequest(("lm-eval:arc_easy",))
    )
    with pytest.raises(OptionError, match=r"--probe lm-eval:arc_easy: no plugin .*; pip install clbench-lm-eval"):
        prepare(request, lab)
    assert not list(home.iterdir())


def test_local_files_of_a_shipped_stream_need_a_folder(call, llama, home):
    done = call("run", "--stream", "metamathqa:files", "--plugin", "sequential", "--model", llama)
    assert done.code == 2
    assert "metamathqa:files reads local files; say in which folder they are: --data FOLDER" in done.err
    assert not list(home.iterdir())


# --- what is shown


@pytest.fixture
def shown(run, quiz, stream):
    """A run beside a probe, one test record of which stands in the training data."""
    test = (stream.parent / "word.test.jsonl").read_text("utf-8").splitlines()
    path = stream.parent / "word.train.jsonl"
    lines = path.read_text("utf-8").splitlines()
    long = json.loads(test[1]) | {"prompt": f"Repeat the word.\nWord:\n{' '.join(WORDS)}\nAgain:", "answer": "hawk"}
    test[1] = lines[2] = json.dumps(long)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    (stream.parent / "word.test.jsonl").write_text("\n".join(test) + "\n", "utf-8")
    return run("--probe", quiz)


WORDS = [f"w{n}" for n in range(20)]


def test_errors_changes_and_overlap_are_printed(shown, call, home):
    assert shown.code == 0, shown.err
    (folder,) = (home / "runs").iterdir()
    found = call("show", folder, "--json").json
    assert found["matrix"]["probes"] == ["probes/facts", "own/quiz"]
    assert [len(row) for row in found["errors"]] == [len(row) for row in found["matrix"]["rows"]] == [4, 4, 4]
    for row, errors in zip(found["matrix"]["rows"], found["errors"], strict=True):
        assert [one is None for one in row] == [one is None for one in errors]
    text = " ".join(shown.out.split())
    assert "± is one standard error" in text
    for name in ("own/quiz", "general-ability"):
        change = found["probe_changes"][name]
        assert f"change of {name:<16} {change['value']:+.4f} ±{change['error']:.4f}" in shown.out
    assert "overlap: 1 of 3 test records of own/word share 13 words in a row with training data" in text
    assert "test records of own/quiz" not in text
    report = home.parent / "report.html"
    assert call("report", folder, "--out", report).code == 0
    page = report.read_text("utf-8")
    assert "What was never trained on" in page
    assert "<td>1 of 3</td>" in page
    change = found["probe_changes"]["own/quiz"]
    assert f"±{change['error']:.4f}" in page


def test_a_dry_run_foretells_what_probes_take(run, quiz, home):
    (row,) = run("--probe", quiz, "--dry-run", "--json").json["plan"]
    (done,) = run("--probe", quiz, "--json").json["runs"]
    files = small.files_below(home / "runs" / done["run"] / "predictions")
    assert row["prompts"] == sum(len(path.read_text("utf-8").splitlines()) for path in files)
    assert done["costs"]["generated_tokens"] <= row["max_generated_tokens"]
    assert row["run"] == done["run"]
