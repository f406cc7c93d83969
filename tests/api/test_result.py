"""Results as objects: their numbers are the command's, what is shown of them is harmless."""

import builtins
import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import small

import clbench
from clbench.api.result import Result, Results
from clbench.base.errors import ClbenchError, RecordError


@pytest.fixture(scope="module")
def made(tmp_path_factory, llama):
    """Two methods, two seeds."""
    home = tmp_path_factory.mktemp("home")
    stream = small.write_stream(tmp_path_factory.mktemp("stream"), tasks=small.STREAM_TASKS[:2], epochs=1)
    folders = {"runs_dir": home / "runs", "leaderboards_dir": home / "leaderboards"}
    found = clbench.run(stream=stream, model=llama, plugin=["sequential", "frozen"], seeds=2, quiet=True, **folders)
    return found, folders


@pytest.fixture
def without(monkeypatch):
    """As if a library were not installed."""

    def without(name):
        original = builtins.__import__

        def refuse(wanted, *arguments, **more):
            if wanted.partition(".")[0] == name:
                raise ImportError(f"No module named {name!r}")
            return original(wanted, *arguments, **more)

        monkeypatch.setattr(builtins, "__import__", refuse)

    return without


def test_a_result_is_what_the_command_shows(made, call):
    results, folders = made
    result = results[0]
    shown = call("show", result.run, "--json", "--runs-dir", folders["runs_dir"]).json
    assert result.R.to_numpy().tolist() == shown["matrix"]["rows"]
    assert list(result.R.columns) == [*shown["matrix"]["tasks"], *shown["matrix"]["probes"]]
    assert list(result.R.index) == ["base", "1 own/word", "2 own/number"]
    assert result.metrics["op"] == shown["metrics"]["op"]
    assert result.missing == shown["missing"]
    assert {name: result.costs[name] for name in shown["costs"]} == shown["costs"]
    assert (result.seed, result.order, result.method, result.tasks) == (
        0,
        "order1",
        "sequential",
        small.STREAM_TASKS[:2],
    )


def test_results_are_found_by_place_and_by_name(made):
    results, _ = made
    assert [one.seed for one in results] == [0, 1, 0, 1]
    assert isinstance(results, Results)
    assert Results(results[:1])["sequential"] is results[0]
    with pytest.raises(ClbenchError, match="no single run of a method 'sequential'"):
        results["sequential"]
    with pytest.raises(ClbenchError, match="there are 4 results"):
        _ = results.result
    assert list(results.table["method"]) == ["sequential", "sequential", "frozen", "frozen"]
    assert "frozen" in repr(results)
    assert f"op {results[0].metrics['op']:+.4f}" in repr(results[0])


def test_answers_are_those_of_the_files(made):
    result = made[0][0]
    found = result.predictions("word")
    path = result.path / "predictions/02/own--word.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [one.prediction for one in found] == [json.loads(line)["prediction"] for line in lines]
    assert result.predictions("own/word", 2) == result.predictions("word", -1) == found
    assert result.predictions("word", 0) != []
    with pytest.raises(ClbenchError, match="no task 'wort'; there is own/number, own/word"):
        result.predictions("wort")
    with pytest.raises(RecordError, match="own/word has no answers in row 7; there is 0, 1, 2"):
        result.predictions("word", 7)
    with pytest.raises(RecordError, match="its answers are in its run directory"):
        Result(result.record).predictions("word")


def test_lost_are_the_answers_that_were_right(made):
    result = made[0][0]
    path = result.path / "predictions"
    kept = {name: (path / name).read_text(encoding="utf-8") for name in ("01/own--word.jsonl", "02/own--word.jsonl")}
    lines = [json.loads(line) for line in kept["01/own--word.jsonl"].splitlines()]
    try:
        for name, right in (("01/own--word.jsonl", (True, True, False)), ("02/own--word.jsonl", (False, True, True))):
            told = [{**one, "prediction": one["answer"] if ok else ""} for one, ok in zip(lines, right, strict=True)]
            (path / name).write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
        (lost,) = result.lost("word")
        assert (lost.prompt, lost.then, lost.now) == (lines[0]["prompt"], lines[0]["answer"], "")
        assert (lost.score_then, lost.score_now) == (1.0, 0.0)
    finally:
        for name, text in kept.items():
            (path / name).write_text(text, encoding="utf-8")


def test_the_picture_is_the_matrix(made):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    result = made[0][0]
    ax = result.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["base", "1 word", "2 number"]
    assert ax.get_title() == "sequential, seed 0, order1"
    assert np.allclose(ax.images[0].get_array(), result.R[list(result.tasks)].to_numpy())
    assert result.plot(ax) is ax
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("name", "act", "complaint"),
    [
        ("matplotlib", lambda result: result.plot(), r"plot\(\): needs matplotlib; pip install matplotlib"),
        ("pandas", lambda result: result.R.frame(), r"frame\(\): needs pandas; pip install pandas"),
    ],
)
def test_a_library_that_is_missing_is_one_line(made, without, name, act, complaint):
    result = made[0][0]
    without(name)
    with pytest.raises(ClbenchError, match=complaint) as caught:
        act(result)
    assert "\n" not in str(caught.value)


