"""Python as a tokeniser leaves it: blanks around every token, `<EOL>` for line ends, placeholders for literals.

The rest of a function follows from its beginning (its arguments, its loop, its return), so the next line can be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.words import code as w
from clbench.tiny.world.record import Item

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

BODIES: tuple[tuple[str, ...], ...] = (
    ("def {v}_{a} ( self ) :", "return self . {a}"),
    ("def {v}_{a} ( self , {a} ) :", "self . {a} = {a}"),
    ("def __init__ ( self , {a} , {b} ) :", "self . {a} = {a}", "self . {b} = {b}"),
    ("def {v}_{p} ( {p} , {b} ) :", "{b}s = [ ]", "for {o} in {p} :", "{b}s . append ( {o} . {b} )", "return {b}s"),
    ("def {v}_{p} ( {p} ) :", "{b} = { }", "for {o} in {p} :", "{b} [ {o} . {a} ] = {o}", "return {b}"),
    ("def {v}_{a} ( {a} , {b} = None ) :", "if {b} is None :", "{b} = { }", "{b} [ '<STR_LIT>' ] = {a}", "return {b}"),
    ("def {v}_{p} ( {p} ) :", "{a} = <NUM_LIT:0>", "for {o} in {p} :", "{a} += <NUM_LIT:1>", "return {a}"),
    ("def {v}_{p} ( {p} ) :", "{a} = {r} ( {p} )", "return {a}"),
    ("def {v}_{a} ( path ) :", "with open ( path ) as f :", "{a} = f . read ( )", "return {a}"),
    ("def {v}_{a} ( self , {o} ) :", "try :", "return self . {p} [ {o} ]", "except KeyError :", "return None"),
    ("def test_{a} ( self ) :", "{o} = self . make ( )", "self . assertEqual ( {o} . {a} , '<STR_LIT>' )"),
    ("class {O} ( {C} ) :", "def __init__ ( self , {a} ) :", "{C} . __init__ ( self )", "self . {a} = {a}"),
    ("if not {o} . {a} :", "raise ValueError ( '<STR_LIT>' )"),
    ("{o} = {m} . {v} ( '<STR_LIT>' )", "{a} = {o} . {a}", "print {a}"),
    ("for {a} , {o} in {p} . items ( ) :", "print {a} , {o}"),
    ("if {o} . {a} == '<STR_LIT>' :", "return {v} ( {o} )", "else :", "return None"),
    ("def is_{a} ( self , other ) :", "return self . {a} == other . {a}"),
    ("@ property", "def {a} ( self ) :", "return self . _{a}"),
    ("{o} . {x} ( )", "{v} ( {o} )", "{o} . {y} ( )"),
    ("def {v} ( {o} ) :", "return {m} . {v} ( {o} )"),
)
"""`o`, `p` one and many of a noun; `a`, `b` attributes; `v` a verb; `m` a module; `x`, `y` a pair of calls."""

EOL = " <EOL> "


def snippet(rng: Dice) -> list[str]:
    """Import lines and one to three bodies, line by line."""
    modules = rng.sample(w.MODULES, rng.randint(1, 2))
    lines = [f"import {module}" for module in modules]
    for body in rng.sample(BODIES, rng.randint(1, 3)):
        (one, many), (first, second), (start, stop) = (
            rng.choice(w.NOUNS),
            rng.sample(w.ATTRIBUTES, 2),
            rng.choice(w.PAIRS),
        )
        slots = {
            "o": one,
            "p": many,
            "O": one.capitalize(),
            "a": first,
            "b": second,
            "v": rng.choice(w.VERBS),
            "m": modules[0],
            "x": start,
            "y": stop,
            "C": rng.choice(w.CLASSES),
            "r": rng.choice(w.REDUCERS),
        }
        lines += [_filled(line, slots) for line in body]
    return lines


def _filled(line: str, slots: dict[str, str]) -> str:
    """The line with its slots filled; other braces are Python's own and stay."""
    for name, value in slots.items():
        line = line.replace("{" + name + "}", value)
    return line


def program(rng: Dice) -> Item:
    """Code as running text, or the code up to a line with that line as the answer."""
    lines = snippet(rng)
    text = EOL.join(lines)
    if rng.random() < 0.5:
        return Item(key=text, prompt="", answer=text + " <EOL>")
    cut = rng.randint(len(lines) // 2, len(lines) - 1) or 1
    return Item(key=text, prompt=EOL.join(lines[:cut]) + " <EOL>", answer=lines[cut])
