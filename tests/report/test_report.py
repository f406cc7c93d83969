"""Reports: all that records say, well-formed, and nothing from outside as markup."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.base.errors import RecordError
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, of_run_dir, render
from clbench.report.colours import line_style, luminance, shade
from clbench.report.curves import average_scores
from clbench.report.heatmap import result_matrix
from clbench.report.html import Html, join, tag, text
from clbench.report.notes import flat, utilisation_of
from clbench.runs.rundir import RunDir

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg onload=alert(1)>",
    "' onmouseover='x",
    "&lt;b&gt; & ]]> <!-- -->",
    "nul\x00esc\x1b[31m",
    "新 | 方法",
]
TAGS = """html head meta title style body main header nav section div span h1 h2 h3 h4 p a ul ol li figure figcaption
details summary table thead tbody tr th td svg g line polyline circle text rect b pre h5"""
OURS = set(TAGS.split())
USAGE = {
    "title": "mean router weight",
    "columns": ["1", "2", "3"],
    "column_groups": ["QA", "QA", "code"],
    "rows": [
        {"name": "toy/a", "group": "QA", "values": [0.5, 0.3, 0.2]},
        {"name": "toy/b", "group": "code", "values": [0.125, 0.125, None]},
        {"name": "toy/c", "group": "QA", "values": [0.4, 0.4, 0.2]},
    ],
}


def page(*records):
    return render([of_record(record) for record in records], summaries=SUMMARIES)


def tree(document):
    """The page as XML: an unescaped or unclosed anything is an error here."""
    first, _, rest = document.partition("\n")
    assert first == "<!DOCTYPE html>"
    return ET.fromstring(rest)


def words(element):
    return " ".join(" ".join(element.itertext()).split())


def cells(element):
    return [[words(cell) for cell in row] for row in element.iter("tr")]


@pytest.fixture(scope="session")
def full(make_record):
    """A record with everything that a report shows."""
    return make_record(
        "mofo",
        options={"mofo": {"learning_rate": None, "fraction": 0.1}},
        probes={"probes/facts": [0.8, 0.7, 0.4], "probes/text": [1.5, 1.7, 2.25]},
        drift={"relative_l2": 0.02, "moved": 0.5, "blocks": {"layers.0": 0.01, "layers.1": 0.04}},
        warnings={"toy/a: empty answers": 2, "clbench/tiny: a functional run, no scientific result": 1},
        notes={"mofo": {"selected_share": 0.1, "deep": {"shares": [1, 2]}}, "moe": {"size": 3, "utilisation": USAGE}},
        provenance={"clbench": "0.1.0", "command": ["clbench", "run"]},
    )


# --- what it says


def test_snapshot_of_a_report(full, snapshot):
    assert page(full).replace("><", ">\n<") == snapshot


def test_same_records_give_the_same_bytes(full, make_record):
    assert page(full, make_record()) == page(full, make_record())


def test_heat_map_has_the_base_row_and_the_probes(full):
    (table, *_) = [one for one in tree(page(full)).iter("table") if one.get("class") == "heat"]
    assert cells(table) == [
        ["after", "a", "b", "facts", "text"],
        ["base", "0.100", "0.200", "0.800", "1.500"],
        ["1 a", "0.900", "0.300", "0.700", "1.700"],
        ["2 b", "0.500", "0.800", "0.400", "2.250"],
    ]
    titles = [cell.get("title") for cell in table.iter("td")]
    assert "toy/a after 2 (toy/b), -0.400 since it was learned: 0.5" in titles
    learned = [words(cell) for cell in table.iter("td") if cell.get("class") == "learned"]
    assert learned == ["0.900", "0.800"]


def test_what_was_not_measured_is_a_dash_and_no_zero():
    matrix = ResultMatrix(("a", "b"), ((0.5, None), (None, 0.0)))
    table = ET.fromstring(result_matrix(matrix))
    assert cells(table)[1:] == [["base", "–", "–"], ["1 a", "0.500", "–"], ["2 b", "–", "0.000"]]


def test_metrics_are_under_every_scorer_with_definition_and_direction(full):
    (table,) = [one for one in tree(page(full)).iter("table") if one.get("class") == "metrics"]
    rows = {row[0]: row[1:] for row in cells(table)}
    assert rows["Name"] == ["strict", "lenient", "Definition"]
    assert len(rows) == len(SUMMARIES) + 1
    assert rows["bwt.gem ↑"][:2] == ["-0.4000", "-0.4000"]
    assert rows["fwt.gem ↑"][:2] == ["+0.1000", "+0.2000"]
    assert rows["retention.facts ↑"][0] == "+0.5000"
    assert "Riemer" in rows["learning_accuracy ↑"][2]
    assert rows["intransigence.single ↓"][0] == "–"
    (reason,) = {span.get("title") for span in table.iter("span") if "bound 'single'" in span.get("title", "")}
    assert reason.startswith("needs the bound")


def test_forgetting_curves_have_every_measured_point(full):
    section = tree(page(full))
    curves = [words(one) for one in section.iter("title")]
    assert [one for one in curves if one.startswith("toy/a, after")] == [
        "toy/a, after base: 0.100",
        "toy/a, after 1: 0.900",
        "toy/a, after 1: 0.900",
        "toy/a, after 2: 0.500",
    ]


def test_drift_costs_and_provenance(full):
    rows = {row[0]: row[1:] for row in cells(tree(page(full)))}
    assert rows["layers.1"][0] == "0.04"
    assert rows["moved"] == ["0.5"]
    assert rows["peak memory bytes"] == ["3.0 GiB"]
    assert rows["trainable parameters"] == ["1,000,000"]
    assert rows["device"] == ["cpu"]
    assert rows["command"] == ["clbench run"]
    widths = re.findall(r'class="bar" style="width:([\d.]+)em"', page(full))
    assert float(widths[1]) == pytest.approx(4 * float(widths[0]))


@pytest.mark.parametrize("bad", [float("nan"), -1, "x", None, {"a": 1}, True])
def test_drift_that_is_no_number_is_shown_as_it_is(make_record, replaced, bad):
    record = replaced(make_record(drift={"blocks": {"body": 0.5}}), ("drift", "blocks", "head"), bad)
    rows = {row[0]: row[1] for row in cells(tree(page(record)))}
    assert rows["body"] == "0.5"
    assert any(key.startswith(("blocks.head", "head")) for key in rows)


def test_functional_run_is_said_first_and_every_warning_is_told(full):
    found = tree(page(full))
    (header,) = found.iter("header")
    assert words(header[0]) == "clbench/tiny: a functional run, no scientific result"
    assert header[0].get("class") == "alarm"
    assert "toy/a: empty answers (2)" in [words(one) for one in found.iter("li")]


def test_record_without_anything_extra_has_no_empty_parts(make_record):
    told = page(make_record())
    for heading in ("Drift", "Notes", "Warnings", "Provenance", "Comparison"):
        assert f">{heading}" not in told


# --- notes


def test_utilisation_of_any_note_is_drawn_with_groups_together(full):
    tables = [one for one in tree(page(full)).iter("table") if one.get("class") == "heat"]
    drawn = cells(tables[-1])
    assert drawn == [
        ["", "QA", "code"],
        ["", "1", "2", "3"],
        ["QA"],
        ["a", "0.500", "0.300", "0.200"],
        ["c", "0.400", "0.400", "0.200"],
        ["code"],
        ["b", "0.125", "0.125", "–"],
    ]
    assert shade(1.0)[0] in page(full)  # the largest value has the end of the scale
    rows = {row[0]: row[1:] for row in cells(tree(page(full)))}
    assert rows["size"] == ["3"]
    assert (rows["selected_share"], rows["deep.shares"]) == (["0.1"], ["[1, 2]"])


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": []},
        {"columns": ["1"]},
        {"column_groups": ["QA"]},
        {"rows": "x"},
        {"more": 1},
    ],
    ids=str,
)
def test_utilisation_of_another_form_is_told_and_shown_as_it_is(make_record, changes):
    note = {"utilisation": USAGE | changes}
    drawn, problem = utilisation_of(note)
    assert drawn is None
    assert problem.startswith("utilisation is not of the form that is drawn: ")
    told = page(make_record(notes={"moe": note}))
    assert "is not of the form" in told
    assert "mean router weight" in told


@pytest.mark.parametrize("note", [None, 3, "x", [1, 2], {}, {"a": {}}])
def test_notes_may_be_any_json(make_record, note):
    assert utilisation_of(note) == (None, None)
    tree(page(make_record(notes={"own": note})))


def test_long_notes_are_folded_and_not_cut(make_record):
    value = list(range(500))
    (folded,) = [
        one
        for one in tree(page(make_record(notes={"replay": {"indices": value}}))).iter("details")
        if one[0].text.startswith("[0, 1,")
    ]
    assert json.loads(folded[0].tail) == value


WORD = st.text("xyz新", max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_flat_loses_nothing(value):
    told = " ".join(f"{key} {shown}" for key, shown in flat(value))
    leaves = re.findall(r"-?\w+", json.dumps(value, ensure_ascii=False))
    assert all(leaf in told for leaf in leaves)


# --- several runs


@pytest.fixture
def several(make_record):
    return [
        make_record("sequential", final=(0.3, 0.8)),
        make_record("mofo", final=(0.5, 0.8)),
        make_record("mofo", seed=1, final=(0.6, 0.8)),
    ]


def comparison(document):
    (section,) = [one for one in tree(document).iter("section") if one.get("id") == "comparison"]
    tables = [cells(one) for one in section.iter("table") if one.get("class") == "comparison"]
    return [[dict(zip(rows[0], row, strict=True)) for row in rows[1:]] for rows in tables]


def test_comparison_has_a_row_a_run_and_pairs_with_sequential(several):
    (rows,) = comparison(page(*several))
    assert [(row["Method"], row["Seed"]) for row in rows] == [("sequential", "0"), ("mofo", "0"), ("mofo", "1")]
    assert [row["OP ↑"] for row in rows] == ["0.550", "0.650", "0.700"]
    assert [row["ΔOP vs sequential"] for row in rows] == ["–", "+0.100", "–"]  # seed 1 has no partner
    assert "Facts retained ↑" not in rows[0]


def test_contents_lead_to_the_runs(several):
    found = tree(page(*several))
    ids = [one.get("id") for one in found.iter() if one.get("id")]
    assert len(ids) == len(set(ids)) == 4
    links = {one.get("href").removeprefix("#") for one in found.iter("a")}
    assert links == set(ids)


def test_boards_are_kept_apart(several, make_record):
    other = make_record("replay", board={"data": "d" * 64})
    document = page(*several, other)
    assert [len(rows) for rows in comparison(document)] == [3, 1]
    assert "of 2 boards; numbers of different boards cannot be compared" in document
    assert "cannot be compared" not in page(*several)


def test_average_score_is_over_the_tasks_learned_so_far():
    matrix = ResultMatrix(("a", "b", "c"), ((0.5, None, None), (None, 0.8, 0.1), (0.3, 0.6, 0.9)))
    assert average_scores(matrix) == [(1, 0.5), (3, pytest.approx(0.6))]


def test_streams_of_different_length_share_a_chart(several, make_record):
    one = make_record("frozen", tasks=["toy/a"], scores={"strict": [[0.1], [0.4]], "lenient": [[0.1], [0.4]]})
    assert "frozen, seed 0, order1, after 1: 0.400" in page(*several, one)


def test_aia_is_the_mean_of_the_chart(several):
    values = [value for _, value in average_scores(of_record(several[0]).matrix)]
    (aia,) = [spec for spec in SUMMARIES if spec.name == "aia"]
    assert sum(values) / len(values) == pytest.approx(aia.of(of_record(several[0]).matrix))


# --- harmless


class Tags(HTMLParser):
    """What a browser's parser finds, as far as Python has one."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(name, value) for name, value in attrs}


