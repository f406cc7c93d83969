"""The tables of docs/memory.md are what is computed."""

from memory_table import BEGIN, END, PAGE, table


def test_the_page_has_the_tables_as_they_are_computed():
    written = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written.strip() == table().strip()
