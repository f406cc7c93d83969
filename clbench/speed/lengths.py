"""How long TRACE's records are, as tenths of their distribution, and texts of such lengths made of random tokens.

Measured on the training records of the 500 variant with SmolLM2's tokenizer; the records themselves are their authors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clbench.base import seeding
from clbench.data.tokenising import Encoded

LONGEST_PROMPT, LONGEST_ANSWER = 1024, 512  # tokens; the protocol's lengths, at which longer ones are cut
SPECIAL = 3  # tokens that no text has, at a vocabulary's beginning


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of one task's records, in tokens: least, nine tenths, greatest.

    Args:
        prompts: of the prompts.
        answers: of the answers.
    """

    prompts: tuple[int, ...]
    answers: tuple[int, ...]

    @property
    def mean_tokens(self) -> float:
        """Of prompt, answer and end, as they are cut."""
        return _mean(self.prompts, most=LONGEST_PROMPT) + self.mean_answer

    @property
    def mean_answer(self) -> float:
        """As it is cut, with the token that ends it."""
        return _mean(self.answers, most=LONGEST_ANSWER) + 1


# fmt: off
TRACE = {
    "trace/c-stance": Lengths((149, 183, 195, 212, 235, 264, 289, 328, 355, 395, 467), (1,) * 11),
    "trace/fomc": Lengths((47, 60, 65, 69, 73, 76, 80, 85, 92, 100, 199), (1,) * 11),
    "trace/meetingbank": Lengths(
        (157, 283, 357, 457, 584, 758, 1009, 1365, 1989, 2886, 7526), (16, 36, 45, 54, 63, 72, 90, 110, 138, 177, 514)
    ),
    "trace/py150": Lengths(
        (9, 28, 54, 93, 172, 254, 422, 672, 1150, 2214, 19836), (1, 3, 6, 8, 8, 10, 12, 15, 18, 21, 60)
    ),
    "trace/scienceqa": Lengths(
        (38, 51, 55, 60, 66, 72, 78, 86, 97, 132, 216), (2, 102, 122, 139, 152, 184, 200, 232, 295, 378, 863)
    ),
    "trace/numglue-cm": Lengths((32, 37, 40, 43, 45, 47, 50, 52, 59, 66, 106), (1, 1, 1, 2, 2, 2, 2, 2, 3, 4, 18)),
    "trace/numglue-ds": Lengths((20, 24, 25, 27, 35, 38, 40, 42, 48, 53, 73), (1, 1, 1, 1, 1, 2, 2, 3, 3, 5, 5)),
    "trace/20minuten": Lengths(
        (162, 410, 544, 635, 738, 860, 949, 1081, 1251, 1480, 2926), (32, 66, 76, 84, 90, 97, 106, 115, 129, 146, 261)
    ),
}
# fmt: on
"""In the order of the paper."""


def steps(number: int, *, vocabulary: int, end: int) -> list[list[Encoded]]:
    """Batches of training examples, one of each task, since a step's records are of one task.

    Args:
        number: of a batch's examples.
        vocabulary: tokens of the model.
        end: token that ends an answer.
    """
    rng = seeding.rng(0, "bench", "lengths")

    def example(task: str) -> Encoded:
        prompt = min(LONGEST_PROMPT, _draw(TRACE[task].prompts, rng.random()))
        answer = min(LONGEST_ANSWER, _draw(TRACE[task].answers, rng.random()))
        ids = [rng.randrange(SPECIAL, vocabulary) for _ in range(prompt + answer)]
        return Encoded((*ids, end), answer + 1, task)

    return [[example(task) for _ in range(number)] for task in TRACE]


def _draw(tenths: Sequence[int], place: float) -> int:
    """The length at a place from 0 to 1 of a distribution that is straight between its tenths."""
    lower = min(int(place * (len(tenths) - 1)), len(tenths) - 2)
    share = place * (len(tenths) - 1) - lower
    return max(1, round(tenths[lower] + share * (tenths[lower + 1] - tenths[lower])))


def _mean(tenths: Sequence[int], *, most: int) -> float:
    places = [(index + 0.5) / 200 for index in range(200)]
    return sum(min(most, _draw(tenths, place)) for place in places) / len(places)
