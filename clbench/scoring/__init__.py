"""Scoring: text in, number out.

A scorer is a pure function of one record, `(*, prompt, prediction, answer) -> float` between 0 and 1; a task's
score is the plain mean over all its records. Scales are 0 to 1 everywhere: what others publish in percent
(edit similarity, SARI) is divided by 100 here, once. *Strict* scorers give what the TRACE repository computes, bit
for bit where it does not crash; *lenient* ones forgive the format, so that forgetting can be told from drift.

In: texts of one record. Out: a number. A change that moves any score raises `VERSION`, which makes new boards; a new
scorer is a function in a module here and a line in the table below.

    spec = SCORERS["rouge_l"]
    mean_score(load_scorer(spec), records)

Importing this package imports no scorer: the table holds names, and `load_scorer` does the rest.
"""

from collections.abc import Mapping
from types import MappingProxyType

from clbench.scoring.average import mean_score, record_scores
from clbench.scoring.spec import CorpusScorer, Scorer, ScorerSpec, check_scorer, load_scorer

__all__ = [
    "SCORERS",
    "VERSION",
    "CorpusScorer",
    "Scorer",
    "ScorerSpec",
    "check_scorer",
    "load_scorer",
    "mean_score",
    "record_scores",
]

VERSION = "2"
"""Bumped whenever any score could change; part of a board's identity, so old and new never share a table."""


_READ_PROMPTS = {"sari", "sari_stripped", "passes_tests"}  # the source of a simplification, the head of a program


def _spec(target: str, summary: str, *, runs_programs: bool = False, corpus: bool = False) -> ScorerSpec:
    """Makes the spec of a built-in scorer, which is named as its function."""
    name = target.partition(":")[2]
    return ScorerSpec(name, f"clbench.scoring.{target}", summary, name in _READ_PROMPTS, runs_programs, corpus)


_SPECS = (
    _spec("accuracy:exact", "prediction equals answer, nothing stripped (TRACE: C-STANCE, FOMC, NumGLUE)"),
    _spec("accuracy:first_letter", "first characters agree (TRACE: ScienceQA)"),
    _spec("accuracy:letter", "same option A-E, wherever it stands (lenient)"),
    _spec("accuracy:number", "first number equal in value (lenient)"),
    _spec("accuracy:stripped", "equal without white space at the ends (lenient)"),
    _spec("rouge:rouge_l", "union-LCS F1 over distinct words (TRACE: MeetingBank; PyPI rouge 1.0.1)"),
    _spec("rouge:rouge_l_stripped", "rouge_l without white space at the ends (lenient)"),
    _spec("sari:sari", "keep, delete and add of 1-4-grams, /100 (TRACE: 20Minuten; Hugging Face evaluate)"),
    _spec("sari:sari_stripped", "sari without white space at the ends (lenient)"),
    _spec("edit:fuzz_difflib", "difflib ratio in whole percent, /100 (TRACE: Py150; fuzzywuzzy alone)"),
    _spec("edit:fuzz_levenshtein", "Indel ratio in whole percent, /100 (TRACE: Py150; with python-Levenshtein)"),
    _spec("edit:fuzz_line", "fuzz_difflib of the first line (lenient)"),
    # General ability: what a model could do before the stream.
    _spec("reasoning:final_number", "number after the last marker equal in value (GSM8K)"),
    _spec("reasoning:last_number", "final_number, or the last number where no marker is (lenient)"),
    _spec("reasoning:math_answer", "last boxed or stated result equal as LaTeX or in value (MATH)"),
    _spec("reasoning:phrase", "what follows the last 'the answer is' equals the answer (BIG-Bench Hard)"),
    _spec(
        "reasoning:phrase_lenient", "phrase without case, brackets and quotes; an option's letter is enough (lenient)"
    ),
    _spec("questions:squad_em", "first line is one of the aliases, normalised (SQuAD, TyDiQA)"),
    _spec("questions:squad_f1", "F1 over words of the first line and the best alias, normalised (SQuAD, TyDiQA)"),
    _spec("questions:alias_em", "first line is one of the aliases, normalised (TriviaQA, NQ-open)"),
    _spec("questions:alias_in", "some alias stands in the first line as whole words (lenient)"),
    # Of streams of instructions.
    _spec("instructed:normalised_em", "equal in lower case without punctuation (O-LoRA, SAPT: exact_match)"),
    _spec("instructed:normalised_em_line", "normalised_em of the first line (lenient)"),
    _spec("instructed:rouge_lcs", "F1 over the common subsequence of stemmed words (SAPT: rougeL of rouge_score)"),
    _spec("instructed:rouge_lcs_line", "rouge_lcs of the first line (lenient)"),
    _spec("choices:likelihood", "the right choice has the highest log-likelihood (lm-evaluation-harness: acc)"),
    _spec("choices:likelihood_per_byte", "likelihood over bytes (lm-evaluation-harness: acc_bytes, idea of acc_norm)"),
    _spec("choices:likelihood_per_token", "likelihood over tokens"),
    _spec("choices:stated", "the score that an external harness gave"),
    _spec("corpus:macro_f1", "mean F1 over the classes that answers have, all records at once (side)", corpus=True),
    _spec("corpus:bleu", "corpus BLEU /100, all records at once (side; sacrebleu's defaults)", corpus=True),
    _spec(
        "programs:passes_tests",
        "completed program passes its tests (HumanEval pass@1, greedy; only with --allow-code)",
        runs_programs=True,
    ),
)

SCORERS: Mapping[str, ScorerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every built-in scorer by name; plugins register more."""
