"""What the bundled model is asked before, during and after a stream: its facts, its skills, its text.

Nothing here is ever trained on in a stream. Facts are asked in wordings that pre-training used; skills and texts come
from the held-out side that pre-training never saw.
"""

from __future__ import annotations

from clbench.base.errors import DataError
from clbench.tiny.world.entities import all_facts
from clbench.tiny.world.facts import FRAMES, english_question
from clbench.tiny.world.mixture import RUNNING, SKILLS, document
from clbench.tiny.world.record import WORLD_SEED, Document, Split, generator
from clbench.tiny.world.wording_en import QUESTIONS

PROBE_SEED = 7_000_001
"""Seed of the held-out items; the split keeps them apart from training, whatever the seed."""


def probe_records(kind: str, size: int) -> list[dict[str, str]]:
    """`size` records of a probe by its kind; a text's first character is given, and all others count.

    Raises:
        DataError: there is no such kind.
    """
    if kind == "facts":
        return probe_facts(size)
    if kind == "skills":
        return probe_skills(size=size)
    if kind == "text":
        return [{"prompt": one.text[:1], "answer": one.text[1:]} for one in probe_text(size)]
    raise DataError(f"no probe of the invented world {kind!r}; there is facts, skills, text")


def probe_facts(limit: int | None = None) -> list[dict[str, str]]:
    """Closed-book questions, one a fact, in English.

    Args:
        limit: How many facts; they are spread over all kinds of entities. None asks for every one.
    """
    rng = generator(WORLD_SEED, "probe")
    asked = []
    for fact in rng.sample(all_facts(), len(all_facts()))[:limit]:
        wording, frame = rng.randrange(len(QUESTIONS[fact.kind, fact.relation])), rng.randrange(len(FRAMES))
        prompt, answer = english_question(fact, wording=wording, frame=frame)
        asked.append({"prompt": prompt, "answer": answer})
    return asked


def probe_skills(*, size: int, split: Split = "test", seed: int = PROBE_SEED) -> list[dict[str, str]]:
    """Short-answer items of every skill in turn; with `split="train"`, items that pre-training may have seen."""
    made = (document(SKILLS[number % len(SKILLS)], index=number, seed=seed, split=split) for number in range(size))
    return [{"prompt": one.prompt, "answer": one.answer} for one in made]


def probe_text(size: int, *, seed: int = PROBE_SEED) -> list[Document]:
    """Held-out running text of each kind in turn, for a loss."""
    return [document(RUNNING[number % len(RUNNING)], index=number, seed=seed, split="test") for number in range(size)]
