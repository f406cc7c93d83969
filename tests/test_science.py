"""Pages that plans write, their pictures, and the README's first rows are what the records in the repository say."""

from pathlib import Path
from typing import NamedTuple

import pytest

from clbench.plugins.registry import registry
from clbench.report.study import read_study

ASKED_OF = ("adapters", "gem", "loramoe", "merge", "mofo", "onpolicy", "peft", "replay")
for _package in ASKED_OF:  # whose methods stand in the questions
    pytest.importorskip(f"clbench_{_package}")
ROOT = Path(__file__).parent.parent


class Page(NamedTuple):
    """What is asked of a plan, and where the answer stands."""

    plan: Path
    asked: Path
    page: Path
    readme: Path | None = None

    @property
    def command(self) -> str:
        """That writes it."""
        written = f"clbench plan report {self.plan} --questions {self.asked} --out {self.page}"
        return f"{written} --readme {self.readme}" if self.readme else written


PAGES = [
    Page(*map(Path, ("plans/science.yaml", "docs/science.yaml", "docs/science.md", "README.md"))),
    Page(*map(Path, ("plans/peft-mini.yaml", "docs/peft-mini.yaml", "docs/peft-mini.md"))),
    Page(*map(Path, ("plans/o-lora.yaml", "docs/o-lora.yaml", "docs/o-lora.md"))),
    Page(*map(Path, ("plans/smollm2.yaml", "docs/smollm2.yaml", "docs/real-models.md"))),
]


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.page.stem)
def test_the_page_the_pictures_and_the_readme_are_what_the_records_say(page):
    said = {"questions": page.asked, "out": page.page, "readme": page.readme}
    study = read_study(page.plan, said, registry=registry(), leaderboards=Path("leaderboards"))
    assert study.command == page.command
    assert page.command in study.questions.intro
    assert len({one.ask for one in study.questions.questions}) == len(study.questions.questions)
    for path, text in study.files(page.page, readme=page.readme).items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is not what the records say; write it: {page.command}"
