r"""From a data set's own columns to a prompt and its answer, by templates that stand in the task file.

    forms:
      - prompt: "Question: {{ question }}\nAnswer:"      # Jinja over the record's columns
        choices: "{{ choices.text }}"                      # an expression that gives a list; or templates
        answer: "{{ choices.label.index(answerKey) }}"         # with choices: the number of the right one, from 0

The first form whose columns a record has is taken, so that one task reads the Hub's columns and a local file's.
Templates are sandboxed: a task file can neither run code nor reach files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from clbench.base import patterns
from clbench.base.errors import DataError, short
from clbench.spec import templates
from clbench.spec.frozen import Frozen

MAX_CHOICES = 64


class Form(Frozen):
    """How a record becomes an example.

    Args:
        prompt: template of all that the model is given, answer cue included.
        answer: template of what is to follow; with `choices`, of the number of the right one, counted from 0.
        choices: templates of what may follow; or one expression that gives their list.
        ending: template of what follows every choice; when given, its likelihood alone counts (WinoGrande).
        group: template of what a question belongs to; its shots come from the same group.
        parse: column to a regular expression that fits its whole text; named groups become columns.
        keep: expression over the columns; a record of which it does not hold is none of the task's.
    """

    prompt: str
    answer: str
    choices: tuple[str, ...] | str = ()
    ending: str = ""
    group: str = ""
    parse: dict[str, str] = Field(default={}, max_length=4)
    keep: str = ""

    @field_validator("prompt", "answer", "ending", "group", "choices")
    @classmethod
    def _are_templates(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for text in (value,) if isinstance(value, str) else value:
            templates.check(text)
        return value

    @field_validator("choices")
    @classmethod
    def _is_a_list(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str):
            templates.check_expression(value)
        return value

    @field_validator("keep")
    @classmethod
    def _is_an_expression(cls, value: str) -> str:
        if value:
            templates.check(value)
            templates.check_expression(value)
        return value

    @field_validator("parse")
    @classmethod
    def _are_expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for column, pattern in value.items():
            try:
                patterns.check(pattern)
            except ValueError as error:
                raise ValueError(f"{column}: {error}") from error
        return value

    @model_validator(mode="after")
    def _has_choices(self) -> Form:
        if isinstance(self.choices, tuple) and len(self.choices) == 1:
            raise ValueError("choices: there must be at least two")
        if self.ending and not self.choices:
            raise ValueError("ending: stands after choices, and there are none")
        return self

    @property
    def needs(self) -> frozenset[str]:
        """Columns that a record must have."""
        choices = (self.choices,) if isinstance(self.choices, str) else self.choices
        used = templates.variables(self.prompt, self.answer, self.ending, self.group, self.keep, *choices)
        made = {name for pattern in self.parse.values() for name in patterns.groups(pattern)}
        return (used - made) | set(self.parse)

    def keeps(self, record: Mapping[str, Any], *, where: str) -> bool:
        """Whether a record is one of the task's."""
        return not self.keep or bool(templates.value(self.keep, record, where=f"{where}: keep"))

    def fill(self, record: Mapping[str, Any], *, where: str) -> Filled:
        """The example's parts.

        Raises:
            DataError: a text that its expression does not fit, a template that fails, choices that are no list of at
                least two texts, a right one that is none of them.
        """
        columns = dict(record) | self._parsed(record, where=where)
        fields = ("prompt", "answer", "ending", "group")
        prompt, answer, ending, group = (
            templates.render(getattr(self, name), columns, where=f"{where}: {name}") for name in fields
        )
        choices = self._choices(columns, where=where)
        answer = _right(answer, choices, where=where) if choices else answer
        return Filled(prompt=prompt, answer=answer, choices=choices, ending=ending, group=group)

    def _parsed(self, record: Mapping[str, Any], *, where: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for column, pattern in self.parse.items():
            match = _match(pattern, str(record[column]), where=f"{where}: {column}")
            if match is None:
                raise DataError(f"{where}: {column} does not have the expected form, got {short(record[column])}")
            found |= {name: value or "" for name, value in match.groupdict().items()}
        return found

    def _choices(self, columns: Mapping[str, Any], *, where: str) -> tuple[str, ...]:
        where = f"{where}: choices"
        if isinstance(self.choices, tuple):
            found: Any = [templates.render(one, columns, where=where) for one in self.choices]
            if not found:
                return ()
        else:
            found = templates.value(self.choices, columns, where=where)
        if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
            raise DataError(f"{where} must be a list of texts, got {short(found)}")
        if not 2 <= len(found) <= MAX_CHOICES:
            raise DataError(f"{where}: there must be 2 to {MAX_CHOICES}, got {len(found)}")
        empty = [number for number, one in enumerate(found) if not one.strip()]
        if empty:
            raise DataError(f"{where}: number {empty[0]} is empty")
        return tuple(found)


class Filled(Frozen):
    """A record as its form reads it; see `Form`."""

    model_config = {"str_max_length": None}

    prompt: str
    answer: str
    choices: tuple[str, ...] = ()
    ending: str = ""
    group: str = ""


def choose_form(forms: tuple[Form, ...], record: object, *, where: str) -> Form:
    """The first form whose columns the record has.

    Raises:
        DataError: none fits; says what is missing.
    """
    if not isinstance(record, Mapping):
        raise DataError(f"{where}: must be an object of columns, got {short(record)}")
    for form in forms:
        if form.needs <= set(record):
            return form
    wanted = " or ".join(", ".join(sorted(form.needs)) for form in forms)
    raise DataError(f"{where}: needs the columns {wanted}; got {', '.join(sorted(map(str, record))) or 'none'}")


def _match(pattern: str, text: str, *, where: str) -> Any:
    try:
        return patterns.fullmatch(pattern, text)
    except patterns.SlowPatternError as error:
        raise DataError(f"{where}: {error}") from error


def _right(text: str, choices: tuple[str, ...], *, where: str) -> str:
    number = int(text) if re.fullmatch(r"\s*[0-9]{1,3}\s*", text) else -1
    if not 0 <= number < len(choices):
        raise DataError(f"{where}: the right choice must be a number from 0 to {len(choices) - 1}, got {text!r}")
    return choices[number]
