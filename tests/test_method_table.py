"""The table of methods in docs/models.md: whole, without failures, and true where it is looked at again."""

import re

import pytest
from method_table import BEGIN, END, PAGE, methods, table, told

from clbench.testing import make_subject
from clbench.testing.architectures import TABLE, attempts
from clbench.testing.families import FAMILIES, family

PACKAGES = ("adapters", "avalanche", "gem", "loramoe", "merge", "mofo", "onpolicy", "peft", "penalty", "replay")
for _package in PACKAGES:  # the table has them all
    pytest.importorskip(f"clbench_{_package}")
COLUMNS = [one.name for one in FAMILIES[:TABLE]]


@pytest.fixture(scope="module")
def written():
    """Cells by method and architecture, and the notes by number."""
    part = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    head, _, *rows = [line for line in part.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["method", *COLUMNS]
    cells = {}
    for row in rows:
        name, *found = (cell.strip(" `") for cell in row.strip("|").split("|"))
        cells[name] = dict(zip(COLUMNS, found, strict=True))
    return cells, dict(re.findall(r"^(\d+)\. (.+)$", part, flags=re.MULTILINE))


def test_a_table_is_read_as_it_was_written():
    part = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert table(list(told(part).items())) == part.strip() + "\n"


def test_every_method_stands_in_it_and_works_or_says_why_not(written):
    cells, notes = written
    assert list(cells) == methods()
    said = [cell for row in cells.values() for cell in row.values() if cell != "works"]
    numbers = [re.fullmatch(r"refused \((\d+)\)", cell)[1] for cell in said]
    assert set(numbers) == set(notes)
    assert len(said) < len(cells) * len(COLUMNS) // 8


@pytest.mark.parametrize(
    ("method", "name"), [("lora", "GPT-2"), ("osf", "GPT-2"), ("loramoe", "OLMoE"), ("hft", "Mamba"), ("mofo", "RWKV")]
)
def test_it_is_true(written, method, name):
    cells, notes = written
    (found,) = attempts(make_subject(method), [family(name)])
    number = next((key for key, reason in notes.items() if reason == found.reason), "")
    assert cells[method][name] == (found.status if found.status == "works" else f"{found.status} ({number})")
