"""docs/selection.md's tables are what the records in the repository say, and what they are said to be."""

import pytest
from pages import begin
from selection_tables import PAGE, chosen, written


def test_the_tables_are_what_the_records_say():
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page, "write them: python tests/selection_tables.py"


def test_the_rate_with_the_highest_mean_is_chosen_and_of_equals_the_lowest():
    assert chosen({1e-3: {0: 0.2, 1: 0.4}, 1e-2: {0: 0.5, 1: 0.0}}) == 1e-3
    assert chosen({1e-2: {0: 0.5}, 1e-3: {0: 0.5}}) == 1e-3


def test_a_table_that_has_lost_its_line_is_named():
    with pytest.raises(LookupError, match="promises"):
        written(PAGE.read_text(encoding="utf-8").replace(begin("promises", by="selection_tables"), ""))
