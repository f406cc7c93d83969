"""Corpus scores against scikit-learn and sacrebleu's own printed example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.errors import OptionError
from clbench.runs.predictions import Prediction, score
from clbench.scoring import SCORERS, check_scorer
from clbench.scoring.corpus import bleu, macro_f1
from clbench.spec.task import Task

PAIRS = st.lists(st.tuples(st.sampled_from("abcx"), st.sampled_from("abc")), min_size=1, max_size=20)


@given(PAIRS)
def test_macro_f1_is_scikit_learns_over_the_answers_classes(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    wrote, gold = map(list, zip(*pairs, strict=True))
    theirs = metrics.f1_score(gold, wrote, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert macro_f1(predictions=[f" {one}\n" for one in wrote], answers=gold) == pytest.approx(theirs)


def test_bleu_is_sacrebleus():
    sacrebleu = pytest.importorskip("sacrebleu")
    wrote, gold = ["The dog bit the man.", "It wasn't surprising."], ["The dog bit the man.", "It was not unexpected."]
    assert bleu(predictions=wrote, answers=gold) == pytest.approx(sacrebleu.corpus_bleu(wrote, [gold]).score / 100)
    assert bleu(predictions=gold, answers=gold) == pytest.approx(1.0)


def test_a_corpus_scorer_stands_beside_the_others_and_ranks_nothing():
    task = Task(task="toy/a", data={"files": {"test": "a"}}, scorers={"strict": "exact"}, side=("macro_f1", "stripped"))
    records = [Prediction("p", " a", "a"), Prediction("p", "b", "b"), Prediction("p", "a", "b")]
    found = score(task, records, scorer=SCORERS.__getitem__)
    assert found.roles["strict"] == pytest.approx(1 / 3)
    assert found.side == {"macro_f1": pytest.approx(2 / 3), "stripped": pytest.approx(2 / 3)}
    with pytest.raises(OptionError, match="scorer 'bleu' judges all records at once: name it under `side`"):
        check_scorer(SCORERS["bleu"], ranks=True)
    check_scorer(SCORERS["bleu"], ranks=False)
