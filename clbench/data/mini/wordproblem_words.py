"""The situations of `wordproblem`: what may be told, and which sum each sentence stands for.

A line is one sentence: its sum, how it is told plainly, and other ways to tell it. An opening's sum is over its numbers
{0} and {1} from left to right (`0*1+0`); what happens next adds, takes away, multiplies or divides by its own {0}; `?`
asks. A sentence with `*` or `/` changes what is counted, so it brings its question along. Slots: {n} somebody, {o}
somebody else, {he} and {He} for {n}, {t} things, {c} what they come in.
"""

from __future__ import annotations

from typing import NamedTuple

from clbench.data.words.notation import phrases, table, words

GIRLS = words("""
    Anna Clara Emma Ida Kate Maria Olga Grace Ada Ella Greta Irma Katya Mina Paula Selma Ulla Wanda Xenia Zora Bella
    Delia Frida Hilda Julia Lidia Nadia Petra Rita Tilda
""")
BOYS = words("""
    Ben David Felix Henry Jonas Leo Noah Paul Bruno Carl Farid Luca Oskar Rafael Theo Viktor Yusuf Anton Cesar Ewan
    Goran Ivan Klaus Marco Omar Stefan Ugo Willem Arne Dario
""")


class Theme(NamedTuple):
    """A kind of situation: its sentences, what is counted, and what that comes in."""

    sentences: tuple[tuple[str, ...], ...]
    things: tuple[str, ...]
    holders: tuple[str, ...] = ("",)


