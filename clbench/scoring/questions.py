"""Short answers to questions, of which several wordings are right: TyDiQA, SQuAD, TriviaQA, Natural Questions.

`answer` holds one alias a line; the prediction is its first line, as a model that was asked for a short answer may
well go on. Before texts are compared they are normalised as by SQuAD's script (Rajpurkar et al. 2016): lower case,
no punctuation, no English article, single blanks. TyDiQA's gold-passage task (Clark et al. 2020) uses the same for
nine languages, which here means: NFKC, case folding, and the punctuation of every script. Words are what white
space separates, also in Korean, Telugu, Bengali and Arabic.

A text that would be normalised to nothing (an alias "A", "The" or "?") is compared with what it is, lest an empty
answer be right.
"""

import re
import string
import unicodedata
from collections import Counter
from functools import lru_cache

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def squad_em(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if the first line is one of the aliases, normalised: SQuAD's exact match."""
    written = normalised(first_line(prediction))
    return float(written != "" and written in aliases(answer))


def squad_f1(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores SQuAD's F1 over the words of the first line and of an alias, the best of all aliases."""
    written = normalised(first_line(prediction))
    return max((_f1(written, alias) for alias in aliases(answer)), default=0.0)


def alias_em(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `squad_em`; under a name of its own for closed-book questions (TriviaQA, NQ-open)."""
    return squad_em(prompt=prompt, prediction=prediction, answer=answer)


def alias_in(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if some alias stands in the first line as whole words (lenient)."""
    written = f" {normalised(first_line(prediction))} "
    return float(any(f" {alias} " in written for alias in aliases(answer)))


def aliases(answer: str) -> list[str]:
    """The normalised aliases, without empty lines."""
    return [normalised(line) for line in answer.split("\n") if line.strip()]


def first_line(text: str) -> str:
    """The first line that is not empty."""
    return text.strip().partition("\n")[0]


def normalised(text: str) -> str:
    """A text as answers are compared: folded, without punctuation and English articles, single blanks."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(character for character in text if not _is_punctuation(character))
    return " ".join(_ARTICLE.sub(" ", bare).split()) or " ".join(text.split())


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    """Whether it is ASCII punctuation, in which Python counts `$+<=>^`|~` too, or punctuation of any script."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _f1(written: str, alias: str) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as it stands in both."""
    left, right = Counter(written.split()), Counter(alias.split())
    return 2 * (left & right).total() / (left.total() + right.total()) if left and right else 0.0