def hostile_record(make_record, replaced, name):
    """A text from outside wherever there is a text, also where the schema would not let it in."""
    usage = {"title": name, "columns": [name], "column_groups": [name]}
    texts = {
        ("method", "name"): name,
        ("method", "options"): {name: {name: name}},
        ("order",): name,
        ("run",): name,
        ("tasks",): (name, "toy/b"),
        ("board", "stream"): name,
        ("board", "variant"): name,
        ("board", "protocol"): {"name": name, "scorer": "strict", name: name},
        ("board", "model"): {"name": name, "hash": name},
        ("board", "changes"): {name: name},
        ("probes",): {name: (0.1, 0.2, 0.3)},
        ("drift",): {name: name, "blocks": {name: 0.5}},
        ("warnings",): {name: 2, f"functional run {name}": 1},
        ("notes",): {
            name: {name: name, "utilisation": {**usage, "rows": [{"name": name, "group": name, "values": [1.0]}]}}
        },
        ("provenance",): {name: name, "command": [name]},
    }
    record = make_record()
    for place, value in texts.items():
        record = replaced(record, place, value)
    return record


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_outside_are_no_markup(make_record, replaced, name):
    record = hostile_record(make_record, replaced, name)
    document = page(record, make_record())
    found = tree(document)  # as XML
    parsed = Tags(document)  # as HTML
    assert {one.tag for one in found.iter()} == parsed.tags <= OURS
    assert not {key for key, _ in parsed.attributes if key.startswith("on") or key in ("src", "xlink:href")}
    assert all(value.startswith("#") for key, value in parsed.attributes if key == "href")
    styles = {value for key, value in parsed.attributes if key == "style"}
    assert all(re.fullmatch(r"(background|color|width):[#\w.]+(;color:#\w+)?", style) for style in styles)
    shown = re.sub("[\x00\x1b]", "�", name)
    assert shown in " ".join(found.itertext())


