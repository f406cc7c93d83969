"""Contamination: which records of a probe share a run of words with the training data.

A probe record is touched if it has an n-gram in common with any training text, n = 13 words as in GPT-3 (Brown et
al. 2020, appendix C, which takes 8 to 13 by the probe) and lm-evaluation-harness (`docs/decontamination.md`, always
13), without regard to case and punctuation. A record shorter than that is touched if it occurs whole; one of fewer
than five words cannot be judged by them, as such runs occur everywhere. Whatever its length, a record is equal to a
training record if its whole prompt is: see `equal`.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

SHORTEST = 5
"""Words that a record needs to be judged."""

_EXAMPLES = 3

# Chinese and Japanese are written without blanks: each character is a word. Korean is not.
_CJK = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Vowel signs and the like, which `\w` leaves out: Latin, Hebrew, Arabic, the scripts of India, Thai and Lao.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff"
_TOKEN = re.compile(rf"[{_CJK}]|(?:[^\W{_CJK}]|[{_MARKS}])+")


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of a probe the training data has.

    Args:
        touched: records that share an n-gram with it, or stand in it whole.
        of: records of the probe.
        too_short: records among them of too few words to be judged.
        n: words of an n-gram.
        examples: indices of the first few touched records, for a human to look at.
    """

    touched: int
    of: int
    too_short: int
    n: int
    examples: tuple[int, ...]


def equal(train: Iterable[tuple[str, str]], probe: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """How many of a probe's records are training records.

    Args:
        train: prompt and answer of each training record.
        probe: of each record.

    Returns:
        Records whose prompt is a training record's, and those of them whose answer is an answer to it there. White
        space around either does not count.
    """
    wanted = {prompt.strip() for prompt, _ in probe}
    known: dict[str, set[str]] = {}
    for prompt, answer in train:
        if (bare := prompt.strip()) in wanted:
            known.setdefault(bare, set()).add(answer.strip())
    found = [answer.strip() in known[prompt.strip()] for prompt, answer in probe if prompt.strip() in known]
    return len(found), sum(found)


def tokens(text: str) -> list[str]:
    """The words of a text, case folded, without punctuation; each Chinese or Japanese character is one."""
    return _TOKEN.findall(text.casefold())


def overlap(train: Iterable[str], probe: Sequence[str], *, n: int = 13) -> Overlap:
    """Look for a probe's records in training texts: `overlap_all` of a single probe."""
    return overlap_all(train, {"": probe}, n=n)[""]


def overlap_all(train: Iterable[str], probes: Mapping[str, Sequence[str]], *, n: int = 13) -> dict[str, Overlap]:
    """Look for the records of several probes in training texts, which are read once, one at a time.

    The probes' n-grams are held as 64-bit hashes, about 200 bytes each. Of 10^9 training words against 10^6 n-grams,
    the chance of one false hit is below 1 in 10,000.

    Args:
        train: training texts, each with prompt and answer; n-grams do not reach from one into the next.
        probes: of each name the records as texts, without what all of them share, such as an instruction.
        n: words of an n-gram, at least 5.

    Returns:
        For each name what was found.

    Raises:
        ValueError: n is below 5.
    """
    if n < SHORTEST:
        raise ValueError(f"n-grams of {n} words occur everywhere; take at least {SHORTEST}")
    index = _Index(n=n)
    records = {name: [index.add(text) for text in texts] for name, texts in probes.items()}
    for text in train:
        index.strike(text)
    return {name: index.found(numbers) for name, numbers in records.items()}


class _Index:
    """The n-grams of probes that no training text had yet, and the records that one had."""

    def __init__(self, *, n: int) -> None:
        self.n = n
        self.touched: set[int] = set()
        self.too_short: set[int] = set()
        self._numbers = itertools.count()
        self._words: dict[str, int] = {}
        self._grams: dict[int, list[int]] = defaultdict(list)  # hash of n words: records
        self._short: dict[int, dict[int, list[int]]] = defaultdict(dict)  # hash of the first 5: record: its words

    def add(self, text: str) -> int:
        """Take a record in, and number it."""
        record = next(self._numbers)
        # Numbers of words, not words, are hashed: Python hashes strings differently in every process.
        words = [self._words.setdefault(token, len(self._words)) for token in tokens(text)]
        if len(words) < SHORTEST:
            self.too_short.add(record)
        elif len(words) < self.n:
            self._short[hash(tuple(words[:SHORTEST]))][record] = words
        else:
            for gram in {hash(tuple(words[start : start + self.n])) for start in range(len(words) - self.n + 1)}:
                self._grams[gram].append(record)
        return record

    def found(self, records: Sequence[int]) -> Overlap:
        """What is known of some records; examples are their places among these."""
        touched = [place for place, record in enumerate(records) if record in self.touched]
        too_short = len(self.too_short.intersection(records))
        return Overlap(len(touched), len(records), too_short, self.n, tuple(touched[:_EXAMPLES]))

    def strike(self, text: str) -> None:
        """Mark the records that a training text touches; a hash that was found need not be looked for again."""
        for run in self._known_runs(text):
            for start in range(len(run) - SHORTEST + 1):
                if start + self.n <= len(run):
                    self.touched.update(self._grams.pop(hash(tuple(run[start : start + self.n])), ()))
                if self._short:
                    self._strike_short(run, start)

    def _strike_short(self, run: list[int], start: int) -> None:
        beginning = hash(tuple(run[start : start + SHORTEST]))
        waiting = self._short.get(beginning, {})
        found = [record for record, words in waiting.items() if run[start : start + len(words)] == words]
        for record in found:
            del waiting[record]
        self.touched.update(found)

    def _known_runs(self, text: str) -> Iterator[list[int]]:
        """The stretches of a text all of whose words the probe knows: no n-gram reaches over another word."""
        run: list[int] = []
        for token in tokens(text):
            word = self._words.get(token)
            if word is not None:
                run.append(word)
            elif run:
                yield run
                run = []
        yield run
