"""Few-shot prompts: solved examples of the same group before each question, the same ones for all of its questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from clbench.base.errors import DataError
from clbench.data.example import Example, Turn
from clbench.spec import templates
from clbench.spec.forms import Filled
from clbench.spec.task import Task


def with_shots(
    task: Task, questions: Sequence[Filled], *, pool: Sequence[Filled], worked: Mapping[str, str] | None = None
) -> list[Example]:
    """The task's examples, each with what stands before it.

    Args:
        task: says how many shots, and what stands before and between them.
        questions: to be asked.
        pool: solved ones; the first of each group are the shots.
        worked: texts by group that stand there instead of shots.

    Raises:
        DataError: a group has too few solved examples, or no worked text.
    """
    starts = {group: _start(task, group, pool, worked) for group in sorted({one.group for one in questions})}
    return [
        Example(task.name, start + one.prompt, one.answer, one.choices, one.ending, start=len(start), shots=shots)
        for one in questions
        for start, shots in [starts[one.group]]
    ]


def held_out(task: Task, records: Sequence[Filled]) -> tuple[list[Filled], list[Filled]]:
    """Where a data set has no split for shots: the first of each group become shots and are not asked.

    Returns:
        pool: the shots.
        questions: all others.

    Raises:
        DataError: nothing is left of a group.
    """
    taken: dict[str, int] = defaultdict(int)
    parts: tuple[list[Filled], list[Filled]] = ([], [])
    for one in records:
        parts[taken[one.group] >= task.shots].append(one)
        taken[one.group] += 1
    for group, number in taken.items():
        if number <= task.shots:
            raise DataError(
                f"task {task.name!r}: {_of(group)}there are {number} records, the first {task.shots} of which are "
                "solved examples: none is left to ask; name a split or file for them (shots: …)"
            )
    return parts


def _start(
    task: Task, group: str, pool: Sequence[Filled], worked: Mapping[str, str] | None
) -> tuple[str, tuple[Turn, ...]]:
    """What stands before a group's questions, as text and, where it is made of solved examples, as turns."""
    before = templates.render(task.preamble, {"group": group}, where=f"task {task.name!r}: preamble")
    if worked is not None:
        return before + worked[group].strip() + task.separator, ()
    shots = [one for one in pool if one.group == group][: task.shots]
    if len(shots) < task.shots:
        raise DataError(
            f"task {task.name!r}: {_of(group)}{task.shots} solved examples are needed for the prompt, got {len(shots)}"
        )
    text = before + "".join(one.prompt + one.answer + one.ending + task.separator for one in shots)
    return text, _turns(before, shots)


def _turns(before: str, shots: Sequence[Filled]) -> tuple[Turn, ...]:
    """A question and its answer each; what stands before all of them opens the first question."""
    turns = []
    for number, one in enumerate(shots):
        turns += [
            ("user", (before if not number else "") + one.prompt),
            ("assistant", (one.answer + one.ending).strip()),
        ]
    return tuple(turns)


def _of(group: str) -> str:
    return f"group {group!r}: " if group else ""
