"""Common words that several kinds of documents draw on."""

from __future__ import annotations

from clbench.data.words.notation import words

WORDS = words("""
    time year people way day man thing woman life child world school state family student group country problem
    hand part place case week company system program question work number night point home water room mother area
    money story month lot right study book eye job word business issue side kind head house service friend father
    power hour game line end member law car city name team minute idea body street road tree bridge river market
    garden window door table paper letter music picture stone metal glass wood wool salt sugar milk bread apple
    plum bean egg fish bird horse dog cat mouse cow sheep goat
""")
"""English nouns for copying, selecting and reordering."""

WORDS_DE = words("""
    Zeit Jahr Tag Mann Frau Kind Haus Stadt Land Wasser Schule Arbeit Woche Straße Buch Garten Fenster Brücke Markt
    Wald Berg See Hund Katze Pferd Vogel Baum Stein Glas Brot Milch Apfel Zug Bus Auto Polizei Feuer Preis Geld
    Bank
""")

WORDS_ZH = words("""
    时间 城市 学校 工作 老师 学生 手机 电脑 公园 医院 银行 市场 天气 音乐 电影 足球 汽车
    火车 飞机 苹果 面包 牛奶 花园 桌子 窗户 房子 朋友 孩子 妈妈 爸爸
""")

PEOPLE = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Grace",
    "Henry",
    "Ida",
    "Jonas",
    "Kate",
    "Leo",
    "Maria",
    "Noah",
    "Olga",
    "Paul",
)
"""Given names of the people in problems and stories; none of them is an entity of the world."""

THINGS = ("apples", "books", "coins", "cards", "eggs", "pens", "stamps", "stones", "toys", "plums", "cups", "shells")

LETTERS = "ABCDE"


def plural(count: int, things: str) -> str:
    """`1 apple`, `2 apples`."""
    return f"{count} {things if count != 1 else things.removesuffix('s')}"
