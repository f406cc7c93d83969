"""What O-LoRA, SAPT and Super-NaturalInstructions (arXiv 2204.07705) score by: normalised exact match and ROUGE-L.

All three run one script (`compute_metrics.py`): texts are compared in lower case, without ASCII punctuation, with
single blanks; ROUGE-L is `rougeL` of `rouge_score` with its stemmer, the F1 of the longest common subsequence of words.
It is not TRACE's `rouge_l`. Where punctuation is all of an answer (MultiNLI's label `-`), saying nothing is right, as
there. The lenient forms look at the first line alone, as a causal model may well go on behind its answer.
"""

import re
import string

from clbench.scoring.questions import first_line
from clbench.scoring.rouge import common_length
from clbench.scoring.stemming import stem

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NO_WORD = re.compile("[^a-z0-9]+")


def normalised_em(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores 1 if both are equal in lower case, without punctuation, with single blanks."""
    return float(_normalised(prediction) == _normalised(answer))


def normalised_em_line(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `normalised_em` of the first line that is not empty (lenient)."""
    return normalised_em(prompt=prompt, prediction=first_line(prediction), answer=answer)


def rouge_lcs(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores the F1 of the longest common subsequence of stemmed words: `rougeL` of `rouge_score`."""
    wrote, expected = _stems(prediction), _stems(answer)
    if not wrote or not expected:
        return 0.0
    common = common_length(wrote, expected)
    precision, recall = common / len(wrote), common / len(expected)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def rouge_lcs_line(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `rouge_lcs` of the first line that is not empty (lenient)."""
    return rouge_lcs(prompt=prompt, prediction=first_line(prediction), answer=answer)


def _normalised(text: str) -> str:
    return " ".join(text.lower().translate(_PUNCTUATION).split())


def _stems(text: str) -> list[str]:
    words = _NO_WORD.sub(" ", text.lower()).split()
    return [stem(word) if len(word) > 3 else word for word in words]
