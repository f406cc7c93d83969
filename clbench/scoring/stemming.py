"""Porter's stemmer (Program 14(3), 1980) with NLTK's extensions, by which `rouge_score` compares English words.

Suffixes are taken off in five steps; the first rule of a step whose suffix a word has decides, and changes the word if
the rule's condition holds of what stands before the suffix. A measure m of a stem counts its vowel-consonant turns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

Rule = tuple[str, str, Callable[[str], bool]]
_IRREGULAR = {
    "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "innings": "inning", "outings": "outing",
    "cannings": "canning",
    **{word: word for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")},
}  # fmt: skip
_TURNS = re.compile("vc")


def _kinds(word: str) -> str:
    """`c` for each consonant, `v` for each vowel; y is a vowel after a consonant."""
    kinds = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and kinds[-1:] == "c")
        kinds += "v" if vowel else "c"
    return kinds


def _measure(stem: str) -> int:
    return len(_TURNS.findall(_kinds(stem)))


def _always(stem: str) -> bool:
    return True


def _some(stem: str) -> bool:
    return _measure(stem) > 0


def _several(stem: str) -> bool:
    return _measure(stem) > 1


def _short(stem: str) -> bool:
    """Whether a stem ends consonant, vowel, consonant that is not w, x or y; of two letters, vowel and consonant."""
    kinds = _kinds(stem)
    return (kinds[-3:] == "cvc" and stem[-1] not in "wxy") or kinds == "vc"


def _apply(word: str, rules: Iterable[Rule]) -> str:
    for suffix, instead, condition in rules:
        if word.endswith(suffix):
            stem = word.removesuffix(suffix)
            return stem + instead if condition(stem) else word
    return word


def _rules(table: str, condition: Callable[[str], bool]) -> tuple[Rule, ...]:
    """`"ational:ate ness:"` as rules."""
    return tuple((*one.split(":"), condition) for one in table.split())  # type: ignore[misc]


_PLURALS = _rules("sses:ss ies:i ss:ss s:", _always)
_DOUBLE = _rules(
    "ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous ization:ize "
    "ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble fulli:ful",
    _some,
)
_MIDDLE = _rules("icate:ic ative: alize:al iciti:ic ical:ic ful: ness:", _some)
_LAST = (
    *_rules("al: ance: ence: er: ic: able: ible: ant: ement: ment: ent:", _several),
    ("ion", "", lambda stem: _several(stem) and stem[-1] in "st"),
    *_rules("ou: ism: ate: iti: ous: ive: ize:", _several),
)


def _plural(word: str) -> str:
    return word[:-1] if word.endswith("ies") and len(word) == 4 else _apply(word, _PLURALS)


def _past(word: str) -> str:
    """-ed and -ing, and what they leave behind."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _some(word[:-3]) else word
    stem = next((word.removesuffix(one) for one in ("ed", "ing") if word.endswith(one)), "")
    if "v" not in _kinds(stem):
        return word
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if stem[-2:-1] == stem[-1:] and _kinds(stem)[-1] == "c" and len(stem) > 1:
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _short(stem) else stem


def _final_y(word: str) -> str:
    before = word[:-1]
    return before + "i" if word.endswith("y") and len(before) > 1 and _kinds(before)[-1] == "c" else word


def _double(word: str) -> str:
    if word.endswith("alli") and _some(word[:-4]):
        return _double(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _some(word[:-3]) else word
    return _apply(word, _DOUBLE)


def _final_e(word: str) -> str:
    stem = word[:-1]
    if word.endswith("e") and (_several(stem) or (_some(stem) and not _short(stem))):
        return stem
    return word


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """The stem of a word in lower case; words of one or two letters are left as they are."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _double(_final_y(_past(_plural(word))))
    word = _final_e(_apply(_apply(word, _MIDDLE), _LAST))
    return word[:-1] if word.endswith("ll") and _several(word[:-1]) else word
