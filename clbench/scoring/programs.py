"""Pass or fail of a completed program by its tests: HumanEval's pass@1 with one greedy completion.

HumanEval (Chen et al. 2021, "Evaluating Large Language Models Trained on Code") gives the head of a function with its
docstring; a completion is right if the tests of the record pass. With one greedy completion a problem, pass@1 is the
share of problems solved: the mean of this scorer.

The scorer runs what a model wrote, so it is off unless `CLBENCH_RUN_PROGRAMS=1` asks for it, and runs it only in the
sandbox (`clbench.sandbox`). Its result depends on the machine where a program is near the limit of time or memory, or
draws random numbers itself.
"""

import ast
import json
import re

from clbench.base.errors import ClbenchError, DataError, short

STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint", "\n```")
"""Where a completion ends: the five stop sequences of the paper, which has no spaces in them, and a closing fence."""

_FENCED = re.compile(
    r"(?:\A\s*```(?:python3?|py)?|^```(?:python3?|py))[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.M | re.I
)
_INDENTED = re.compile(r"\s*\n[ \t]+\S|[ \t]+\S")


class ProgramsOffError(ClbenchError):
    """A scorer would run what a model wrote, and nobody has asked for it."""


def passes_tests(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the prompt, completed by the prediction, is a program that passes the tests.

    Args:
        prompt: The head of a function with its docstring, and what stands before it: Python that compiles.
        prediction: What the model wrote; see `completed` for what is taken of it.
        answer: JSON text, `{"test": …, "entry_point": …}` with HumanEval's columns: Python that defines
            `check(candidate)`, and the function's name. The empty string scores 0, as the empty prediction does.

    Returns:
        1.0 or 0.0.

    Raises:
        ProgramsOffError: The environment does not say CLBENCH_RUN_PROGRAMS=1.
        DataError: The answer or the prompt is not of this form.
        SandboxError: Programs cannot be run safely here.
    """
    if not prediction or not answer:
        return 0.0
    from clbench.sandbox import sandbox  # starting processes is for those who score programs

    if not sandbox.allowed():
        raise ProgramsOffError(
            f"passes_tests runs what the model writes: --allow-code (or {sandbox.SWITCH}=1) allows it"
        )
    entry, test = _parsed(answer)
    return float(sandbox.run(completed(prompt, prediction), entry=entry, test=_test(prompt, entry, test)).passed)


def completed(prompt: str, prediction: str) -> str:
    """The program that a prediction makes of a prompt.

    The prediction continues the prompt and is cut at the first of `STOPS`. If it does not begin with an indented line,
    as chat models do not, its first block fenced as Python is taken in its place; a block that defines a function at
    the top level (the head again) is not cut.
    """
    fenced = None if _INDENTED.match(prediction) else _FENCED.search(prediction)
    if fenced is None:
        return prompt + _cut(prediction)
    if re.search(r"^(?:async )?def ", fenced[1], re.MULTILINE):
        return f"{prompt}\n{fenced[1]}"
    return prompt + _cut(fenced[1])


def _cut(text: str) -> str:
    """The text up to the first stop."""
    return text[: min((place for stop in STOPS if (place := text.find(stop)) >= 0), default=len(text))]


def _parsed(answer: str) -> tuple[str, str]:
    """The name of the function, and the test."""
    try:
        parts = json.loads(answer)
        entry, test = parts["entry_point"], parts["test"]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f'answer {short(answer)}: passes_tests needs JSON {{"test": …, "entry_point": …}}') from error
    if not (isinstance(test, str) and isinstance(entry, str) and entry.isidentifier()):
        raise DataError(f"answer {short(answer)}: test must be text and entry_point a name")
    return entry, test


def _test(prompt: str, entry: str, test: str) -> str:
    """The whole test: it has the prompt's own helpers, and the program's function in place of the prompt's stub.

    Random numbers that a test draws are the same each time.
    """
    seeded = "import random\nrandom.seed(0)\n" if "random" in test else ""
    whole = f"function = candidate\n{prompt}\n{entry} = function\n{seeded}{test}\ncheck({entry})\n"
    try:
        ast.parse(whole)
    except (SyntaxError, ValueError) as error:
        raise DataError(
            f"prompt and test of {entry} are not Python (line {getattr(error, 'lineno', '?')}): "
            "passes_tests needs the plain head of a function, with no instruction around it"
        ) from error
    return whole
