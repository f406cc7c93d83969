"""The README's tables of runs are what the records in the repository say."""

import pytest
from pages import begin
from readme_tables import PAGE, written

pytest.importorskip("clbench_mofo")


def test_the_tables_are_what_the_records_say():
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page, "write them: python tests/readme_tables.py"


def test_a_table_that_has_lost_its_line_is_named():
    with pytest.raises(LookupError, match="seed 0"):
        written(PAGE.read_text(encoding="utf-8").replace(begin("seed 0", by="readme_tables"), ""))
