"""Every named metric against the values that the peers' own code gives, and the relations between definitions."""

import math
import sys
from dataclasses import replace
from functools import cache
from statistics import fmean
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from clbench.base.errors import MatrixError
from clbench.metrics.matrix import ResultMatrix, parse_matrix
from clbench.metrics.summaries import SUMMARIES, SummarySpec, compute, nested

# The matrix on which nine peers' code was run, and what each gave.
PEERS = parse_matrix(
    {
        "matrix": [
            [0.80, 0.30, 0.20, 0.25],
            [0.55, 0.70, 0.25, 0.25],
            [0.70, 0.60, 0.90, 0.30],
            [0.50, 0.75, 0.60, 0.85],
        ],
        "base": [0.25, 0.20, 0.20, 0.30],
        "probes": {
            "probes/facts": [0.8, 0.7, None, 0.6, 0.2],
            "probes/skills": [0.5, 0.5, 0.5, 0.5, 0.6],
            "probes/text": [1.5, 2.0, 2.5, 3.0, 9.0],
        },
        "bounds": {"single": [0.9, 0.8, 0.9, 0.9], "joint": [0.8, 0.7, 0.8, 0.9]},
    }
)
EXPECTED = {
    "op": 0.6750,
    "bwt.gem": -0.1833,  # GEM, Mammoth, Renate, Avalanche
    "bwt.trace-printed": -0.1375,  # TRACE's printed formula, SAPT
    "bwt.gem-code": -0.1375,
    "bwt.treelora": -0.1500,
    "bwt.diaz": -0.1667,  # continuum's main branch
    "bwt.diaz-plus": 0.0,
    "bwt.continuum-1.2.7": -0.0583,  # and LibContinual
    "rem.diaz": 0.8333,
    "forgetting.chaudhry": 0.1833,  # and Renate, SAPT, continuum's main branch, Avalanche
    "forgetting.pycil": 0.2000,  # and PILOT
    "forgetting.mammoth": 0.2000,  # no task's score before it is learned is its best
    "forgetting.avalanche": 0.1833,
    "forgetting.continual-next": -0.1833,
    "forgetting.continuum-1.2.7": 0.0833,  # and LibContinual
    "fwt.gem": 0.0500,  # and Mammoth, Renate
    "fwt.gem-code": 0.0375,  # 0.15 / 4
    "fwt.continuum": 0.2833,
    "fwt.continuum-1.2.7": 0.6167,
    "fwt.sapt": 0.3031,
    # By hand, from the formula in each docstring.
    "final.median": (0.60 + 0.75) / 2,
    "final.iqm": (0.60 + 0.75) / 2,
    "normalised.joint": (0.6750 - 0.2375) / (0.8 - 0.2375),
    "normalised.single": (0.6750 - 0.2375) / (0.875 - 0.2375),
    "learning_accuracy": (0.80 + 0.70 + 0.90 + 0.85) / 4,
    "aia": (0.80 + (0.55 + 0.70) / 2 + (0.70 + 0.60 + 0.90) / 3 + 0.675) / 4,
    "accuracy.diaz": (0.80 + 0.55 + 0.70 + 0.70 + 0.60 + 0.90 + 0.50 + 0.75 + 0.60 + 0.85) / 10,
    "intransigence.single": 0.0625,
    "intransigence.joint": -0.0125,
    "retention.facts": 0.25,
    "delta.general-ability": (-0.6 + 0.1) / 2,  # the text probe is a loss, and on no scale from 0 to 1
}
AHEAD = {"fwt.gem", "fwt.gem-code", "forgetting.mammoth", "fwt.continuum", "retention.facts", "delta.general-ability"}
NEED_TWO = {name for name in EXPECTED if name.startswith(("bwt", "rem", "forgetting", "fwt"))} - {
    "bwt.trace-printed",
    "bwt.gem-code",
    "bwt.treelora",
    "fwt.sapt",
}


@cache
def function(name):
    return next(spec for spec in SUMMARIES if spec.name == name).of


def metric(name, matrix):
    return function(name)(matrix)


def square(rows, base=None):
    return ResultMatrix(tuple(f"t{j}" for j in range(len(rows))), tuple(map(tuple, rows)), base)


@st.composite
def full(draw, least=2):
    """R without gaps, in steps of 1/64 so that sums are exact."""
    size = draw(st.integers(least, 6))
    row = st.lists(st.integers(0, 64).map(lambda n: n / 64), min_size=size, max_size=size).map(tuple)
    return square([draw(row) for _ in range(size)], draw(row))


