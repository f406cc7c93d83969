"""The invented world that `clbench/tiny` was pre-trained on, and the probes of what the model knows of it.

    >>> from clbench.tiny.world import documents, probe_facts
    >>> next(documents(0)).kind in KINDS
    True
    >>> len(probe_facts())
    638

Two hundred entities that exist nowhere (their names, what they are, what is true of them), told in English, German and
Chinese, and between those facts the skills that a continual-learning stream builds on: arithmetic, copying and
selecting, multiple choice, judging of opinions, summaries, code. Everything is a pure function of (seed, kind, split,
index). No text is taken from anywhere else; with `mini` words and phrases are shared, no instruction and no record.
"""

from __future__ import annotations

from clbench.tiny.world.entities import Entity, Fact, all_entities, all_facts
from clbench.tiny.world.mixture import KINDS, NEVER_HELD_OUT, RUNNING, SKILLS, document, documents, mixed
from clbench.tiny.world.probes import probe_facts, probe_records, probe_skills, probe_text
from clbench.tiny.world.record import VERSION, WORLD_SEED, Document

__all__ = [
    "KINDS",
    "NEVER_HELD_OUT",
    "RUNNING",
    "SKILLS",
    "VERSION",
    "WORLD_SEED",
    "Document",
    "Entity",
    "Fact",
    "all_entities",
    "all_facts",
    "document",
    "documents",
    "mixed",
    "probe_facts",
    "probe_records",
    "probe_skills",
    "probe_text",
]
