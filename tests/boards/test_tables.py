"""A board's rows in other forms: the same numbers everywhere, and nothing from a record acts."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest

from clbench.boards.style import default_style
from clbench.boards.tables import FORMATS, as_csv, as_html, as_json, as_latex, as_markdown, board_table
from clbench.metrics.summaries import SUMMARIES

HOSTILE = "a_b & $x$ {\\end} #1 % <b>|c ^~"


def table(records, *metrics):
    return board_table("toy", records, style=default_style(), summaries=SUMMARIES, metrics=metrics)


@pytest.fixture
def records(make_record):
    return [
        make_record("sequential", seed=0, final=(0.2, 0.4)),
        make_record("sequential", seed=1, final=(0.4, 0.4)),
        make_record("mofo", final=(0.9, 0.9)),
    ]


def test_rows_of_one_run_are_marked_and_behind_those_of_several(records):
    found = table(records)
    assert [(row.method, row.n, row.single) for row in found.rows] == [("sequential", 2, False), ("mofo", 1, True)]
    for form, made in FORMATS.items():
        assert form == "csv" or "one run, so nothing is known of its spread" in made(found)


def test_where_all_have_one_run_none_is_marked(records):
    assert [(row.method, row.single) for row in table(records[1:]).rows] == [("mofo", False), ("sequential", False)]


def test_all_forms_have_the_same_numbers(records):
    found = table(records, "op", "vs.op", "final.iqm")
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    values = as_json(found)["rows"]
    assert [float(row["op"]) for row in rows] == [row["values"]["op"]["mean"] for row in values]
    assert [float(row["op"]) for row in rows] == pytest.approx([0.35, 0.9])
    assert float(rows[0]["op.spread"]) == values[0]["values"]["op"]["spread"] == pytest.approx(0.0707, abs=1e-4)
    assert (rows[1]["op.spread"], values[1]["values"]["op"]["spread"]) == ("", None)
    assert (rows[0]["vs.op"], values[0]["values"]["vs.op"]) == ("", None)
    assert "0.350 ± 0.071" in as_markdown(found)
    assert r"0.350 $\pm$ 0.071" in as_latex(found)
    cells = [[cell.text for cell in row] for row in ET.fromstring(as_html(found)).iter("tr")]
    assert cells[1] == ["sequential", "2", "0.350 ± 0.071", "–", "0.350 ± 0.071"]


def test_columns_are_those_with_a_number_or_those_asked_for(records):
    assert "retention.facts" not in [one.key for one in table(records).columns]
    assert [one.key for one in table(records, "retention.facts").columns] == ["retention.facts"]


def test_a_latex_table_is_balanced_and_its_texts_are_no_commands(make_record):
    text = as_latex(table([make_record("mofo", options={"mofo": {"learning_rate": HOSTILE}})]))
    (row,) = re.findall(r"^mofo.*$", text, flags=re.MULTILINE)
    assert row.count(" & ") == text.splitlines()[3].count(" & ")
    assert r"a\_b \& \$x\$ \{\textbackslash{}end\} \#1 \% <b>|c \textasciicircum{}\textasciitilde{}" in row
    assert not re.search(r"[↑±−–Δ÷]", text)


def test_no_form_lets_a_label_act(make_record):
    found = table([make_record("mofo", options={"mofo": {"learning_rate": "=1+1\x1b[2J</td><script>"}})])
    for made in FORMATS.values():
        assert "\x1b" not in made(found)
    assert "<script" not in as_html(found)
    assert "<script" not in as_markdown(found)


# --- the command


@pytest.fixture
def saved(records, home):
    for record in records:
        record.save(record.path(home / "leaderboards"))
    return records


@pytest.mark.parametrize("form", ["md", "csv", "latex", "html", "json"])
def test_the_command_prints_rows_and_writes_nothing(call, saved, home, form):
    done = call("leaderboard", "--format", form, "--metric", "op")
    assert (done.code, done.err) == (0, "")
    assert "sequential" in done.out
    assert not list((home / "leaderboards").glob("*.md"))
    if form == "json":
        assert [row["method"] for row in json.loads(done.out)["rows"]] == ["sequential", "mofo"]


def test_json_of_the_update_holds_the_rows(call, saved):
    (found,) = call("leaderboard", "--json").json
    assert [row["values"]["op"]["mean"] for row in found["rows"]] == pytest.approx([0.35, 0.9])
    assert found["board"].endswith(".md")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--format", "csv", "--metric", "oq"], "no metric 'oq'; there is"),
        (["--format", "csv", "--check"], "--format prints rows"),
        (["--metric", "op"], "--metric names the columns of --format and of --json"),
        (["--format", "csv", "--board", "x"], "no board 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused(call, saved, arguments, complaint):
    done = call("leaderboard", *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert complaint in done.err
