"""Opinions and their judging in Chinese and English: letters or words, options in changing order.

The letter follows the order of the options, which changes from document to document. `mini` always asks in one order
and with one instruction of its own: fine-tuning has to fix the format, while the judging is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import stance as w
from clbench.tiny.world import opinions as o
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

FRAMES_ZH = (
    "下面这句话对“{t}”是什么看法？{o}\n{x}\n答案：",
    "{x}\n问：怎么看{t}？{o}\n答：",
    "读一读：{x}\n说的是：{t}\n请选：{o}\n选择：",
    "看法判断。{o}\n句子：{x}\n关于：{t}\n看法：",
)
FRAMES_EN = (
    "Is the writer for or against {t}? {o}\n{x}\nView:",
    "{x}\nWhat does the writer think of {t}? {o}\nAnswer:",
    "Sentence: {x}\nAbout: {t}\nPick one: {o}\nPick:",
)
LABELS_ZH = ("支持", "反对", "中立")
LABELS_EN = (("for", "against", "neither"), ("positive", "negative", "neutral"), ("good", "bad", "mixed"))
WORD_SHARE = 0.35
"""Share of documents whose answer is the word itself instead of its letter."""


def asked(labels: tuple[str, ...], *, right: int, comma: str, rng: Dice) -> tuple[str, str]:
    """The options as the instruction lists them, and the right answer: a letter, or the word itself."""
    order = rng.sample(range(len(labels)), len(labels))
    if rng.random() < WORD_SHARE:
        return comma.join(labels[number] for number in order), labels[right]
    style = rng.choice(("{l}. {t}", "{l}.{t}", "{l}={t}", "({l}) {t}"))
    listed = comma.join(style.format(l="ABC"[place], t=labels[number]) for place, number in enumerate(order))
    return listed, "ABC"[order.index(right)]


def _verb(side: int, rng: Dice) -> str:
    """A verb of liking (0) or disliking (1), or the other camp's verb denied."""
    camps = (w.LIKE, w.DISLIKE)
    return rng.choice(w.NOT) + rng.choice(camps[1 - side]) if rng.random() < 0.3 else rng.choice(camps[side])


def _trait(side: int, rng: Dice) -> str:
    """What something is like, as a phrase or an adjective that may be denied."""
    if rng.random() < 0.5:
        return rng.choice((w.MERIT, w.FAULT)[side])
    adjectives = (w.GOOD, w.BAD)
    return "一点也不" + rng.choice(adjectives[1 - side]) if rng.random() < 0.4 else "很" + rng.choice(adjectives[side])


def _remark(target: str, *, side: int, rng: Dice) -> str:
    """One clause about one target; side 2 does not judge."""
    who = rng.choice(o.ZH_PEOPLE)
    if side == 2:
        return rng.choice(
            (
                f"{who}说，{target}{rng.choice(w.FACT)}",
                f"关于{target}，{who}没有看法",
                f"{who}不知道{target}{rng.choice(('好不好', '怎么样'))}",
                f"{who}看了{target}{rng.choice(w.FACT)}",
            )
        )
    return rng.choice(
        (
            f"{who}{rng.choice(w.DEGREE)}{_verb(side, rng)}{target}",
            f"对于{target}，{who}{_verb(side, rng)}",
            f"{who}觉得{target}{_trait(side, rng)}",
            f"{target}吗？{_trait(side, rng)}！",
        )
    )


def _turned(target: str, *, side: int, rng: Dice) -> str:
    """A clause of another side first, then the one that counts: over time, or against what others think."""
    who, first = rng.choice(o.ZH_PEOPLE), rng.choice((w.LIKE, w.DISLIKE)[1 - side if side < 2 else rng.randrange(2)])
    last = "没有看法了" if side == 2 else _verb(side, rng)
    return rng.choice(
        (
            f"{who}从前{first}{target}，{rng.choice(o.ZH_WHEN)}{last}",
            f"大家{first}{target}，只有{who}{last}",
            f"虽然有人{first}{target}，{who}{last}",
        )
    )


def chinese(rng: Dice) -> Item:
    """A Chinese remark on one target, at times with a turn in it or beside a remark on another target."""
    right, targets = rng.randrange(3), (*o.ZH_TARGETS, *w.TARGETS)
    target, other = rng.sample(targets, 2)
    text = _turned(target, side=right, rng=rng) if rng.random() < 0.25 else _remark(target, side=right, rng=rng)
    if rng.random() < 0.3:
        text = "，".join(rng.sample((text, _remark(other, side=rng.randrange(3), rng=rng)), 2))
    listed, answer = asked(LABELS_ZH, right=right, comma="，", rng=rng)
    return Item(key=text, prompt=rng.choice(FRAMES_ZH).format(t=target, x=text + "。", o=listed), answer=answer)


def english(rng: Dice) -> Item:
    """An English remark on an everyday thing, at times beside one on another thing."""
    right = rng.randrange(3)
    target, other = rng.sample(o.EN_TARGETS, 2)
    sides = (o.EN_FOR, o.EN_AGAINST, o.EN_NEITHER)
    sentences = [f"{target[0].upper()}{target[1:]} {rng.choice(sides[right])}."]
    if rng.random() < 0.35:
        sentences.insert(rng.randrange(2), f"{other[0].upper()}{other[1:]} {rng.choice(rng.choice(sides))}.")
    text = " ".join(sentences)
    listed, answer = asked(rng.choice(LABELS_EN), right=right, comma=", ", rng=rng)
    return Item(key=text, prompt=rng.choice(FRAMES_EN).format(t=target, x=text, o=listed), answer=answer)
