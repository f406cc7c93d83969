"""Scoring: text in, number out.

A scorer is a pure function of one record, `(*, prompt, prediction, answer) -> float` between 0 and 1; a task's
score is the plain mean over all its records. Scales are 0 to 1 everywhere: what others publish in percent
(edit similarity, SARI) is divided by 100 here, once. *Strict* scorers give what the TRACE repository computes, bit
for bit where it does not crash; *lenient* ones forgive the format, so that forgetting can be told from drift.

    spec = SCORERS["rouge_l"]
    mean_score(load_scorer(spec), records)

Importing this package imports no scorer: the table holds names, and `load_scorer` does the rest.
"""

from collections.abc import Mapping
from types import MappingProxyType

from clbench.scoring.average import mean_score
from clbench.scoring.spec import Scorer, ScorerSpec, load_scorer

__all__ = ["SCORERS", "VERSION", "Scorer", "ScorerSpec", "load_scorer", "mean_score"]

VERSION = "1"
"""Bumped whenever any score could change; part of a board's identity, so old and new never share a table."""


def _spec(target: str, summary: str) -> ScorerSpec:
    """Makes the spec of a built-in scorer, which is named as its function."""
    return ScorerSpec(target.partition(":")[2], f"clbench.scoring.{target}", summary)


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
)

SCORERS: Mapping[str, ScorerSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every built-in scorer by name; plugins register more."""
