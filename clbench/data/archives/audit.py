"""What `clbench data add trace` finds: counts, templates, and the traps that are known of TRACE's data.

Nothing here stops a run. It is said, so that nobody selects a model on a test set without knowing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clbench.data.example import Example
from clbench.data.records import read_examples
from clbench.spec.task import Task

Splits = Mapping[str, Sequence[Example]]


@dataclass(frozen=True, slots=True)
class TaskAudit:
    """One task of one variant.

    Args:
        task: its name.
        counts: records of each split.
        findings: what a user should know, a sentence each.
    """

    task: str
    counts: dict[str, int]
    findings: tuple[str, ...]


def audit_folder(folder: Path, *, tasks: Sequence[Task], variant: str) -> list[TaskAudit]:
    """Read a variant's folder and audit every task.

    Raises:
        DataError: a file that is there cannot be read.
    """
    return [
        _audit_files(folder / str(task.data["trace"]), task=task.in_variant(variant), variant=variant) for task in tasks
    ]


def _audit_files(folder: Path, *, task: Task, variant: str) -> TaskAudit:
    splits = {
        split: read_examples(folder / f"{split}.json", task=task.name)
        for split in ("train", "eval", "test")
        if (folder / f"{split}.json").is_file()
    }
    return audit(task, splits, expected=task.rows.get(variant, {}))


def audit(task: Task, splits: Splits, *, expected: Mapping[str, int]) -> TaskAudit:
    """Counts against the published table, templates, and what stands in more than one split."""
    findings = [
        *_missing(splits),
        *_counts(splits, expected),
        *_forms(task, splits),
        *repeats(splits),
        *_shared(splits),
    ]
    return TaskAudit(task.name, {split: len(records) for split, records in splits.items()}, tuple(findings))


def _missing(splits: Splits) -> list[str]:
    return [f"{split}.json is missing" for split in ("train", "test") if split not in splits]


def _counts(splits: Splits, expected: Mapping[str, int]) -> list[str]:
    return [
        f"{split} has {len(splits[split])} records, the published archive {number}"
        for split, number in expected.items()
        if split in splits and len(splits[split]) != number
    ]


def _forms(task: Task, splits: Splits) -> list[str]:
    findings = []
    for split, records in splits.items():
        bad = [number for number, one in enumerate(records, 1) if not _fits(task, one, split=split)]
        if bad:
            findings.append(f"{split}: {len(bad)} records do not fit the task's template, the first is number {bad[0]}")
    return findings


def _fits(task: Task, example: Example, *, split: str) -> bool:
    return task.template.fits(prompt=example.prompt, answer=example.answer)


def repeats(splits: Splits) -> list[str]:
    """Splits in which a prompt stands more than once."""
    return [
        f"{split}: only {unique} of {len(records)} prompts are different"
        for split, records in splits.items()
        if (unique := len({one.prompt for one in records})) < len(records)
    ]


def _shared(splits: Splits) -> list[str]:
    prompts = {split: {one.prompt for one in records} for split, records in splits.items()}
    findings = []
    if "eval" in prompts and prompts["eval"] == prompts.get("test"):
        findings.append("eval and test are the same records: never select on eval")
    for first, second in (("train", "test"), ("train", "eval"), ("eval", "test")):
        shared = len(prompts.get(first, set()) & prompts.get(second, set()))
        if shared and prompts[first] != prompts[second]:
            findings.append(f"{shared} prompts of {second} are also in {first}")
    return findings