def test_the_table_holds_every_summary():
    assert {spec.name for spec in SUMMARIES} == {*EXPECTED, "delta.general-trace"}


@pytest.mark.parametrize("name", EXPECTED)
def test_value_of_the_peers_table(name):
    assert metric(name, PEERS) == pytest.approx(EXPECTED[name], abs=5e-5)


@pytest.mark.parametrize("spec", SUMMARIES, ids=lambda spec: spec.name)
def test_direction_is_in_the_docstring(spec):
    assert ("↑" if spec.higher_is_better else "↓") in spec.summary


@pytest.mark.parametrize("name", EXPECTED)
def test_one_task(name):
    matrix = replace(
        square([[0.6]], (0.1,)), bounds={"single": (0.7,), "joint": (0.5,)}, probes={"probes/facts": (0.5, 0.4)}
    )
    if name in NEED_TWO:
        with pytest.raises(MatrixError, match="needs at least two tasks"):
            metric(name, matrix)
    else:
        one = {"intransigence.single": 0.1, "intransigence.joint": -0.1, "fwt.sapt": 0.6 - 0.5094}
        one |= {"normalised.single": 0.5 / 0.6, "normalised.joint": 0.5 / 0.4}
        one |= {"retention.facts": 0.8, "delta.general-ability": -0.1}
        zero = dict.fromkeys(("bwt.trace-printed", "bwt.gem-code", "bwt.treelora"), 0.0)
        assert metric(name, matrix) == pytest.approx((one | zero).get(name, 0.6))


@given(st.lists(st.integers(0, 64).map(lambda n: n / 64), min_size=1, max_size=13))
def test_the_interquartile_mean_is_scipys(last):
    matrix = square([last] * len(last))
    assert metric("final.iqm", matrix) == pytest.approx(stats.trim_mean(last, 0.25))
    assert metric("final.median", matrix) == pytest.approx(np.median(last))


def test_no_score_is_normalised_by_a_bound_that_learned_nothing():
    matrix = replace(square([[0.6]], (0.5,)), bounds={"joint": (0.5,)})
    with pytest.raises(MatrixError, match="needs a bound 'joint' that is better than the base model"):
        metric("normalised.joint", matrix)


@given(full())
def test_relations_between_definitions(matrix):
    size = matrix.num_tasks
    gem = metric("bwt.gem", matrix)
    assert metric("bwt.trace-printed", matrix) == pytest.approx(gem * (size - 1) / size)
    assert metric("bwt.treelora", matrix) <= metric("bwt.trace-printed", matrix) + 1e-12
    assert metric("forgetting.avalanche", matrix) == -gem
    assert metric("forgetting.chaudhry", matrix) >= metric("forgetting.avalanche", matrix)
    assert metric("forgetting.pycil", matrix) >= max(0.0, metric("forgetting.chaudhry", matrix))
    assert metric("forgetting.mammoth", matrix) >= metric("forgetting.pycil", matrix)
    assert metric("bwt.gem-code", matrix) == metric("bwt.trace-printed", matrix)
    assert metric("fwt.gem-code", matrix) == pytest.approx(metric("fwt.gem", matrix) * (size - 1) / size)
    assert metric("forgetting.continual-next", matrix) == -metric("forgetting.chaudhry", matrix)
    assert metric("bwt.diaz-plus", matrix) == max(0.0, metric("bwt.diaz", matrix))
    assert metric("op", matrix) == pytest.approx(
        metric("learning_accuracy", matrix) + metric("bwt.trace-printed", matrix)
    )


@given(full(), st.floats(0, 0.5))
def test_adding_a_constant_moves_levels_and_not_changes(matrix, shift):
    moved = square([[cell + shift for cell in row] for row in matrix.rows], tuple(cell + shift for cell in matrix.base))
    for name in ("op", "learning_accuracy", "aia", "accuracy.diaz"):
        assert metric(name, moved) == pytest.approx(metric(name, matrix) + shift)
    for name in ("bwt.gem", "bwt.diaz", "forgetting.chaudhry", "forgetting.pycil", "fwt.gem"):
        assert metric(name, moved) == pytest.approx(metric(name, matrix), abs=1e-9)


@given(st.integers(2, 7), st.floats(0, 1))
def test_constant_matrix_neither_forgets_nor_transfers(size, value):
    matrix = square([[value] * size] * size, (value,) * size)
    changes = [name for name in EXPECTED if name.startswith(("bwt", "forgetting"))] + ["fwt.gem"]
    assert [metric(name, matrix) for name in changes] == pytest.approx([0] * len(changes), abs=1e-12)
    assert metric("op", matrix) == metric("aia", matrix) == pytest.approx(value)
    assert metric("rem.diaz", matrix) == pytest.approx(1)


