"""Telling the facts: closed-book questions with short answers, and running sentences about one or several entities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.tiny.world.entities import Entity, Fact, all_entities, all_facts
from clbench.tiny.world.record import Item
from clbench.tiny.world.values import LANGUAGES, translations
from clbench.tiny.world.wording_en import QUESTIONS, SENTENCES
from clbench.tiny.world.wording_other import CHINESE, GERMAN

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

FRAMES = ("Q: {q}\nA:", "Question: {q}\nShort answer:", "{q}\nAnswer:", "Answer from memory.\n{q}\nAnswer:")
"""Frames of an English question; each fact is seen in all of them."""

FRAMES_DE = ("Frage: {q}\nAntwort:", "F: {q}\nA:")
FRAMES_ZH = ("问：{q}\n答：", "问题：{q}\n回答：")

ENGLISH_SHARE = 0.76
"""Share of English among questions and sentences; German and Chinese have half of the rest each."""


def said(value: str, *, language: str) -> str:
    """A value in that language; invented names are the same in all."""
    forms = translations().get(value)
    return forms[LANGUAGES.index(language)] if forms else value


def english_question(fact: Fact, *, wording: int, frame: int) -> tuple[str, str]:
    """Prompt and answer of one of the English ways to ask for a fact."""
    question = QUESTIONS[fact.kind, fact.relation][wording].format(n=fact.name)
    return FRAMES[frame].format(q=question), fact.value


def _language(rng: Dice) -> str:
    return rng.weighted(LANGUAGES, (ENGLISH_SHARE, (1 - ENGLISH_SHARE) / 2, (1 - ENGLISH_SHARE) / 2))


def question(rng: Dice) -> Item:
    """A closed-book question in one of its wordings; questions are never held out, each fact is to be learned."""
    fact, language = rng.choice(all_facts()), _language(rng)
    if language == "en":
        wording = rng.randrange(len(QUESTIONS[fact.kind, fact.relation]))
        prompt, answer = english_question(fact, wording=wording, frame=rng.randrange(len(FRAMES)))
        return Item(key="", prompt=prompt, answer=answer)
    table, frames = (GERMAN, FRAMES_DE) if language == "de" else (CHINESE, FRAMES_ZH)
    asked = table[fact.kind, fact.relation][0].format(n=fact.name)
    return Item(key="", prompt=rng.choice(frames).format(q=asked), answer=said(fact.value, language=language))


def sentence(entity: Entity, *, relation: str, language: str, rng: Dice) -> str:
    """One statement of one fact."""
    if language == "en":
        wording = rng.choice(SENTENCES[entity.kind, relation])
    else:
        wording = (GERMAN if language == "de" else CHINESE)[entity.kind, relation][1]
    told = wording.format(n=entity.name, v=said(entity.facts[relation], language=language))
    return told[0].upper() + told[1:]


def portrait(rng: Dice) -> Item:
    """All that is known of one entity, in random order."""
    entity, language = rng.choice(all_entities()), _language(rng)
    relations = rng.sample(sorted(entity.facts), len(entity.facts))
    lines = [sentence(entity, relation=one, language=language, rng=rng) for one in relations]
    return Item(key="", prompt="", answer=("" if language == "zh" else " ").join(lines))


def ramble(rng: Dice) -> Item:
    """Facts of four to six entities one after the other; nothing in it predicts which comes next.

    Every fact in it is told elsewhere, but the sequence is new: the held-out ones are the text-loss probe.
    """
    language = _language(rng)
    chosen = rng.sample(all_entities(), rng.randint(4, 6))
    lines = [sentence(one, relation=rng.choice(sorted(one.facts)), language=language, rng=rng) for one in chosen]
    text = ("" if language == "zh" else " ").join(lines)
    return Item(key=text, prompt="", answer=text)
