r"""Worked answers, of which only the end is judged: GSM8K, MetaMathQA, MATH and chain of thought.

`answer` is the gold text whole; its result is read as the prediction's is, from the last marker: `#### 18`, "The
answer is: 6", `\boxed{\frac43}`. An answer without a marker is the result itself. A base model that has answered
goes on with questions of its own, so a prediction ends before the first "Question:", "Q:" or "Problem:" that
follows a blank line.

*Strict* scorers want a marker, *lenient* ones do without.
"""

import re
from fractions import Fraction

from clbench.scoring import latex
from clbench.scoring.accuracy import _NUMBER

_NEXT_QUESTION = re.compile(r"\n[ \t\r]*\n\s*(?:Question|Q|Problem)[ \t]*:")
_HASHES = re.compile("####")
_SAID = re.compile(r"\banswer\s+is\b[ \t]*:?", re.IGNORECASE)
_SAID_WHOLE = re.compile(r"\bthe\s+answer\s+is\b[ \t]*:?", re.IGNORECASE)
_MARKER = re.compile(rf"####|\\boxed(?![a-zA-Z])|{_SAID.pattern}", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.](?=\s|$)")

_DECORATION = re.compile(r"\\?[$%]|[€£]|\*\*|\\!")  # what stands on and in numbers: $, %, bold type
_PLAIN_FRACTION = re.compile(r"\\frac\{([0-9]+)\}\{([0-9]+)\}")
_QUANTITY = re.compile(rf"(?:{_NUMBER.pattern})(?:[ ]?/[ ]?[0-9]+)?", re.VERBOSE)

_AROUND = " \t\r\n.,;:*()[]{}<>\"'`“”‘’«»"
_OPTION = re.compile(r"[\s*\"']*(?:\(([A-Za-z])\)|([A-Za-z])(?:[).:*]|\s*$))")


def final_number(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the first number after the prediction's last marker, on its line, has the gold one's value.

    "$18.00" and "18." are 18, "1,000" is 1000, "50%" is 50, "3/4" is 0.75, exactly. An answer whose result is no
    number is compared as text, without regard to case; for formulas there is `math_answer`.
    """
    result, wanted = _marked(_cut(prediction)), _gold_number(answer)
    if result is None:
        return 0.0
    if wanted is None:
        return float(_bare(result) == _bare(_gold(answer)) != "")
    return float(_first_number(result) == wanted)


def last_number(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `final_number`, or without a number after a marker the last one of the prediction (lenient)."""
    text, wanted = _cut(prediction), _gold_number(answer)
    if wanted is None or _first_number(_marked(text) or "") is not None:
        return final_number(prompt=prompt, prediction=prediction, answer=answer)
    numbers = [_value(found[0]) for found in _QUANTITY.finditer(_undecorated(text))]
    return float(numbers[-1:] == [wanted])


def math_answer(*, prompt: str, prediction: str, answer: str) -> float:
    r"""Scores 1 if the results are equal as LaTeX: in the last `\boxed{…}`, else after the last "answer is".

    See `clbench.scoring.latex` for what is forgiven; numbers are compared in value.
    """
    written, wanted = _formulas(_cut(prediction)), _formulas(answer) or {answer}
    return float(any(latex.same(left, right) for left in written for right in wanted))


def phrase(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if what follows the last "the answer is" is the answer, up to the end of its sentence or line.

    Without those words, the first line counts. A full stop at the end does not: "(A)." is "(A)".
    """
    return float(bool(_phrases(_cut(prediction)) & _phrases(answer)))


def phrase_lenient(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `phrase` without regard to case, brackets and quotes; of an option, its letter is enough."""
    written, wanted = _phrases(_cut(prediction)), _phrases(answer)
    plain = {_plain(text) for text in written} & {_plain(text) for text in wanted}
    return float(bool(plain or _options(written) & _options(wanted)))


def _cut(text: str) -> str:
    """Leaves off what a base model writes after its answer; blanks before it are no end of anything."""
    return _NEXT_QUESTION.split(text.strip(), maxsplit=1)[0]


def _marked(text: str) -> str | None:
    """What stands after the last marker: a box's inside, or the first line; None without a marker."""
    markers = list(_MARKER.finditer(text))
    if not markers:
        return None
    rest = text[markers[-1].end() :]
    return (latex.argument(rest)[0] or "") if markers[-1][0].startswith("\\") else _first_line(rest)


def _gold(answer: str) -> str:
    result = _marked(answer)
    return answer if result is None else result


def _gold_number(answer: str) -> Fraction | None:
    """The gold result if it is a number and nothing else, but for signs of money or percent and a full stop."""
    text = _bare(_undecorated(_gold(answer)))
    return _value(text) if _QUANTITY.fullmatch(text) else None


def _first_number(text: str) -> Fraction | None:
    found = _QUANTITY.search(_undecorated(text))
    return None if found is None else _value(found[0])


def _undecorated(text: str) -> str:
    r"""Takes off what stands on and in numbers, and writes `\frac34` as 3/4."""
    text = _DECORATION.sub("", text).replace("\u2212", "-").replace("{,}", ",")
    return _PLAIN_FRACTION.sub(r"\1/\2", latex.with_braces(text))


def _value(text: str) -> Fraction | None:
    top, _, bottom = text.replace(" ", "").partition("/")
    return latex.value(rf"\frac{{{top}}}{{{bottom}}}" if bottom else top)


def _formulas(text: str) -> set[str]:
    """The result of a worked answer in LaTeX, as it may be read; none without a marker."""
    boxed = latex.last_box(text)
    if boxed is not None:
        return {boxed}
    return next((_readings(text, marker) for marker in (_SAID, _HASHES) if marker.search(text)), set())


def _phrases(text: str) -> set[str]:
    return _readings(text, _SAID_WHOLE)


def _readings(text: str, marker: re.Pattern[str]) -> set[str]:
    """The line after the last marker (without one, the first), and its first sentence: "U.S. dollars", "U.S"."""
    *before, rest = marker.split(text)
    line = _first_line(rest)
    texts = (line, _SENTENCE_END.split(line, maxsplit=1)[0]) if before else (line,)
    return {text.strip().removesuffix(".").rstrip() for text in texts} - {""}


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()


def _bare(text: str) -> str:
    return text.strip().removesuffix(".").strip().casefold()


def _plain(text: str) -> str:
    """Folds case, brackets and quotes; what is nothing else, such as the brackets of dyck_languages, stays."""
    return " ".join((text.strip(_AROUND) or text).casefold().split())


def _options(texts: set[str]) -> set[str]:
    """The letters of the options that texts begin with: "(A) 05/01/2021", "a)", "A"."""
    found = [option for text in texts if (option := _OPTION.match(text))]
    return {(option[1] or option[2]).upper() for option in found}