@given(full(), st.data())
def test_cells_above_the_diagonal_do_not_matter_backwards(matrix, data):
    other = data.draw(full().filter(lambda one: one.num_tasks == matrix.num_tasks))
    size = matrix.num_tasks
    mixed = square([[(matrix if j <= i else other).rows[i][j] for j in range(size)] for i in range(size)])
    for name in EXPECTED:
        if name not in AHEAD and not name.startswith(("intransigence", "normalised")):
            assert metric(name, mixed) == metric(name, matrix)


@given(full(), st.randoms(use_true_random=False))
def test_order_of_the_tasks_names_changes_nothing(matrix, random):
    names = list(matrix.tasks)
    random.shuffle(names)
    assert compute(replace(matrix, tasks=tuple(names)), SUMMARIES) == compute(matrix, SUMMARIES)


@given(full(), st.data())
def test_a_missing_cell_is_refused_or_does_not_matter(matrix, data):
    """What is computed without a cell is the same, whatever the cell."""
    size = matrix.num_tasks
    i, j = data.draw(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
    rows = [list(row) for row in matrix.rows]
    assume(rows[i][j] != 0.5)
    values, missing = compute(matrix, SUMMARIES)
    rows[i][j] = None
    fewer, reasons = compute(square(rows, matrix.base), SUMMARIES)
    for name, value in fewer.items():
        if value is None:
            assert name in missing or reasons[name].startswith(f"needs R[{i + 1},{j + 1}]")
        else:
            assert value == values[name]


def test_op_and_bwt_need_only_the_diagonal_and_the_last_row():
    diagonal, last = [0.511, 0.713, 0.510, 0.578, 0.680, 0.370, 0.486], [0.277, 0.240, 0.121, 0.004, 0, 0, 0, 0.370]
    rows = [[cell if i == j else None for j in range(8)] for i, cell in enumerate(diagonal)]  # L7 LoRA of TRACE
    values, missing = compute(square([*rows, last]), SUMMARIES)
    assert values["op"] == pytest.approx(0.1265)
    assert values["bwt.gem"] == pytest.approx(-0.458)
    assert missing["bwt.diaz"] == "needs R[2,1] (task 't0'), which was not measured"
    assert missing["fwt.gem"] == "needs R[1,2] (task 't1'), which was not measured"
    assert missing["intransigence.joint"].startswith("needs the bound 'joint'")


def test_missing_base_row_is_named():
    values, missing = compute(replace(PEERS, base=None), SUMMARIES)
    assert (values["fwt.gem"], missing["fwt.gem"]) == (None, "needs the base row (row 0)")
    assert missing.keys() == {
        *("fwt.gem", "fwt.gem-code", "delta.general-trace"),
        *("normalised.joint", "normalised.single"),
    }


@pytest.mark.parametrize(
    ("probes", "reasons"),
    [
        ({}, ["needs the probe 'probes/facts'", "needs probes"]),
        ({"probes/facts": (None, 0.1, 0.1, 0.1, 0.1)}, ["needs the probe 'probes/facts'"] * 2),
        ({"probes/facts": (0.0, 0.1, 0.1, 0.1, 0.1)}, ["needs a base model that knows some of probes/facts", None]),
    ],
    ids=["no probe", "not measured", "nothing known"],
)
def test_what_probes_cannot_tell_is_missing(probes, reasons):
    _, missing = compute(replace(PEERS, probes=probes), SUMMARIES)
    for name, reason in zip(("retention.facts", "delta.general-ability"), reasons, strict=True):
        assert missing.get(name, "").startswith(reason or "")
        assert (name in missing) == (reason is not None)


@pytest.mark.parametrize(
    ("before", "after", "published"),
    [  # TRACE's table 2, in percent: MMLU, GSM8K, BBH, TyDiQA, BoolQ, PIQA before and after, and the change as printed
        ((46.56, 26.08, 40.23, 23.47, 70.55, 76.22), (46.43, 3.49, 30.11, 33.23, 77.89, 76.5), -2.58),
        ((46.56, 26.08, 40.23, 23.47, 70.55, 76.22), (42.28, 14.71, 33.61, 21.72, 53.43, 75.19), -7.03),
        ((46.56, 26.08, 40.23, 23.47, 70.55, 76.22), (47.04, 3.03, 36.61, 31.57, 75.75, 75.3), -2.31),
        ((54.61, 43.14, 49.70, 27.65, 81.5, 78.24), (41.88, 2.12, 19.47, 32.27, 82.08, 77.15), -13.32),
        ((54.61, 43.14, 49.70, 27.65, 81.5, 78.24), (47.72, 2.96, 36.52, 32.52, 82.45, 76.88), -9.3),
    ],
)
def test_delta_over_traces_six_sets_is_that_of_its_table(before, after, published):
    names = ("mmlu", "gsm8k", "bbh", "tydiqa", "boolq", "piqa")
    probes = {f"probes/{name}": (a / 100, b / 100) for name, a, b in zip(names, before, after, strict=True)}
    matrix = replace(square([[0.6]], (0.1,)), probes={**probes, "probes/other": (0.0, 1.0)})
    assert metric("delta.general-trace", matrix) == pytest.approx(published / 100, abs=2e-4)
    with pytest.raises(MatrixError, match="needs the probe 'probes/piqa'"):
        metric("delta.general-trace", replace(matrix, probes=dict(list(matrix.probes.items())[:5])))


def test_nested_by_family():
    assert nested({"op": 0.5, "bwt.gem": -0.1, "bwt.continuum-1.2.7": None}) == {
        "op": 0.5,
        "bwt": {"gem": -0.1, "continuum-1.2.7": None},
    }


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("math:sqrt", "TypeError"),
        ("clbench_test_nan:of", "gave nan"),
        ("a_module_that_is_not_there:f", "ModuleNotFoundError"),
        ("clbench.metrics.summaries:no_such_function", "AttributeError"),
        ("no colon at all", "ValueError"),
    ],
)
def test_a_summary_of_a_plugin_that_fails_is_missing_with_the_reason(target, reason, monkeypatch):
    monkeypatch.setitem(sys.modules, "clbench_test_nan", SimpleNamespace(of=lambda matrix: math.nan))
    values, missing = compute(PEERS, [SummarySpec("mine", target, True, "…"), *SUMMARIES])
    assert values["mine"] is None
    assert reason in missing["mine"]
    assert values["op"] == pytest.approx(0.675)


