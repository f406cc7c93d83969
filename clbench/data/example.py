"""One record of a task: a prompt and the answer that is to follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

Turn = tuple[str, str]  # role (`system`, `user`, `assistant`, `tool`) and text


@dataclass(frozen=True, slots=True)
class Example:
    """A training or test record.

    Args:
        task: the task's name.
        prompt: everything the model is given, answer cue included.
        answer: what must follow, with nothing between; never empty in training data.
        choices: what may follow, the answer among them, where the likeliest is asked for.
        ending: what follows every choice; when given, its likelihood alone counts.
        start: characters of the prompt that come before the question itself, such as solved examples.
        turns: the conversation that the prompt is made of, without the answer, for those who render it otherwise; empty
            where the record has none.
        shots: the solved examples that the prompt begins with, as turns, for the same readers.
    """

    task: str
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    ending: str = ""
    start: int = 0
    turns: tuple[Turn, ...] = ()
    shots: tuple[Turn, ...] = ()

    def content(self) -> list[Any]:
        """What a hash of records sees: the same for all that is asked and expected in the same words."""
        return [self.prompt, self.answer, *([self.turns] if self.turns else [])]

    def to_json(self) -> list[Any]:
        """As JSON, exactly; what is left at its default after the answer is left out."""
        rest = [self.choices, self.ending, self.start, self.turns, *([self.shots] if self.shots else [])]
        return [self.task, self.prompt, self.answer, *(rest if any(rest) else [])]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Example:
        """From what `to_json` gave, or JSON made of it."""
        task, prompt, answer, *rest = value
        if not rest:
            return cls(task, prompt, answer)
        choices, ending, start, *talks = rest
        turns = [tuple((role, text) for role, text in talk) for talk in talks]
        return cls(task, prompt, answer, tuple(choices), ending, start, *turns)


class TrainingData(Sequence[Example]):
    """An experience's training examples, which can be read only while that experience lasts.

    A method that wants to keep some of the past must copy them into a memory of its own, where they are counted.
    """

    def __init__(self, examples: Sequence[Example], *, name: str) -> None:
        self._examples: Sequence[Example] | None = examples
        self._name = name

    def close(self) -> None:
        """The experience has passed: from now on reading raises."""
        self._examples = None

    def _open(self) -> Sequence[Example]:
        if self._examples is None:
            raise PermissionError(
                f"the training data of {self._name} cannot be read now: a method sees the present experience only; "
                "what it keeps of the past belongs into its own memory"
            )
        return self._examples

    def __len__(self) -> int:
        return len(self._open())

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._open()[index]

    def __iter__(self) -> Iterator[Example]:
        return iter(self._open())
