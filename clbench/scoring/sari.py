"""SARI of a simplification, as Hugging Face `evaluate` computes it and TRACE calls it.

SARI (Xu et al. 2016, "Optimizing Statistical Machine Translation for Text Simplification") asks which n-grams
of the source were rightly kept, rightly deleted, and which new ones rightly added; it is the mean of F1 of
keeping, precision of deleting and F1 of adding. The variant is that of `evaluate` (`metrics/sari/sari.py`):
lower case, the `13a` tokenizer of sacreBLEU, 1- to 4-grams, 0/0 = 1, and the corrected recall of keeping.

Two things to know when reading a score. TRACE gives the *whole prompt* as source, with its instruction and
"Simplification:". And the floor is high: on 20Minuten an output that says nothing gets about 0.37, with or without
blanks in it. `sari` keeps that, as it is TRACE's; `sari_stripped` gives such an output 0.
"""

import re
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

_ORDERS = (1, 2, 3, 4)

_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))

# The rules of NIST's mteval-v13a in the order in which sacreBLEU applies them. Each consumes the neighbour that it
# looks at: the last token of "1.,.2" is ".2", where look-arounds would cut the stop off.
_SPLITS = (
    (re.compile(r"([!-&(-+/:-@\[-`{-~])"), r" \1 "),  # ASCII punctuation, except ' , - and .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # a stop or comma that does not follow a digit
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # … or that no digit follows
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # a dash after a digit
)

_Counts = Counter[tuple[str, ...]]
_Grams = dict[tuple[str, ...], int]  # the same as a plain dictionary, whose loops are faster


def sari(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores a simplification of the prompt against the answer: 20Minuten in TRACE, divided by 100."""
    return sari_against(source=prompt, prediction=prediction, references=[answer])


def sari_stripped(*, prompt: str, prediction: str, answer: str) -> float:
    """Scores `sari` without white space at the ends; an empty output or answer, or one of blanks, scores 0."""
    prediction, answer = prediction.strip(), answer.strip()
    return sari(prompt=prompt, prediction=prediction, answer=answer) if prediction and answer else 0.0


def sari_against(*, source: str, prediction: str, references: Sequence[str]) -> float:
    """Computes SARI of one sentence or text.

    Args:
        source: The text that was to be simplified.
        prediction: The simplification; it may be empty here.
        references: One or more gold simplifications.

    Returns:
        SARI between 0 and 1.

    Raises:
        ValueError: There is no reference.
    """
    if not references:
        raise ValueError("SARI needs at least one reference")
    texts = [tokenize(text.lower()) for text in (source, prediction, *references)]
    return fmean(_one_order(*(_ngrams(tokens, order) for tokens in texts)) for order in _ORDERS)


def tokenize(text: str) -> list[str]:
    """Splits a text as sacreBLEU's `13a` does; a text without words is one empty token, as in `evaluate`."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, replacement in _SPLITS:
        text = pattern.sub(replacement, text)
    return text.split() or [""]


def _ngrams(tokens: Sequence[str], order: int) -> _Counts:
    """Counts the n-grams of one order."""
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _one_order(source: _Grams, output: _Grams, *references: _Counts) -> float:
    """Computes SARI for n-grams of one order.

    The counts of source and output are multiplied by the number of references, so that they can be compared
    with the references' counts taken together.
    """
    gold = dict(sum(references, _Counts()))
    source, output = ({gram: n * len(references) for gram, n in counts.items()} for counts in (source, output))
    added, to_add = output.keys() - source.keys(), gold.keys() - source.keys()
    rightly_added = len(added & to_add)
    add = _f1(_share(rightly_added, len(added)), _share(rightly_added, len(to_add)))
    return fmean((_keep(source, output, gold), _delete(source, output, gold), add))


def _keep(source: _Grams, output: _Grams, gold: _Grams) -> float:
    """Computes F1 of keeping; precision is a mean over kinds of n-grams, recall one over all occurrences."""
    kept, to_keep = _both(source, output), _both(source, gold)
    rightly = _both(kept, gold)
    precision = _share(sum(n / kept[gram] for gram, n in rightly.items()), len(kept))
    return _f1(precision, _share(sum(rightly.values()), sum(to_keep.values())))


def _delete(source: _Grams, output: _Grams, gold: _Grams) -> float:
    """Computes precision of deleting: leaving too much is punished by the other two, not here."""
    deleted = _without(source, output)
    rightly = _without(deleted, gold)
    return _share(sum(n / deleted[gram] for gram, n in rightly.items()), len(deleted))


def _both(one: _Grams, other: _Grams) -> _Grams:
    """Counts n-grams that both have."""
    return {gram: min(n, other[gram]) for gram, n in one.items() if gram in other}


def _without(one: _Grams, other: _Grams) -> _Grams:
    """Counts n-grams that one has more often."""
    return {gram: n - other.get(gram, 0) for gram, n in one.items() if n > other.get(gram, 0)}


def _share(part: float, whole: float) -> float:
    """Divides, with 0/0 = 1: nothing to do, and nothing done wrong."""
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    """Computes the harmonic mean, 0 if both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
