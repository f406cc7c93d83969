"""What `clbench data add cl-benchmark` finds in a suite: counts, and all that a score there does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from clbench.base.hashing import file_digest
from clbench.data.archives.audit import TaskAudit, repeats
from clbench.data.archives.layout import SPLITS
from clbench.data.archives.suites import SUITES
from clbench.data.example import Example

Splits = Mapping[str, list[Example]]


def audit_suite(suite: str, root: Path) -> list[TaskAudit]:
    """Read every task of a suite, all splits.

    Raises:
        DataError: a file cannot be read.
    """
    return [audit_task(suite, root, name) for name in SUITES[suite].tasks(root)]


def audit_task(suite: str, root: Path, name: str) -> TaskAudit:
    """Counts and findings of one task."""
    layout = SUITES[suite]
    files = layout.files(root, name)
    there = [split for split in SPLITS if split in files]
    splits = {split: layout.read(root, name, split=split, task=name) for split in there}
    findings = [
        *(f"{split}: is missing" for split in ("train", "test") if split not in files),
        *_same(files, root),
        *shared(splits),
        *repeats(splits),
        *blanks(splits),
        *(line for split in there for line in layout.oddities(root, name, split=split)),
    ]
    return TaskAudit(name, {split: len(found) for split, found in splits.items()}, tuple(findings))


def _same(files: Mapping[str, str], root: Path) -> list[str]:
    if not {"dev", "test"} <= set(files) or file_digest(root / files["dev"]) != file_digest(root / files["test"]):
        return []
    return ["dev and test are one file: what is chosen on dev is chosen on test"]


def shared(splits: Splits) -> list[str]:
    """Prompts that stand in two splits; dev and test with the same ones are told by `_same` where they are one file."""
    prompts = {split: {one.prompt for one in found} for split, found in splits.items()}
    findings = []
    for first, second in combinations(prompts, 2):
        number = len(prompts[first] & prompts[second])
        if number and (first, second) != ("dev", "test"):
            findings.append(f"{number} prompts of {second} are also in {first}")
        elif number and number < len(prompts["test"]):
            findings.append(f"{number} prompts of test are also in dev")
    return findings


def blanks(splits: Splits) -> list[str]:
    """Prompts that end in a blank, which most tokenizers write as part of the next word."""
    ends = [one.prompt[-1:].isspace() for found in splits.values() for one in found]
    number = "all" if all(ends) else str(sum(ends))
    return [f"{number} prompts end in a blank, which belongs to the answer's first token"] if any(ends) else []
