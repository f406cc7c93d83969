"""A study as files: the document, a picture of R for each stream beside it, a README's part between its marks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clbench.base.errors import FileError
from clbench.boards.markdown import BEGIN, replace_block
from clbench.report.heatmap import short
from clbench.report.study.asked import streams_of
from clbench.report.study.document import document
from clbench.report.study.evidence import Evidence
from clbench.report.study.front import front
from clbench.report.study.picture import picture, shown
from clbench.report.study.questions import Questions
from clbench.runs.record import slug
from clbench.spec.plan import PlanFile


@dataclass(frozen=True)
class Study:
    """What was asked, and the records.

    Args:
        questions: a person's.
        found: stream by stream.
        command: that writes the files, for their reader.
        missing: streams of the plan without any record.
    """

    questions: Questions
    found: Sequence[Evidence]
    command: str
    missing: Sequence[str] = ()

    @classmethod
    def of(cls, plan: PlanFile, questions: Questions, found: Sequence[Evidence], *, command: str) -> Study:
        """Of a plan, as far as it was run."""
        known = {one.stream for one in found}
        return cls(questions, found, command, [stream for stream in streams_of(plan) if stream not in known])

    def text(self, pictures: Mapping[str, str] | None = None) -> str:
        """The document, with links to pictures by stream."""
        return document(self.questions, self.found, command=self.command, missing=self.missing, pictures=pictures or {})

    def files(self, out: Path, *, readme: Path | None = None) -> dict[Path, str]:
        """Every file and its content.

        Args:
            out: the document; pictures stand beside it.
            readme: of which the part between the marks is written anew, from the first stream.

        Raises:
            FileError: the README has no marks.
        """
        drawn = {one.stream: shown(one, self.questions.heat) for one in self.found}
        pictures = {stream: out.parent / f"{out.stem}-{_slug(stream)}.svg" for stream, one in drawn.items() if one}
        made = {path: picture(drawn[stream]) for stream, path in pictures.items()}
        made[out] = self.text({stream: path.name for stream, path in pictures.items()})
        if readme is not None:
            made[readme] = self._readme(readme, out, pictures.get(self.found[0].stream))
        return made

    def _readme(self, readme: Path, out: Path, drawn: Path | None) -> str:
        old = readme.read_text(encoding="utf-8") if readme.is_file() else ""
        if BEGIN not in old:
            raise FileError(f"{readme}: has no line {BEGIN}; write it and the end's where the rows shall stand")
        links = [os.path.relpath(path, readme.parent).replace(os.sep, "/") for path in (out, drawn or out)]
        block = front(self.found[0], page=links[0], picture=links[1] if drawn else None, besides=self.questions.heat)
        return replace_block(old, block, where=readme)


def _slug(stream: str) -> str:
    """A stream's name, or its file's, as a part of a file name."""
    return slug(short(stream).replace(".yaml", ""))
