"""ResultMatrix: what is read, what is refused, and how cells are counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import MatrixError
from clbench.metrics.matrix import ResultMatrix, parse_matrix, read_matrix

NAN, INF = float("nan"), float("inf")


@st.composite
def matrices(draw):
    """R of one to six tasks, any cell missing."""
    size = draw(st.integers(1, 6))
    row = st.lists(st.none() | st.floats(0, 1), min_size=size, max_size=size).map(tuple)
    return ResultMatrix(
        tasks=tuple(f"t{j}" for j in range(size)),
        rows=tuple(draw(row) for _ in range(size)),
        base=draw(st.none() | row),
        probes=draw(st.dictionaries(st.text(), row.map(lambda cells: (None, *cells)), max_size=2)),
    )


@given(matrices())
def test_json_round_trip(matrix):
    assert parse_matrix(json.loads(json.dumps(matrix.to_json()))) == matrix


def test_cell_has_the_fields_indices():
    matrix = parse_matrix({"matrix": [[0.1, 0.2], [0.3, 0.4]], "base": [0.5, 0.6]})
    assert [[matrix.cell(i, j) for j in (1, 2)] for i in (0, 1, 2)] == [[0.5, 0.6], [0.1, 0.2], [0.3, 0.4]]


def test_missing_cell_is_refused_and_named():
    matrix = parse_matrix({"matrix": [[0.1, None], [0.3, 0.4]], "tasks": ["a", "b"]})
    with pytest.raises(MatrixError, match=r"needs R\[1,2\] \(task 'b'\), which was not measured"):
        matrix.cell(1, 2)
    with pytest.raises(MatrixError, match="needs the base row"):
        matrix.cell(0, 1)


def test_with_row_changes_one_row_of_a_copy():
    empty = ResultMatrix.empty(["a", "b"])
    matrix = empty.with_row(0, [0.1, None]).with_row(2, [0.3, 0.4])
    assert (matrix.base, matrix.rows) == ((0.1, None), ((None, None), (0.3, 0.4)))
    assert (empty.base, empty.rows) == (None, ((None, None), (None, None)))


def test_tasks_get_names_when_none_are_given():
    assert parse_matrix({"matrix": [[1, 0], [0, 1]]}).tasks == ("task 1", "task 2")


def test_nan_above_the_diagonal_means_not_measured():
    matrix = parse_matrix({"matrix": [[0.1, NAN], [0.3, 0.4]], "base": [NAN, 0.2]})
    assert (matrix.rows[0], matrix.base) == ((0.1, None), (None, 0.2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([[0.1]], 'needs an object {"matrix"'),
        ({"base": [0.1]}, 'needs an object {"matrix"'),
        ({"matrix": []}, "non-empty list"),
        ({"matrix": "abc"}, "non-empty list"),
        ({"matrix": [[0.1, 0.2]]}, "row 1 must be a list of 1 numbers"),
        ({"matrix": [[0.1, 0.2], [0.3]]}, "row 2 must be a list of 2 numbers"),
        ({"matrix": [[0.1, 0.2], 3]}, "row 2 must be a list of 2 numbers"),
        ({"matrix": [["0.1"]]}, "row 1, column 1: '0.1' is not a number"),
        ({"matrix": [[True]]}, "row 1, column 1: True is not a number"),
        ({"matrix": [[INF]]}, "row 1, column 1: inf is no score"),
        ({"matrix": [[10**400]]}, "row 1, column 1: 1000"),
        ({"matrix": [[NAN, 0.2], [0.3, 0.4]]}, "row 1, column 1: NaN where a score is needed"),
        ({"matrix": [[0.1, 0.2], [NAN, 0.4]]}, "row 2, column 1: NaN where a score is needed"),
        ({"matrix": [[0.1]], "base": [0.1, 0.2]}, "base must be a list of 1 numbers"),
        ({"matrix": [[0.1]], "tasks": ["a", "b"]}, "tasks must be a list of 1 names"),
        ({"matrix": [[0.1]], "tasks": [1]}, "tasks must be a list of 1 names"),
        ({"matrix": [[0.1]], "bounds": [0.1]}, "bounds must be an object"),
        ({"matrix": [[0.1]], "bounds": {"joint": [None]}}, "bounds.joint has a cell without a number"),
        ({"matrix": [[0.1]], "probes": [0.1]}, "probes must be an object"),
        ({"matrix": [[0.1]], "probes": {"a": [0.1]}}, "probes.a must be a list of 2 numbers"),
        ({"matrix": [[0.1]], "bases": [0.1]}, "unknown key 'bases'"),
    ],
)
def test_wrong_shapes_and_cells_are_refused(content, message):
    with pytest.raises(MatrixError) as caught:
        parse_matrix(content)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[" * 100_000, b'{"matrix": [[1' + b"0" * 5000 + b"]]}", b""],
    ids=["cut off", "not UTF-8", "too deep", "too many digits", "empty"],
)
def test_what_is_not_json_is_refused_with_the_path(tmp_path, content):
    path = tmp_path / "matrix.json"
    path.write_bytes(content)
    with pytest.raises(MatrixError, match=r"matrix\.json: is not JSON"):
        read_matrix(path)


def test_more_tasks_than_metrics_can_be_made_of_are_refused():
    with pytest.raises(MatrixError, match="has 1,001 tasks; at most 1,000 are taken"):
        parse_matrix({"matrix": [[0.5] * 1001] * 1001})


def test_missing_file_is_refused_with_the_mend(tmp_path):
    with pytest.raises(MatrixError, match=r"cannot be read .*give a JSON file or a run directory"):
        read_matrix(tmp_path / "nothing.json")


def test_complaint_about_content_begins_with_the_path(tmp_path):
    path = tmp_path / "matrix.json"
    path.write_text('{"matrix": [[0.1, NaN], [0.2, NaN]]}')
    with pytest.raises(MatrixError, match=r"matrix\.json: row 2, column 2: NaN"):
        read_matrix(path)
