"""Bare matrices and bare answers: the numbers of the command, whatever holds them."""

import numpy as np
import pandas as pd
import pytest

import clbench
from clbench.base.errors import ClbenchError

ROWS = [[0.8, 0.1, float("nan")], [0.7, 0.9, None], [0.5, 0.6, 0.7]]
BASE = [0.2, 0.1, 0.3]


@pytest.mark.parametrize(
    "matrix",
    [
        ROWS,
        tuple(map(tuple, ROWS)),
        np.array(ROWS, dtype=float),
        np.array(ROWS, dtype=np.float64).astype(object),
        pd.DataFrame(ROWS, columns=["a", "b", "c"]),
        clbench.ResultMatrix(("a", "b", "c"), ((0.8, 0.1, None), (0.7, 0.9, None), (0.5, 0.6, 0.7)), tuple(BASE)),
    ],
    ids=["lists", "tuples", "array", "objects", "frame", "matrix"],
)
def test_any_form_gives_the_same(matrix):
    found = clbench.metrics(matrix, base=BASE)
    assert found["op"] == pytest.approx(1.8 / 3)
    assert found["bwt.gem"] == pytest.approx((-0.3 - 0.3) / 2)
    assert found["fwt.gem"] is None  # R[2, 3] was not measured


def test_it_is_the_commands(call, tmp_path):
    import json

    rows = [[0.8, 0.1], [0.7, 0.9]]
    (tmp_path / "r.json").write_text(json.dumps({"matrix": rows, "base": [0.2, 0.1], "bounds": {"joint": [0.9, 0.9]}}))
    shown = call("metrics", tmp_path / "r.json", "--json").json["metrics"]
    found = clbench.metrics(rows, base=[0.2, 0.1], bounds={"joint": [0.9, 0.9]})
    assert found["op"] == shown["op"]
    assert {name[4:]: value for name, value in found.items() if name.startswith("bwt.")} == shown["bwt"]
    assert found["intransigence.joint"] == shown["intransigence"]["joint"]


def test_a_frame_of_a_result_has_its_base_row_and_its_probes():
    frame = pd.DataFrame(
        [[0.2, 0.1, 1.0], [0.8, 0.1, 0.9], [0.7, 0.9, 0.5]],
        columns=["own/a", "own/b", "probes/facts"],
        index=["base", "1 own/a", "2 own/b"],
    )
    found = clbench.metrics(frame)
    assert found == clbench.metrics(
        [[0.8, 0.1], [0.7, 0.9]], base=[0.2, 0.1], probes={"probes/facts": np.array([1.0, 0.9, 0.5])}
    )
    assert found["retention.facts"] == 0.5


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ([], "non-empty"),
        (3, "must be T rows"),
        ([1, 2], "must be T rows"),
        ([[1.0, 2.0]], "the matrix is square"),
        ([["a"]], "is not a number"),
        (np.zeros((2, 2, 2)), "is not a number"),
    ],
    ids=str,
)
def test_what_is_no_matrix_is_one_line(matrix, complaint):
    with pytest.raises(ClbenchError, match=complaint):
        clbench.metrics(matrix)


def test_answers_are_scored_as_the_task_scores_them(call, tmp_path):
    import json

    rows = [("Stance:", "A", "A"), ("Stance:", "B) no", "B"), ("Stance:", "", "C")]
    path = tmp_path / "p.jsonl"
    names = ("prompt", "prediction", "answer")
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    shown = call("score", "--task", "trace/fomc", "--predictions", path, "--json").json
    found = clbench.score("trace/fomc", *zip(*rows, strict=True))
    assert (found.roles, found.side, found.empty) == (shown["scores"], shown["side"], shown["empty"])
    assert found.errors["strict"] is not None


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("trace/fomk", ["p"], ["a"], ["a"]), "did you mean 'trace/fomc'"),
        (("trace/fomc", ["p"], ["a", "b"], ["a"]), "as many prompts as predictions and answers"),
        (("trace/fomc", [], [], []), "at least one"),
    ],
)
def test_answers_that_cannot_be_scored_are_refused(given, complaint):
    with pytest.raises(ClbenchError, match=complaint):
        clbench.score(*given)
