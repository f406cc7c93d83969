"""What a user demands of a probe: `gsm8k >= base - .03`, `own/tickets >= .8`, `text <= base + .1`. Pure.

A requirement is checked on what was measured, without a test: it says itself how much may be missing. A probe that has
one is judged by it alone.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.base.errors import OptionError, unknown_name
from clbench.forgetting.verdicts import Verdict

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_NUMBER = r"\d*\.?\d+"
_FORM = re.compile(
    rf"\s*(?P<probe>\S+?)\s*(?P<sign>>=|<=|>|<)\s*(?:(?P<base>base)\s*(?:(?P<plus>[+-])\s*(?P<by>{_NUMBER}))?"
    rf"|(?P<value>{_NUMBER}))\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand.

    Args:
        text: as written.
        probe: its name, whole or the last part.
        sign: `>=`, `<=`, `>` or `<`.
        relative: whether `value` is added to the base's score.
        value: the bound.
    """

    text: str
    probe: str
    sign: str
    relative: bool
    value: float

    def is_of(self, name: str) -> bool:
        """Whether a probe of that name is meant."""
        return self.probe in (name, name.rpartition("/")[2])

    def holds(self, one: Verdict) -> bool:
        """Whether the tuned model meets it; rounding in the last places decides nothing."""
        bound = self.value + (one.base if self.relative else 0.0)
        slack = 1e-12 if self.sign in (">=", "<=") else -1e-12
        return _COMPARE[self.sign](one.tuned + (slack if self.sign.startswith(">") else -slack), bound)


def parse(texts: Sequence[str]) -> list[Requirement]:
    """Requirements as a user wrote them.

    Raises:
        OptionError: one is not of that form.
    """
    return [_parse(text) for text in texts]


def _parse(text: str) -> Requirement:
    match = _FORM.fullmatch(text)
    if match is None:
        raise OptionError(f'--require {text!r}: must be like "gsm8k >= base - .03" or "gsm8k >= .4"')
    relative = match["base"] is not None
    value = float(match["value"] or match["by"] or 0) * (-1 if match["plus"] == "-" else 1)
    return Requirement(text.strip(), match["probe"], match["sign"], relative, value)


def check_names(requirements: Sequence[Requirement], names: Sequence[str]) -> None:
    """Whether each is of a probe that is asked.

    Raises:
        UnknownNameError: one is not.
    """
    for one in requirements:
        if not any(one.is_of(name) for name in names):
            raise unknown_name("probe to require something of:", one.probe, [name.rpartition("/")[2] for name in names])
