"""Scores of all records of a task at once, which no mean over records gives: macro-F1, BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from clbench.base.errors import ClbenchError


def macro_f1(*, predictions: Sequence[str], answers: Sequence[str]) -> float:
    """Mean over classes of 2TP / (2TP + FP + FN), white space at the ends apart.

    Classes are the answers that occur: what else a model writes is a miss of the right class, and no class of its own.
    """
    wrote, gold = [one.strip() for one in predictions], [one.strip() for one in answers]
    return fmean(_f1(wrote, gold, label) for label in sorted(set(gold)))


def _f1(wrote: Sequence[str], gold: Sequence[str], label: str) -> float:
    right = sum(a == b == label for a, b in zip(wrote, gold, strict=True))
    named = sum(one == label for one in (*wrote, *gold))
    return 2 * right / named


def bleu(*, predictions: Sequence[str], answers: Sequence[str]) -> float:
    """Corpus BLEU with one reference each (Papineni et al. 2002), by sacrebleu with its defaults (13a), over 100.

    Raises:
        ClbenchError: sacrebleu is not installed.
    """
    try:
        import sacrebleu
    except ImportError:
        raise ClbenchError("scorer bleu needs sacrebleu: pip install sacrebleu") from None
    return sacrebleu.corpus_bleu(list(predictions), [list(answers)]).score / 100
