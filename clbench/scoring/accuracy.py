"""Right or wrong: the accuracies of TRACE, strict and lenient.

Strict (`exact`, `first_letter`) is bit for bit what the TRACE repository computes (`metrics.py` and
`evaluations/eval_ScienceQA.py` of BeyonderXX/TRACE): nothing is stripped, so "A " is not "A", and "8.0" is not
"8". A model that knows the answer and has lost the format scores 0. The lenient scorers (`stripped`, `letter`,
`number`) forgive the format, so that the two together tell forgetting from drift.
"""

import re
from decimal import Decimal

# A letter of a Latin script, the German and French ones included. Chinese characters are deliberately not
# among them: in "答案是B。" the B stands as an option.
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
_OPTION = re.compile(f"(?<![{_LATIN}])[A-E](?![{_LATIN}])")

_NUMBER = re.compile(
    r"""
    (?:(?<!\w)[-+])?                                # a sign, unless it is the hyphen of "5-3" or "COVID-19"
    (?: (?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])        # digits in groups of three: 1,000
          | [0-9]+) (?:\.[0-9]+)?                   # or plain digits, with or without a fraction
      | \.[0-9]+ )                                  # or a fraction alone: .5
    (?:[eE][-+]?[0-9]{1,3}(?![0-9]))?               # 1e5; longer exponents are no quantities of any task
    """,
    re.VERBOSE,
)


def exact(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the prediction is the answer, character for character: C-STANCE, FOMC and NumGLUE in TRACE."""
    return float(prediction == answer != "")


def first_letter(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the first characters agree: ScienceQA in TRACE, whose answers are a letter, then reasons."""
    return float(prediction[:1] == answer[:1] != "")


def stripped(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if prediction and answer agree once white space at both ends is gone."""
    return float(prediction.strip() == answer.strip() != "")


def letter(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if prediction and answer choose the same option.

    The option of a text is the first capital letter A to E that does not touch another Latin letter: "A",
    "A.", " (B) because", "Answer: C" and "选A" choose one, "Because" does not. An article ("A cat…") counts as
    an option too; no rule on single letters can tell. An answer without an option is compared as `stripped`.
    """
    wanted = _OPTION.search(answer)
    if wanted is None:
        return stripped(prompt=prompt, prediction=prediction, answer=answer)
    chosen = _OPTION.search(prediction)
    return float(chosen is not None and chosen[0] == wanted[0])


def number(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the first number in the prediction equals the answer in value.

    "8.0" is 8, "1,000" is 1000, "17.48 km" is 17.48; values are compared exactly, with no tolerance. An answer
    that is not a number (NumGLUE-cm has weekdays, months and names) is compared stripped and without regard to
    case.
    """
    wanted = _NUMBER.fullmatch(answer.strip())
    if wanted is None:
        return stripped(prompt=prompt, prediction=prediction.casefold(), answer=answer.casefold())
    found = _NUMBER.search(prediction)
    return float(found is not None and _value(found[0]) == _value(wanted[0]))


def _value(text: str) -> Decimal:
    """Reads a number exactly, as a binary float could not."""
    return Decimal(text.replace(",", ""))
