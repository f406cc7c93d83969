r"""The shapes in which records are commonly kept, recognised by their columns' names; anything else needs `forms`.

    {"prompt", "answer"}                  as they stand; likewise {"prompt", "completion"}
    {"instruction", "input", "output"}    in the words of Stanford Alpaca (Taori et al. 2023), to the letter
    {"messages": [{"role", "content"}]}   turns; the last one, the assistant's, is the answer
    {"conversations": [{"from", "value"}]}    the same in ShareGPT's words

Without a chat template turns become text by a heading and an empty line for each, `User:\n…\n\nAssistant:\n`. They are
kept on the example as well, so that a chat template can render them instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from clbench.base.errors import DataError, did_you_mean, short
from clbench.data.example import Example, Turn

_SURROGATE = re.compile("[\ud800-\udfff]")
ALPACA = (
    "Below is an instruction that describes a task{paired}. "
    "Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n"
)
ALPACA_PAIRED = ", paired with an input that provides further context"
ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "chatgpt": "assistant", "bard": "assistant", "bing": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip


class Shape(NamedTuple):
    """One way to keep records.

    Args:
        columns: that each record has.
        optional: that it may have.
        read: a record to prompt, answer and earlier turns; `where` is for complaints.
        said: how it is read, in words; empty where it needs no saying.
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[Mapping[str, Any], str], tuple[str, str, tuple[Turn, ...]]]
    said: str = ""

    def example(self, record: object, *, where: str, task: str) -> Example:
        """The example that a record is.

        Raises:
            DataError: it lacks a column, or one is no text, or the prompt is empty.
        """
        if not isinstance(record, dict):
            raise DataError(f"{where}: must be an object, got {short(record)}")
        missing = [name for name in self.columns if name not in record]
        if missing:
            raise DataError(f"{where}: has no {missing[0]!r}; the file's first record has {' and '.join(self.columns)}")
        prompt, answer, turns = self.read(record, where)
        if not prompt:
            raise DataError(f"{where}: the prompt is empty")
        return Example(task, prompt, answer, turns=turns)

    def unread(self, record: Mapping[str, Any]) -> list[str]:
        """The keys that are not looked at."""
        return [str(name) for name in record if name not in self.columns and name not in self.optional]


def shape_of(record: object, *, where: str) -> Shape:
    """The shape of a file by its first record.

    Raises:
        DataError: none that is known; says what would work.
    """
    if not isinstance(record, dict):
        raise DataError(f"{where}: must be an object, got {short(record)}")
    for shape in SHAPES:
        if set(shape.columns) <= set(record):
            return shape
    known = ", ".join("/".join((*shape.columns, *shape.optional)) for shape in SHAPES)
    got = ", ".join(map(str, record))
    raise DataError(
        f"{where}: the columns {short(got, limit=200)} are none of {known}; rename them, "
        "or say by `forms` in the task's file how they become prompt and answer (docs/tasks.md)"
    )


def text_of(value: object, *, where: str, name: str) -> str:
    """A column as text; a number as it is written.

    Raises:
        DataError: it is neither, or no valid text.
    """
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value):
        value = str(value)
    if not isinstance(value, str):
        raise DataError(f"{where}: {name} must be text or a number, got {short(value)}")
    if _SURROGATE.search(value):
        raise DataError(f"{where}: {name} is no valid text: it holds half of a surrogate pair")
    return value


def plain(turns: tuple[Turn, ...]) -> str:
    r"""Turns as text up to where the answer begins: `User:\n…\n\nAssistant:\n`."""
    return "".join(f"{role.capitalize()}:\n{text}\n\n" for role, text in turns) + "Assistant:\n"


def _pair(answer: str) -> Callable[[Mapping[str, Any], str], tuple[str, str, tuple[Turn, ...]]]:
    """Prompt and answer in columns of their own, as text or as turns (TRL's conversational form)."""

    def read(record: Mapping[str, Any], where: str) -> tuple[str, str, tuple[Turn, ...]]:
        prompt, rest = record["prompt"], record[answer]
        if isinstance(prompt, list) and isinstance(rest, list):
            return _talk([*prompt, *rest], where=where, keys=("role", "content"))
        return text_of(prompt, where=where, name="prompt"), text_of(rest, where=where, name=answer), ()

    return read


def _alpaca(record: Mapping[str, Any], where: str) -> tuple[str, str, tuple[Turn, ...]]:
    instruction = text_of(record["instruction"], where=where, name="instruction")
    given = "" if record.get("input") is None else text_of(record["input"], where=where, name="input")
    if not instruction:
        raise DataError(f"{where}: the instruction is empty")
    prompt = ALPACA.format(paired=ALPACA_PAIRED if given else "", instruction=instruction)
    prompt += f"### Input:\n{given}\n\n### Response:" if given else "### Response:"
    asked = f"{instruction}\n{given}" if given else instruction
    return prompt, text_of(record["output"], where=where, name="output"), (("user", asked),)


def _turns(column: str, keys: tuple[str, str]) -> Callable[[Mapping[str, Any], str], Any]:
    def read(record: Mapping[str, Any], where: str) -> tuple[str, str, tuple[Turn, ...]]:
        return _talk(record[column], where=f"{where}: {column}", keys=keys)

    return read


def _talk(turns: object, *, where: str, keys: tuple[str, str]) -> tuple[str, str, tuple[Turn, ...]]:
    if not isinstance(turns, list) or len(turns) < 2:
        raise DataError(f"{where}: must be a list of at least two turns, got {short(turns)}")
    said = tuple(_turn(one, where=f"{where}, turn {number}", keys=keys) for number, one in enumerate(turns, 1))
    role, answer = said[-1]
    if role != "assistant":
        raise DataError(f"{where}: the last turn is the answer, so it must be the assistant's, and it is the {role}'s")
    return plain(said[:-1]), answer, said[:-1]


def _turn(turn: object, *, where: str, keys: tuple[str, str]) -> Turn:
    if not isinstance(turn, dict) or not set(keys) <= set(turn):
        raise DataError(f"{where}: must be an object with {keys[0]} and {keys[1]}, got {short(turn)}")
    role, content = (turn[key] for key in keys)
    if not isinstance(role, str) or role not in ROLES:
        raise DataError(f"{where}: no role {role!r}{did_you_mean(str(role), ROLES)}")
    if isinstance(content, list) and all(isinstance(one, dict) and one.get("type") == "text" for one in content):
        content = "".join(text_of(one.get("text"), where=where, name=keys[1]) for one in content)
    return ROLES[role], text_of(content, where=where, name=keys[1])


_CHAT = "turns: the last is the answer, those before it stand under `User:`, `Assistant:` …"
SHAPES = (
    Shape(("prompt", "answer"), (), _pair("answer")),
    Shape(("prompt", "completion"), (), _pair("completion"), "prompt and answer"),
    Shape(("instruction", "output"), ("input",), _alpaca, "Alpaca's prompt (`### Instruction:`), output as answer"),
    Shape(("messages",), (), _turns("messages", ("role", "content")), _CHAT),
    Shape(("conversations",), (), _turns("conversations", ("from", "value")), _CHAT),
)
