r"""Answers in LaTeX, brought to one form so that equal ones are equal text or equal numbers.

What is forgiven follows the dataset MATH (Hendrycks et al. 2021) and Minerva's evaluation (Lewkowycz et al. 2022,
appendix D): the size and spacing of formulas, units, dollar, percent and degree signs, `\frac43` for
`\frac{4}{3}`. No algebra is done: "x+1" is not "1+x", and the parts of sets, intervals and matrices stay in order.
"""

import re
from decimal import Decimal
from fractions import Fraction

from clbench.scoring.accuracy import _NUMBER

_BOX = re.compile(r"\\f?box(?:ed)?(?![a-zA-Z])\s*")
_COMMAND = re.compile(r"\\[a-zA-Z]+|\S")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped one is none
_SLASH = r"(?<!\\)\\"  # a backslash that is not the second one of a row break
_LETTERS = r"\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|operatorname)\s*\{([^{}]*)\}"

_UNITS = (
    "degrees? dollars? cents? points? units? pounds? grams? feet foot ft inch(?:es)? yards? miles? mph cm mm km kg ml "
    "meters? metres? centimeters? liters? litres? seconds? minutes? hours? days? weeks? months? years? hr min percent "
    "people students ways integers"
).replace(" ", "|")
_UNIT = re.compile(
    rf"""(?<=[0-9}}]) \s* (?:(?:square|sq|cubic|cu)\.?\s*)?
         (?:{_UNITS}) (?:\s*(?:per|/)\s*(?:{_UNITS}))? \.? (?:\^[23])? $""",
    re.VERBOSE,
)

# In this order; each is (what, by what).
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_SLASH + r"[\[\]()]|\\?[$%]", ""),  # a formula's delimiters, dollars and percent
        (_SLASH + r"[,;:!\s]|~", " "),
        (_SLASH + r"(?:left|right|displaystyle|textstyle|big[lrg]*|Big[lrg]*)(?![a-zA-Z])", ""),
        (r"\s*(?:\^\s*(?:\\circ|\{\s*\\circ\s*\})|°|\\degrees?(?![a-zA-Z]))", ""),
        (r"\{,\}", ","),
        ("\u2212", "-"),
        (rf"(?<=[0-9}})])\s*{_LETTERS}\s*(?:\^\s*\{{?[23]\}}?)?\s*$", ""),  # a unit set as text: 10\text{ cm}^2
        (_LETTERS, r"\1"),
    )
)
_TIGHT = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", ""),
        (r"\.$", ""),
        (r"^[a-zA-Z]=(?=.)", ""),  # x=5 is 5
        (r"(?<![0-9])\.(?=[0-9])", "0."),
        (r"(?<![\w^})./\\])([0-9]+|[a-zA-Z])/([0-9]+|[a-zA-Z])(?![\w^({./\\])", r"\\frac{\1}{\2}"),
        (r"([\^_])\{(\w)\}", r"\1\2"),
        (r"\\sqrt([0-9a-zA-Z])", r"\\sqrt{\1}"),
    )
)
_SIZED = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_FRACTION = re.compile(r"([-+]?)\\frac\{([^{}]+)\}\{([^{}]+)\}")


def last_box(text: str) -> str | None:
    r"""The inside of the last `\boxed{…}`, braces in it paired; None if there is no whole one."""
    for box in reversed(list(_BOX.finditer(text))):
        inside, _ = argument(text[box.end() :])
        if inside is not None:
            return inside
    return None


def argument(text: str) -> tuple[str | None, str]:
    """The argument of a command at the start of a text, without its braces, and what follows it.

    An argument is a group in braces, a command or a single character; None if there is none, or its brace is open.
    """
    text = text.lstrip()
    if not text.startswith("{"):
        single = _COMMAND.match(text)
        return (single[0], text[single.end() :]) if single and single[0] != "}" else (None, text)
    depth = 0
    for brace in _BRACE.finditer(text):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[1 : brace.start()], text[brace.end() :]
    return None, text


def normalised(text: str) -> str:
    """A LaTeX answer without what does not change its meaning, and without white space."""
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _UNIT.sub("", text.strip())
    for pattern, replacement in _TIGHT:
        text = pattern.sub(replacement, text)
    return with_braces(text)


def value(text: str) -> Fraction | None:
    r"""The number that a normalised text is, also as `\frac{a}{b}`; None for anything else or a division by 0."""
    fraction = _FRACTION.fullmatch(text)
    sign, top, bottom = fraction.groups() if fraction else ("", text, "1")
    if not (_NUMBER.fullmatch(top) and _NUMBER.fullmatch(bottom)):
        return None
    above, below = (Fraction(Decimal(part.replace(",", ""))) for part in (top, bottom))
    return (-above if sign == "-" else above) / below if below else None


def same(left: str, right: str) -> bool:
    """Whether two answers are one: equal text once normalised, or equal numbers; nothing is not even itself."""
    left, right = normalised(left), normalised(right)
    if left == right:
        return left != ""
    number = value(left)
    return number is not None and number == value(right)


def with_braces(text: str) -> str:
    r"""Writes every fraction as `\frac{…}{…}`, from the last to the first, so that inner ones are done."""
    text = _SIZED.sub(r"\\frac", text)
    end = len(text)
    while (start := text.rfind(r"\frac", 0, end)) >= 0:
        top, rest = argument(text[start + len(r"\frac") :])
        bottom, rest = argument(rest)
        if top is not None and bottom is not None:
            text = f"{text[:start]}\\frac{{{top}}}{{{bottom}}}{rest}"
        end = start
    return text
