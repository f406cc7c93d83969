"""`c-stance`: does a short Chinese text support, oppose or merely mention the object that is asked about?

What must be learned: which words are for and which against; that 不 turns them round; that with two objects only the
asked one counts, that now outweighs before (以前 / 现在), the author the others (可是我), and that a rhetorical
question (谁说……) denies what it says. Every verb occurs with every letter, so counting words is not enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import chance, distinct, pick
from clbench.data.mini.templates import AGAINST, FOR, NEUTRAL, STANCE
from clbench.data.words.notation import phrases, words
from clbench.data.words.stance import BAD, DEGREE, DISLIKE, FACT, FAULT, GOOD, LIKE, MERIT, NOT, TARGETS

if TYPE_CHECKING:
    import random

UNDECIDED = phrases("""
    我对{0}没有特别的看法 | 我对{0}不支持也不反对 | 我对{0}谈不上喜欢也谈不上讨厌 | {0}好不好还要再看看
    我还没想好怎么看{0} | {0}有利也有弊，我不表态 | 有人{1}{0}，也有人{2}{0} | {0}是{3}还是{4}，我说不清
""")
OPENERS = phrases("""
    说实话， | 刚刚聊起来， | 群里又在讨论， | 想了很久， | 不得不说， | 今天路过看到， | 开会时又说到，
    我早就说过， | 这几天总有人问我， | 听完介绍， | 看了半天新闻， | 随便说一句， | 吃饭的时候想到， | 昨晚睡不着，
""")
TAILS = phrases("""
    。今天天气不错 | 。晚上去吃面了 | 。周末要下雨 | 。先睡了 | 。楼下的猫又来了 | 。明天还要早起 | 。茶已经凉了
    。地铁上人不少 | 。欢迎留言 | 。照片在后面 | 。就说到这里 | 。转给朋友看看
""")
OTHERS = words("邻居 同事们 网友 老同学 楼里的人 朋友们 专家 店员 记者 亲戚")
TURNS = words("，但是 ，不过 ，可是 ，然而 ；而 ；另外，")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its letter."""
    label = pick(rng, (FOR, AGAINST, NEUTRAL))
    target, other = distinct(rng, TARGETS, 2)
    if chance(rng, 0.3):
        text = _two_objects(rng, (target, label), (other, _another(rng, label)))
    else:
        text = pick(rng, (_plain, _plain, _plain, _changed, _against_others, _rhetorical))(rng, target, label)
    opener = pick(rng, OPENERS) if chance(rng, 0.5) else ""
    tail = pick(rng, TAILS) if chance(rng, 0.3) else ""
    return STANCE.format(text=f"{opener}{text}{tail}。", target=target), label


def _plain(rng: random.Random, target: str, label: str) -> str:
    return pick(rng, (_opinion, _opinion, _remark))(rng, target, label)


def _opinion(rng: random.Random, target: str, label: str) -> str:
    """What the author thinks; the negated verb comes from the other camp."""
    if label == NEUTRAL:
        form = pick(rng, UNDECIDED)
        return form.format(target, pick(rng, LIKE), pick(rng, DISLIKE), pick(rng, GOOD), pick(rng, BAD))
    camp, opposite = (LIKE, DISLIKE) if label == FOR else (DISLIKE, LIKE)
    if label == AGAINST and chance(rng, 0.5):
        return f"我{pick(rng, NOT)}{pick(rng, opposite)}{target}"
    return f"我{pick(rng, DEGREE)}{pick(rng, camp)}{target}"


def _remark(rng: random.Random, target: str, label: str) -> str:
    """What the object is like: a trait, or an adjective that 一点也不 may turn round."""
    if label == NEUTRAL:
        return target + pick(rng, FACT)
    traits, plain, denied = (MERIT, GOOD, BAD) if label == FOR else (FAULT, BAD, GOOD)
    adjective = f"实在{pick(rng, plain)}" if chance(rng, 0.5) else f"一点也不{pick(rng, denied)}"
    return target + pick(rng, (pick(rng, traits), adjective))


def _two_objects(rng: random.Random, first: tuple[str, str], second: tuple[str, str]) -> str:
    """Two objects with different stances, in either order."""
    one, two = distinct(rng, (first, second), 2)
    return _plain(rng, *one) + pick(rng, TURNS) + _plain(rng, *two)


def _changed(rng: random.Random, target: str, label: str) -> str:
    before = _opinion(rng, target, _another(rng, label))
    return f"以前{before}，{pick(rng, ('现在', '后来', '如今'))}{_opinion(rng, '它', label)}"


def _against_others(rng: random.Random, target: str, label: str) -> str:
    verb = pick(rng, DISLIKE if label == FOR else LIKE) if label != NEUTRAL else pick(rng, LIKE + DISLIKE)
    return f"{pick(rng, OTHERS)}都{verb}{target}，{pick(rng, ('可是', '不过', '但'))}{_opinion(rng, '它', label)}"


def _rhetorical(rng: random.Random, target: str, label: str) -> str:
    merit, fault = pick(rng, MERIT), pick(rng, FAULT)
    if label == NEUTRAL:
        return f"{target}到底是{merit}，还是{fault}？我说不清"
    claim, reply = (fault, "我看不是") if label == FOR else (merit, "我看未必")
    return f"谁说{target}{claim}？{reply}"


def _another(rng: random.Random, label: str) -> str:
    return pick(rng, [letter for letter in (FOR, AGAINST, NEUTRAL) if letter != label])