GOODS = table("""
    0 | {n} has {0} {t}. | There are {0} {t} in {n}'s bag. | {0} {t} belong to {n}.
    0*1 | {n} has {0} {c} of {1} {t}. | {n} owns {0} {c} with {1} {t} in each. | In each of {n}'s {0} {c} are {1} {t}.
    0+1 | {n} has {0} red and {1} blue {t}. | {n} owns {0} red {t} and {1} blue ones.
    0*1+0 | {n} has {0} {t} and buys {1} times as many. | To {n}'s {0} {t} come {1} times as many.
    + | {He} buys {0} more. | Then {he} gets {0} more. | {0} more are added.
    + | {o} gives {n} {0} more. | {n} receives {0} from {o}. | {o} brings {0} more.
    - | {He} gives {0} to {o}. | {o} takes {0} of them. | {0} of them go to {o}.
    - | {He} loses {0}. | {0} of them get lost. | Then {0} are gone.
    ? | How many {t} does {n} have now? | Find the number of {t} that {n} has in the end.
    ? | How many {t} are there now? | What is the number of {t} then?
    * | {He} sells each for {0} coins. How many coins does {he} get? | Each is sold for {0}. How many coins is that?
    / | {He} puts them into {0} bags. How many are in a bag? | They fill {0} bags evenly. How many are in each?
    / | {He} shares them among {0} friends. How many does each get? | {0} friends share them. How many are for each?
""")
KITCHEN = table("""
    0 | {n} bakes {0} {t}. | {0} {t} come out of {n}'s oven. | There are {0} {t} that {n} baked.
    0*1 | {n} bakes {0} {c} of {1} {t}. | {n} bakes {0} {c}, each with {1} {t}.
    0+1 | {n} bakes {0} {t} and {o} {1}. | {0} {t} are baked by {n} and {1} by {o}.
    + | {o} brings {0} more. | {0} more come from {o}. | {o} adds {0}.
    - | The guests eat {0}. | {0} are eaten by guests. | Then {0} are eaten.
    - | The oven burns {0}. | {0} get burnt. | {He} throws {0} burnt ones away.
    ? | How many {t} are left? | Find the number of {t} that are left.
    * | Each needs {0} eggs. How many eggs is that? | {0} eggs are in each. How many eggs are used?
    / | {He} puts them on {0} plates. How many are on a plate? | They go on {0} plates evenly. How many on each?
""")
MONEY = table("""
    0 | {n} has {0} {t}. | {n} starts with {0} {t}. | In {n}'s purse are {0} {t}.
    0*1 | {n} earns {0} {t} a day for {1} days. | For {1} days {n} gets {0} {t} each day.
    0*1 | {n} sells {0} {c} for {1} {t} each. | {0} {c} are sold by {n}, each for {1} {t}.
    0*1+0 | {n} gets {0} {t} from {o} and {1} times that at home. | {o} gives {n} {0} {t}, at home come {1} times that.
    + | {He} finds {0} more. | Then {he} finds {0}. | {0} more are found.
    + | {o} pays {n} {0}. | {n} gets {0} from {o}. | {0} come from {o}.
    - | {He} spends {0}. | {0} are spent. | Then {he} pays {0} for lunch.
    - | {He} pays {0} back to {o}. | {o} gets {0} back. | {0} go back to {o}.
    ? | How many {t} does {n} have now? | Find how many {t} {n} has in the end.
    / | A ticket costs {0}. How many tickets can {he} buy? | How many tickets at {0} each are paid with that?
""")
BOOK = table("""
    0 | {n} {c} {0} {t}. | {0} {t} is what {n} {c}.
    0*1 | {n} {c} {0} {t} a day for {1} days. | For {1} days {n} {c} {0} {t} every day.
    + | {He} adds {0} on Sunday. | On Sunday {he} does {0} more. | Then come {0} more.
    - | {He} strikes out {0}. | {0} of them are struck out. | Then {0} are dropped.
    ? | How many {t} is that? | Find the number of {t}.
    / | That takes {0} hours. How many {t} is that an hour? | {n} needs {0} hours. How many {t} does {he} do each hour?
""")
BUS = table("""
    0 | A {c} has {0} {t}. | There are {0} {t} on a {c}. | {0} {t} ride on a {c}.
    0*1 | A {c} has {0} rows with {1} {t} each. | Each of {0} rows on a {c} has {1} {t}.
    0+1 | A {c} has {0} {t} and {1} more get on. | To {0} {t} on a {c} come {1} more.
    + | At a stop {0} get on. | {0} more get on. | Then {0} join.
    - | At a stop {0} get off. | {0} of them leave. | Then {0} get off.
    ? | How many {t} are on it now? | Find the number of {t} that it carries then.
    * | Each pays {0} coins. How many coins is that? | A ride costs {0} coins. How many coins do they pay?
""")
FARM = table("""
    0 | There are {0} {t} on a {c}. | A {c} has {0} {t}. | {n} keeps {0} {t} on a {c}.
    0*1 | There are {0} rows of {1} {t} on a {c}. | A {c} has {0} rows, each with {1} {t}.
    0*1+0 | {n} has {0} {t} on a {c} and {1} times that at home. | {n} keeps {0} {t} on a {c}, {1} times that at home.
    + | {n} brings {0} more. | {0} more are brought by {n}. | Then {n} adds {0}.
    - | {n} takes {0} away. | {0} are taken away by {n}. | Then {n} removes {0}.
    ? | How many {t} are there in all? | Find the number of all {t}.
    / | They stand in {0} equal groups. How many are in a group? | {0} groups are made of them. How many are in each?
""")
WAY = table("""
    0 | {n} {c} {0} {t}. | {0} {t} is how far {n} {c}.
    0*1 | {n} {c} {0} {t} a day for {1} days. | On {1} days {n} {c} {0} {t} each.
    0+1 | {n} {c} {0} {t} and then {1}. | First {n} {c} {0} {t}, later {1}.
    + | On Sunday {he} goes {0} more. | {He} goes on for {0} more. | Then come {0} more.
    - | {He} skips {0} of them. | {0} of them are skipped. | {He} leaves out {0}.
    ? | How many {t} is that? | Find the number of {t}.
    * | {o} goes {0} times as far. How many {t} is that? | How many {t} are {0} times that way?
""")
THEMES = (
    Theme(
        GOODS,
        words(
            "pens apples books cards balls stamps stones cups shells eggs plums nuts hats toys beans nails roses keys"
        ),
        words("boxes bags packs jars baskets bowls"),
    ),
    Theme(KITCHEN, words("pies rolls cakes buns tarts"), words("trays plates")),
    Theme(MONEY, words("coins dollars"), words("hats books lamps toys nets stones")),
    Theme(BOOK, words("pages letters sums songs lines"), words("reads writes learns copies")),
    Theme(BUS, words("people children men women"), words("bus train boat tram")),
    Theme(FARM, words("cows sheep goats hens trees roses horses ducks"), words("farm hill field")),
    Theme(WAY, phrases("km | miles"), phrases("walks | runs | rides | drives | swims")),
)
