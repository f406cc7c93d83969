"""The README's comparison is the one whose result stands in `docs/forget-smollm2.json`, line by line."""

import json
from pathlib import Path

from clbench.forgetting.result import Forgotten
from clbench.forgetting.tokens import Divergence
from clbench.forgetting.verdicts import TOGETHER, Verdict
from clbench.forgetting.written import HEADINGS, cells, details, outcome

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "docs/forget-smollm2.json").read_text("utf-8"))
README = (ROOT / "README.md").read_text("utf-8")
FOUND = Forgotten(
    base=RESULT["base"],
    tuned=RESULT["tuned"],
    tolerance=RESULT["tolerance"],
    verdicts=tuple(Verdict(**one) for one in RESULT["verdicts"]),
    divergence={name: Divergence(**one) for name, one in RESULT["divergence"].items()},
    drift=RESULT["drift"],
    overlap=RESULT["overlap"],
    notes=tuple(RESULT["notes"]),
)


def test_each_line_is_of_the_result():
    section = README.partition("## What did my fine-tuning forget?")[2].partition("\n## ")[0]
    lines = section.partition("```text\n")[2].partition("```")[0].splitlines()
    told = [" ".join(line.split()) for line in lines]
    rows = [" ".join(cells(one)[name] for name in HEADINGS) for one in FOUND.verdicts]
    head = [f"{FOUND.tuned['name']} against {FOUND.base['name']}", " ".join(HEADINGS), *rows]
    assert told[: len(head)] == head
    assert len(rows) == 9
    assert set(lines[len(head) :]) <= {*details(FOUND), outcome(FOUND)}
    assert len(lines) == len(head) + 4


def test_the_result_holds_no_record_of_the_data():
    assert RESULT["changed"] == []
    assert {one.probe for one in FOUND.verdicts} == {*RESULT["overlap"], TOGETHER}
    assert not any(one["examples"] for one in RESULT["overlap"].values())