def mammoth_code(rows):
    """What Mammoth's training loop and `utils/metrics.py` do, told in our words: row t−1 gets task t's next score."""
    size = len(rows)
    kept = [row[: min(place + 2, size)] + [0.0] * (size - place - 2) for place, row in enumerate(rows)]
    return fmean(max(row[j] for row in kept) - rows[-1][j] for j in range(size - 1))


def gem_code(rows, base):
    """What GEM's `metrics/metrics.py` does, told in our words: means over all T tasks."""
    size = len(rows)
    forward = [0.0] + [rows[t - 1][t] - base[t] for t in range(1, size)]
    return fmean(rows[-1][t] - rows[t][t] for t in range(size)), fmean(forward)


@given(full())
def test_mammoths_and_gems_own_code_give_the_same(matrix):
    rows = [list(row) for row in matrix.rows]
    assert metric("forgetting.mammoth", matrix) == pytest.approx(mammoth_code(rows))
    backward, forward = gem_code(rows, matrix.base)
    assert metric("bwt.gem-code", matrix) == pytest.approx(backward)
    assert metric("fwt.gem-code", matrix) == pytest.approx(forward)


def test_mammoths_forgetting_counts_the_score_before_a_task_is_learned():
    matrix = square([[0.5, 0.9, None], [0.5, 0.5, 0.1], [0.5, 0.4, 0.6]])
    assert metric("forgetting.mammoth", matrix) == pytest.approx(0.25)
    assert metric("forgetting.pycil", matrix) == pytest.approx(0.05)
    with pytest.raises(MatrixError, match=r"needs R\[1,2\]"):
        metric("forgetting.mammoth", square([[0.5, None, None], *matrix.rows[1:]]))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_table_in_percent_is_scaled_or_refused(name):
    """Every summary of a table in percent is 100 times the other's, a ratio that is the same, or no number."""
    percent = parse_matrix(
        {
            "matrix": [[cell * 100 for cell in row] for row in PEERS.rows],
            "base": [cell * 100 for cell in PEERS.base],
            "probes": {name: [cell and cell * 100 for cell in row] for name, row in PEERS.probes.items()},
            "bounds": {name: [cell * 100 for cell in row] for name, row in PEERS.bounds.items()},
        }
    )
    if name in ("rem.diaz", "fwt.sapt"):
        with pytest.raises(MatrixError, match="needs scores on 0–1, and there is 25; divide a table in percent by 100"):
            metric(name, percent)
        return
    factor = 1 if name in ("retention.facts", "normalised.joint", "normalised.single") else 100
    assert metric(name, percent) == pytest.approx(factor * metric(name, PEERS))
