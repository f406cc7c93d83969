"""What a report shows besides R: the headline, bars, training, probes, lost answers."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest
from scipy import stats

from clbench.boards.lost import Lost
from clbench.metrics.matrix import ResultMatrix
from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, render
from clbench.report.bars import moments
from clbench.report.headline import NORMAL
from clbench.report.heatmap import mean_matrix
from clbench.report.training import thinned
from clbench.runs.events import TrainingCurve

CURVE = TrainingCurve((10, 20, 30), (3.0, 2.0, 1.5), (0.001, 0.0005, 0.0), (("toy/a", 15), ("toy/b", 30)))
HOSTILE = "<script>alert(1)</script>"
LOST = {"toy/a": [Lost(f"{HOSTILE} {n}", "yes", "yes", "no" if n else "", 1.0, 0.0) for n in range(15)]}


def tree(*subjects):
    return ET.fromstring(render(subjects, summaries=SUMMARIES).partition("\n")[2])


def words(element):
    return " ".join(" ".join(element.itertext()).split())


def of_class(found, name):
    return [one for one in found.iter() if one.get("class") == name]


# --- headline


def test_the_headline_of_one_run_has_an_interval_over_the_test_records(make_record):
    errors = {"strict": [[0.1, 0.1], [0.06, 0.1], [0.03, 0.04]]}
    told = [words(one) for one in of_class(tree(of_record(make_record(errors=errors))), "tile")]
    assert told[0] == f"0.650 ± {NORMAL * 0.05 / 2:.3f} OP"  # 0.03 and 0.04 make 0.05
    assert told[1] == "-0.400 BWT (gem)"
    assert told[2] == f"0.850 ± {NORMAL * (0.06**2 + 0.04**2) ** 0.5 / 2:.3f} learning accuracy"


def test_bwt_has_its_interval_where_its_answers_were_there(make_record):
    subject = dataclasses.replace(of_record(make_record()), bwt_error=0.05)
    told = [words(one) for one in of_class(tree(subject), "tile")]
    assert told[1] == f"-0.400 ± {NORMAL * 0.05:.3f} BWT (gem)"


def test_the_headline_of_several_has_one_row_a_method_with_its_t_interval(make_record):
    finals = [0.4, 0.5, 0.7]
    records = [make_record("mofo", seed=seed, final=(one, one)) for seed, one in enumerate(finals)]
    records += [make_record("sequential", seed=seed, final=(one - 0.3, one - 0.3)) for seed, one in enumerate(finals)]
    found = tree(*map(of_record, records))
    (means,) = of_class(found, "means")
    low, high = stats.t.interval(0.95, 2, loc=sum(finals) / 3, scale=stats.sem(finals))
    assert words(list(means.iter("tr"))[1]).startswith(f"mofo 3 {sum(finals) / 3:.3f} [{low:.3f}, {high:.3f}]")
    (differences,) = of_class(found, "differences")
    assert words(list(differences.iter("tr"))[1]).startswith("mofo OP 3 +0.300 [0.300, 0.300] 0.000 higher")


def test_runs_without_a_pair_have_no_differences(make_record):
    found = tree(of_record(make_record("mofo", seed=1)), of_record(make_record("sequential")))
    assert not of_class(found, "differences")
    assert of_class(found, "means")


def test_several_runs_are_folded_away_so_that_paper_holds_them(make_record):
    found = tree(*(of_record(make_record(seed=seed)) for seed in range(3)))
    sections = [one for one in found.iter("section") if (one.get("id") or "").startswith("run-")]
    assert [[part.tag for part in one] for one in sections] == [["h2", "details"]] * 3


def test_the_chart_of_several_has_a_legend_of_methods(make_record):
    found = tree(*(of_record(make_record(name, seed=seed)) for name in ("mofo", "sequential") for seed in range(2)))
    assert [words(one) for one in of_class(found, "legend")[0].iter("li")] == ["mofo", "sequential"]


# --- parts


def test_a_mean_over_runs_lacks_what_one_of_them_lacks():
    one = ResultMatrix(("a", "b"), ((0.25, None), (0.5, 0.75)), base=(0.0, 0.5), probes={"p": (1.0, None, 0.5)})
    other = ResultMatrix(("a", "b"), ((0.75, 0.5), (0.0, 0.25)), base=None, probes={"p": (0.5, 0.5, 0.5)})
    found = mean_matrix([one, other])
    assert (found.rows, found.base, found.probes) == (((0.5, None), (0.25, 0.5)), None, {"p": (0.75, None, 0.5)})


def test_bars_are_row_0_the_diagonal_and_the_last_row(make_record):
    subject = of_record(make_record())
    assert [moments(subject.matrix, j) for j in range(2)] == [(0.1, 0.9, 0.5), (0.2, 0.8, 0.8)]
    told = [words(one) for one in tree(subject).iter("title") if "toy/a" in words(one)]
    assert {"toy/a before: 0.100", "toy/a after learning it: 0.900", "toy/a at the end: 0.500"} <= set(told)


def test_loss_and_learning_rate_are_drawn_where_they_are_known(make_record):
    assert "Training" not in [words(one) for one in tree(of_record(make_record())).iter("h3")]
    found = tree(of_record(make_record(), curve=CURVE))
    assert {"loss (nats a token)", "learning rate"} <= {words(one) for one in found.iter("figcaption")}


def test_thinning_keeps_the_mean():
    points = [(n, float(n % 7)) for n in range(1, 1001)]
    few = thinned(points, most=250)
    assert len(few) == 250
    assert sum(value for _, value in few) / 250 == pytest.approx(sum(value for _, value in points) / 1000)
    assert thinned(points[:5]) == points[:5]


def test_probes_are_drawn_over_the_stream(make_record):
    record = make_record(probes={"probes/facts": [0.8, 0.7, 0.4], "probes/text": [1.5, 1.7, 2.25]})
    titles = [words(one) for one in tree(of_record(record)).iter("title")]
    assert "probes/facts, after 2: 0.400" in titles
    assert "probes/text, after base: 1.500" in titles


def test_lost_answers_are_pages_that_lead_to_each_other(make_record):
    found = tree(dataclasses.replace(of_record(make_record()), lost=LOST))
    pages = of_class(found, "page")
    assert len(pages) == 12
    ids = [one.get("id") for one in pages]
    links = [[a.get("href") for a in one.iter("a")] for one in pages]
    assert links[0] == [f"#{ids[1]}"]
    assert links[5] == [f"#{ids[4]}", f"#{ids[6]}"]
    assert "a: the first 12 of 15 lost" in [words(one) for one in found.iter("summary")]
    assert [words(one) for one in pages[0].iter("pre")] == [f"{HOSTILE} 0", "yes", "yes", "(nothing)"]


def test_why_lost_answers_cannot_be_told_is_said(make_record):
    found = tree(dataclasses.replace(of_record(make_record()), lost={"toy/a": "cannot be told (no file)", "toy/b": []}))
    assert {"a: cannot be told (no file)", "b: none"} <= {words(one) for one in found.iter("p")}


def test_no_injected_text_is_markup(make_record):
    document = render([dataclasses.replace(of_record(make_record()), lost=LOST)], summaries=SUMMARIES)
    assert "<script" not in document
    assert not re.search(r"https?://|url\(|@import", document)