def test_without_pandas_there_are_small_tables(made, without):
    results, folders = made
    frame = results[0].R
    without("pandas")
    table = results[0].R
    assert isinstance(table, clbench.Table)
    assert [list(row.values())[1:] for row in table] == frame.to_numpy().tolist()
    assert "1 own/word" in repr(table)
    assert ET.fromstring(table._repr_html_()).tag == "div"
    assert [row["status"] for row in clbench.runs(folders["runs_dir"])] == ["finished"] * 4
    assert len(clbench.board(leaderboards_dir=folders["leaderboards_dir"])) == 2


EVIL = "<img src=x onerror=alert(1)>&\"'"


def test_what_is_shown_in_a_notebook_is_harmless(make_record, replaced):
    record = replaced(make_record(), ("method", "name"), EVIL)
    for place in (("order",), ("board", "stream"), ("board", "variant"), ("run",), ("method", "options", EVIL)):
        record = replaced(record, place, EVIL if place[-1] != EVIL else {EVIL: EVIL})
    record = replaced(record, ("tasks",), (EVIL, "b"))
    page = Result(record)._repr_html_()
    assert "<img" not in page
    tree = ET.fromstring(page)
    assert {one.tag for one in tree.iter()} <= {
        *("div", "style", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
        *("h3", "span", "small"),
    }
    assert not [name for one in tree.iter() for name in one.attrib if name.startswith("on")]
    assert "<img" not in clbench.Table([{EVIL: EVIL}])._repr_html_()


# --- read back


def test_runs_boards_and_comparisons_are_read_back(made):
    results, folders = made
    boards = {"leaderboards_dir": folders["leaderboards_dir"]}
    assert clbench.load(results[0].run, runs_dir=folders["runs_dir"]).record == results[0].record
    path = results[0].record.path(folders["leaderboards_dir"])
    for row, own in zip(clbench.load(path).matrix.rows, results[0].matrix.rows, strict=True):
        assert row == pytest.approx(own, abs=1e-6), "boards keep six decimals"
    listed = clbench.runs(folders["runs_dir"])
    assert set(listed.index) == {one.run for one in results}
    assert set(listed["status"]) == {"finished"}
    board = clbench.board(results[0].board, **boards).set_index("method")
    ops = [one.metrics["op"] for one in results if one.method == "sequential"]
    assert board.loc["sequential", "op"] == pytest.approx(np.mean(ops), abs=1e-6)
    half = 12.706204736 * np.std(ops, ddof=1) / np.sqrt(2)  # Student's t, one degree of freedom
    assert board.loc["sequential", "op.high"] - board.loc["sequential", "op"] == pytest.approx(half, abs=1e-5)
    assert board.equals(clbench.board(folders["leaderboards_dir"]).set_index("method"))
    compared = clbench.compare("sequential:frozen", metrics=["op"], **boards)
    assert compared.loc[0, "n"] == 2
    bases = [one.metrics["op"] for one in results if one.method == "frozen"]
    assert compared.loc[0, "difference"] == pytest.approx(np.mean(np.subtract(ops, bases)), abs=1e-6)


def test_what_is_not_there_is_one_line(home, tmp_path):
    for act, complaint in (
        (lambda: clbench.load("nothing"), "no run 'nothing'"),
        (lambda: clbench.load("nothing.json"), "cannot be read"),
        (lambda: clbench.board("nothing"), "no board 'nothing'"),
        (clbench.board, "--board is missing: there is none"),
        (lambda: clbench.compare("a"), "must be of the form METHOD:BASELINE"),
    ):
        with pytest.raises(ClbenchError, match=complaint):
            act()
    assert len(clbench.runs(tmp_path)) == 0


def test_a_run_that_cannot_be_read_is_listed_with_the_reason(tmp_path):
    for name, text in (("half", '{"status": "failed"}'), ("torn", "{")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    status = clbench.runs(tmp_path)["status"]
    assert status["half"] == "failed"
    assert status["torn"].startswith("unreadable: ")


def test_a_room_can_be_called(tmp_path):
    import clbench.metrics
    import clbench.runs

    assert clbench.metrics([[0.5]])["op"] == 0.5
    assert len(clbench.runs(tmp_path)) == 0
    assert clbench.metrics.__name__ == "clbench.metrics"
    from clbench.metrics import matrix

    assert matrix.ResultMatrix is clbench.ResultMatrix


def test_an_empty_table_is_a_table():
    assert repr(clbench.Table([])) == "(no rows)"
    assert isinstance(clbench.Table([]).frame(), pd.DataFrame)
