"""The `mini` variants of TRACE, MetaMathQA and `cl-5`: new records, written by this project's generators.

Eight forms have the prompt templates, languages, answer kinds and metrics of TRACE; `wordproblem` is in the manner of
MetaMathQA; five classify texts as the sets of O-LoRA's streams do. All are short, offline, unlimited in number and a
pure function of (form, split, index, seed): nothing is stored or downloaded. A prompt belongs to one split by a hash of
its text, so the splits cannot share a prompt at any size or under any seed. The forms:

    >>> record("numglue-ds", split="train", index=0)["answer"].isdigit()
    True
"""

from __future__ import annotations

import hashlib
import random
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini import (
    code,
    commonsense,
    domain,
    meeting,
    policy,
    science,
    simplify,
    stance,
    templates,
    topics,
    wordproblems,
)
from clbench.data.mini.splits import SPLITS, split_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

VERSION = "1"
"""Part of the hash of the data: raised when any record changes."""


class Form(NamedTuple):
    """One of the tasks.

    Attributes:
        template: The fixed words of its prompts.
        language: Of its content.
        make: The maker of its records.
        make_held_out: The maker of eval and test records, for a form that is tested on less than it trains on.
    """

    template: str
    language: str
    make: Callable[[random.Random], tuple[str, str]]
    make_held_out: Callable[[random.Random], tuple[str, str]] | None = None


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "c-stance": Form(templates.STANCE, "zh", stance.make),
        "fomc": Form(templates.POLICY, "en", policy.make),
        "meetingbank": Form(templates.MEETING, "en", meeting.make),
        "py150": Form(templates.CODE, "python", code.make),
        "scienceqa": Form(templates.SCIENCE, "en", science.make),
        "numglue-cm": Form(templates.MATH, "en", commonsense.make),
        "numglue-ds": Form(templates.MATH, "en", domain.make),
        "20minuten": Form(templates.SIMPLIFY, "de", simplify.make),
        "wordproblem": Form(templates.WORDPROBLEM, "en", wordproblems.make, wordproblems.make_plain),
        "agnews": Form(templates.NEWS, "en", topics.agnews),
        "amazon": Form(templates.REVIEW, "en", topics.amazon),
        "yelp": Form(templates.REVIEW, "en", topics.yelp),
        "dbpedia": Form(templates.KIND, "en", topics.dbpedia),
        "yahoo": Form(templates.QUESTION, "en", topics.yahoo),
    }
)


def record(form: str, *, split: str, index: int, seed: int = 0) -> dict[str, str]:
    """One record: candidates are drawn until one belongs to the split.

    Args:
        form: A key of `FORMS`.
        split: One of `SPLITS`.
        index: Which record of the split, from 0; there is no last one.
        seed: Another seed gives other records, of the same splits.

    Returns:
        `prompt` and `answer`; a model is trained on the one right after the other.

    Raises:
        ValueError: For an unknown form or split, or an index below 0.
    """
    _require("form", form, FORMS)
    _require("split", split, SPLITS)
    if index < 0:
        raise ValueError(f"index {index} is negative: records are counted from 0")
    key = hashlib.sha256(f"{seed}/{form}/{split}/{index}".encode()).digest()
    rng = random.Random(int.from_bytes(key, "big"))
    make = FORMS[form].make if split == "train" else FORMS[form].make_held_out or FORMS[form].make
    while True:
        prompt, answer = make(rng)
        if split_of(prompt) == split:
            return {"prompt": prompt, "answer": answer}


def records(form: str, *, split: str, size: int, seed: int = 0) -> list[dict[str, str]]:
    """The first `size` records of a split; a smaller size is the beginning of a larger one.

    Args:
        form: A key of `FORMS`.
        split: One of `SPLITS`.
        size: How many.
        seed: See `record`.

    Raises:
        ValueError: For an unknown form or split, or a size below 0.
    """
    _require("form", form, FORMS)
    _require("split", split, SPLITS)
    if size < 0:
        raise ValueError(f"size {size} is negative")
    return [record(form, split=split, index=index, seed=seed) for index in range(size)]


def _require(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"unknown {what} {name!r}: there are {', '.join(known)}")