def test_nothing_is_asked_of_the_network_and_nothing_runs(full):
    document = page(full)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in Tags(document).attributes
    assert not re.search(r"https?://|<script|<link|<img|<iframe|@import|url\(", document)


@given(st.text(), st.text())
def test_any_text_survives_as_itself(inside, attribute):
    keep = re.sub("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", inside)
    keep = re.sub("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]", "�", keep)
    element = ET.fromstring(tag("p", inside, title=attribute))
    assert "".join(element.itertext()) == keep
    assert list(element.attrib) == ["title"]
    assert len(element) == 0


def test_only_markup_of_ours_is_markup():
    assert join(["<b>", Html("<b>"), None, 1, 0.5, [tag("i", "x")]]) == "&lt;b&gt;<b>10.5<i>x</i>"
    assert join(tag("i") + "<b>") == "&lt;i&gt;&lt;/i&gt;&lt;b&gt;"  # what was glued to text is text
    assert text('"') == "&quot;"


# --- colours


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_value_is_lighter(one, other):
    def light(value):
        return luminance(list(bytes.fromhex(shade(value)[0][1:])))

    low, high = sorted((one, other))
    assert light(low) <= light(high) + 0.004  # channels are whole numbers


@given(st.floats(-2, 2))
def test_numbers_on_colours_are_readable(value):
    background, foreground = (luminance(list(bytes.fromhex(one[1:]))) for one in shade(value))
    light, dark = max(background, foreground), min(background, foreground)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG AA


