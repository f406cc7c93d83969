"""Answers of an evaluation that is still going on, batch by batch, so that an interrupted one need not begin again.

One JSON line a batch, appended to a file beside the finished predictions; a line that a crash cut off is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers


class Draft:
    """The answers to one task's prompts so far.

    Args:
        path: of the finished predictions.
        writable: off in all processes of a run but the first, and nothing is kept where there are several.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path, self.writable = path.with_suffix(".part"), writable
        self.written: set[int] = set()

    def read(self, size: int) -> Answers:
        """What was answered before an interruption.

        Args:
            size: number of prompts; answers to others are no answers to these.
        """
        from clbench.evaluation.evaluator import Answer

        known: Answers = {}
        lines = self.path.read_bytes().split(b"\n") if self.path.is_file() else []
        for line in lines[:-1]:  # the last one is empty, or was cut off
            try:
                known |= {int(i): Answer(str(text), bool(cut), int(n)) for i, text, cut, n in json.loads(line)}
            except (ValueError, TypeError):
                return {}
        self.written = set(known)
        if self.writable and lines and lines[-1]:
            self.path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
        return known if all(0 <= index < size for index in known) else {}

    def add(self, answers: Answers) -> None:
        """Append a batch."""
        if not self.writable or self.written.issuperset(answers):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([[index, *answer] for index, answer in answers.items()]) + "\n")
