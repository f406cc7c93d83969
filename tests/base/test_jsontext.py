"""JSON for people: it reads as what was written, a row of numbers stands on one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.jsontext import WIDTH, json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_again(value):
    assert json.loads(json_text(value)) == value


def test_each_member_of_the_document_and_each_row_has_a_line():
    rows = [[0.123456] * 30, [1, None]]
    assert json_text({"a": 1, "rows": rows, "few": [[1], [2]]}).splitlines() == [
        "{",
        ' "a":1,',
        ' "rows":[',
        f"  {json.dumps(rows[0], separators=(',', ':'))},",
        "  [1,null]",
        " ],",
        ' "few":[[1],[2]]',
        "}",
    ]
    assert len(json_text({"table": {str(n): n for n in range(WIDTH)}}).splitlines()) == 3


def test_no_number_is_no_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text([float("nan")])