def test_ends_of_the_scale():
    assert (shade(0.0)[0], shade(1.0)[0], shade(9.0)[0]) == ("#440154", "#fde725", "#fde725")


def test_lines_differ():
    assert len({line_style(number) for number in range(28)}) == 28


# --- unfinished runs


@pytest.fixture
def half(tmp_path, make_record):
    """A run that has measured its first row only."""
    record = make_record("mofo")
    folder = tmp_path / "runs" / record.run
    config = {
        "board": {"name": record.board.name, **record.board.model_dump(mode="json")},
        "method": record.method.model_dump(mode="json"),
        "seed": 0,
        "order": {"name": "order1", "tasks": list(record.tasks)},
    }
    run_dir = RunDir(folder)
    folder.mkdir(parents=True)
    run_dir.write_state(run=record.run, status="running", config=config)
    run_dir.write_matrix(ResultMatrix.empty(record.tasks).with_row(0, (0.1, 0.2)).with_row(1, (0.9, 0.3)))
    return run_dir


def test_unfinished_run_shows_what_there_is(half, make_record):
    document = render([of_run_dir(half)], summaries=SUMMARIES)
    found = tree(document)
    (header,) = found.iter("header")
    assert words(header[0]) == "1 of 1 run(s) not finished"
    assert "Not finished (status: running)" in document
    rows = cells(found)
    assert ["1 a", "0.900", "0.300"] in rows
    assert ["2 b", "–", "–"] in rows
    assert "Costs" not in document
    both = render([of_record(make_record()), of_run_dir(half)], summaries=SUMMARIES)
    (compared,) = comparison(both)
    assert [(row["Status"], row["OP ↑"]) for row in compared] == [("finished", "0.650"), ("running", "–")]


def test_finished_run_is_its_record(half, make_record):
    record = make_record("mofo")
    half.save_record(record)
    assert of_run_dir(half) == of_record(record)


@settings(max_examples=20)
@given(missing=st.sampled_from(["board", "method", "seed", "order"]), value=st.sampled_from([None, "x", [], {}]))
def test_run_json_that_says_too_little_is_one_line(half_state, missing, value):
    state, run_dir = half_state
    run_dir.write_state(config=state["config"] | {missing: value})
    with pytest.raises(RecordError, match=r"is not finished, and its run\.json says too little"):
        of_run_dir(run_dir)


@pytest.fixture(scope="session")
def half_state(tmp_path_factory, make_record):
    record = make_record("mofo")
    run_dir = RunDir(tmp_path_factory.mktemp("runs") / record.run)
    run_dir.path.mkdir()
    config = {
        "board": record.board.model_dump(mode="json"),
        "method": record.method.model_dump(mode="json"),
        "seed": 0,
        "order": {"name": "order1"},
    }
    run_dir.write_state(status="failed", config=config)
    return run_dir.state(), run_dir


def test_run_without_any_row_says_so(half):
    (half.path / "matrix.json").unlink()
    with pytest.raises(RecordError, match="is not finished and has measured nothing yet"):
        of_run_dir(half)
    (half.path / "matrix.json").write_text("{")
    with pytest.raises(RecordError, match="is not JSON"):
        of_run_dir(half)
