"""docs/science.md, its pictures, and the README's first rows are what the records in the repository say."""

from pathlib import Path

import pytest

from clbench.plugins.registry import registry
from clbench.report.study import read_questions, read_study

ASKED_OF = ("adapters", "gem", "loramoe", "merge", "mofo", "onpolicy", "peft", "replay")
for _package in ASKED_OF:  # whose methods stand in the questions
    pytest.importorskip(f"clbench_{_package}")
ROOT = Path(__file__).parent.parent
PLAN, ASKED, PAGE, README = map(Path, ("plans/science.yaml", "docs/science.yaml", "docs/science.md", "README.md"))
COMMAND = f"clbench plan report {PLAN} --questions {ASKED} --out {PAGE} --readme {README}"


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_questions_are_of_shipped_methods():
    known = registry()
    asked = read_questions(
        ASKED, methods=sorted(known.methods.entries), metrics=[one.name for one in known.summary_specs()]
    )
    assert len({one.ask for one in asked.questions}) == len(asked.questions)
    assert COMMAND in asked.intro


def test_the_page_the_pictures_and_the_readme_are_what_the_records_say():
    if not any(Path("leaderboards/results").glob("*/*/*.json")):
        pytest.skip("there is no record in leaderboards/results yet; the page is an earlier one, written by hand")
    said = {"questions": ASKED, "out": PAGE, "readme": README}
    study = read_study(PLAN, said, registry=registry(), leaderboards=Path("leaderboards"))
    assert study.command == COMMAND
    for path, text in study.files(PAGE, readme=README).items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is not what the records say; write it: {COMMAND}"
