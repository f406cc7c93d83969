"""Which of the given choices a model finds likeliest, and scores that another harness has given.

The evaluator measures every choice of a record and writes what it found as the record's prediction, so that
scorers stay functions of text and old runs can be scored again: a JSON list of `[choice, log-likelihood, tokens]`
in the record's order. `answer` is the text of the right choice.

    likelihood(prompt="2 + 2 =", prediction=dumps(["3", "4"], [-2.5, -0.3], [1, 1]), answer="4")

Equally likely choices, which are frequent where logits are computed in bf16, get the expected score of a draw among
them: the first of them is often the right one, or never.

A long choice is less likely than a short one merely for its length. Three remedies are in use: none, the mean over
bytes and the mean over tokens. The first two are `acc` and the idea of `acc_norm` in lm-evaluation-harness, whose
`acc_norm` divides by characters and `acc_bytes` by bytes; the mean over tokens depends on the tokenizer.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, TypeAdapter, ValidationError

from clbench.base.errors import DataError, pydantic_line, short

ROUNDING = 1e-6  # relative; sums of fp32 log-likelihoods are no nearer to each other than that by chance


class Choice(NamedTuple):
    """One of the choices of a record, measured.

    Attributes:
        text: The choice as the record has it.
        loglikelihood: Of all its tokens after the prompt, summed, in nats.
        tokens: How many tokens those were.
    """

    text: str
    loglikelihood: float
    tokens: int


_Text = Annotated[str, Field(pattern=r"\S")]
_CHOICES = TypeAdapter(Annotated[list[tuple[_Text, FiniteFloat, PositiveInt]], Field(min_length=1)])


class _Stated(BaseModel):
    """What an external harness hands over: its model's words and its own judgement of them."""

    model_config = ConfigDict(strict=True, extra="ignore")

    response: Any
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def dumps(choices: Sequence[str], loglikelihoods: Sequence[float], tokens: Sequence[int]) -> str:
    """Writes the prediction of one record; floats keep every digit.

    Args:
        choices: Their texts in the record's order.
        loglikelihoods: One for each choice, in nats, summed over its tokens.
        tokens: One count for each choice.

    Returns:
        JSON on one line, which `loads` reads back exactly.

    Raises:
        DataError: There is no choice, an empty one, one of no tokens, or a log-likelihood that is not finite.
        ValueError: The three are not of one length.
    """
    rows = [(text, float(nats), int(n)) for text, nats, n in zip(choices, loglikelihoods, tokens, strict=True)]
    try:
        return json.dumps(_CHOICES.validate_python(rows), ensure_ascii=False)
    except ValidationError as error:
        raise DataError(f"the measured choices cannot be written: {pydantic_line(error)}") from error


def loads(text: str) -> list[Choice]:
    """Reads what `dumps` wrote.

    Raises:
        DataError: The text is something else; says what.
    """
    try:
        return [Choice(*row) for row in _CHOICES.validate_json(text, strict=True)]
    except ValidationError as error:
        line = f"the prediction {short(text)} is no list of [choice, log-likelihood, tokens]: {pydantic_line(error)}"
        raise DataError(f"{line}; this scorer needs the likelihoods of choices, not generated text") from error


def likelihood(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the right choice has the highest log-likelihood, and 1/n if it is one of n such."""
    return _chosen(prediction, answer, key=_nats)


def likelihood_per_byte(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `likelihood` over the UTF-8 bytes of the choice without white space at its ends."""
    return _chosen(prediction, answer, key=_nats_per_byte)


def likelihood_per_token(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `likelihood` over the number of tokens."""
    return _chosen(prediction, answer, key=_nats_per_token)


def stated(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores what an external harness has said: the prediction is `{"response": …, "score": 0..1}`.

    Raises:
        DataError: It is not, or the score is out of range.
    """
    try:
        return _Stated.model_validate_json(prediction).score
    except ValidationError as error:
        line = pydantic_line(error)
        raise DataError(f'the prediction {short(prediction)} is no {{"response", "score"}}: {line}') from error


def is_tied(prediction: str, *, scorer: str) -> bool:
    """Whether several choices are the likeliest by one of the scorers above; False for any other scorer."""
    key = _KEYS.get(scorer)
    return key is not None and len(_likeliest(loads(prediction), key=key)) > 1


def _nats(choice: Choice) -> float:
    return choice.loglikelihood


def _nats_per_byte(choice: Choice) -> float:
    return choice.loglikelihood / len(choice.text.strip().encode())


def _nats_per_token(choice: Choice) -> float:
    return choice.loglikelihood / choice.tokens


_Key = Callable[[Choice], float]
_KEYS: dict[str, _Key] = {
    "likelihood": _nats,
    "likelihood_per_byte": _nats_per_byte,
    "likelihood_per_token": _nats_per_token,
}


def _likeliest(choices: Sequence[Choice], *, key: _Key) -> list[Choice]:
    """The choices of the highest key; what differs by rounding alone is equal."""
    best = max(map(key, choices))
    return [choice for choice in choices if math.isclose(key(choice), best, rel_tol=ROUNDING)]


def _chosen(prediction: str, answer: str, *, key: _Key) -> float:
    """Expected score of a draw among the likeliest choices: how many of them are the answer."""
    choices, right = loads(prediction), answer.strip()
    if all(choice.text.strip() != right for choice in choices):
        texts = ", ".join(short(choice.text, limit=20) for choice in choices)
        raise DataError(f"the answer {short(answer)} is none of the choices {texts}")
    best = _likeliest(choices, key=key)
    return sum(choice.text.strip() == right for choice in best) / len(best)
