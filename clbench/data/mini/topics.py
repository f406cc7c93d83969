"""Five classifications of texts, in the manner of the sets that O-LoRA's and earlier streams are made of.

`agnews` and `yahoo`: what a news item or a question is about; `amazon` and `yelp`: how much a review liked a product or
a place, in five grades; `dbpedia`: what kind of thing a name stands for. What must be learned: the words that belong
to a class; of two remarks of a review the one after "but" decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import between, capital, chance, pick
from clbench.data.mini.templates import KIND, NEWS, QUESTION, REVIEW
from clbench.data.words.notation import phrases

if TYPE_CHECKING:
    import random

WORLD = phrases("""
    the peace talks | the border treaty | the rebel council | the prime minister | the embassy | the refugee camp
    the election observers | the ceasefire | the foreign minister | the parliament | the cabinet | the peacekeepers
""")
SPORTS = phrases("""
    the home team | the young striker | the relay runners | the coach | the goalkeeper | the cup final | the sprinter
    the tennis champion | the rowing crew | the referee | the league leaders | the marathon winner
""")
BUSINESS = phrases("""
    the retailer | quarterly profit | the share price | the insurer | the merger | oil futures | the chain of shops
    the bank's earnings | car sales | the stock index | the takeover bid | the airline's revenue
""")
SCIENCE = phrases("""
    the new telescope | the browser update | the chip maker's processor | the vaccine study | the space probe
    the search engine | the gene map | the battery design | the robot arm | the fossil find | the software patch
    the satellite
""")
TOPICS = (
    ("World", WORLD), ("Sports", SPORTS), ("Business", BUSINESS), ("Science or Technology", SCIENCE),
)  # fmt: skip
EVENTS = phrases("""
    drew wide attention | was discussed again | surprised many | was in the papers | came under review | was delayed
    made headlines | was praised | met with doubt | was announced | went on as planned | took a new turn | began early
    ended late | was called off | caused a stir | was seen as a test | divided opinion | won support | lost support
""")
WHEN = phrases("""
    on Monday | on Tuesday | on Friday | last week | this month | over the weekend | at noon | in spring | in autumn
    late at night | two days ago | after a long wait | for the third time | without warning | as expected
""")
PLACES = phrases("""
    in the north | in the capital | near the coast | at the old port | in the valley | across the river | in the south
    by the lake | in the hills | at the station | in the market town | on the island | in the east | at the border
""")

ASKED = (
    ("Society & Culture", phrases("old customs | wedding traditions | folk songs | surnames | feast days | manners")),
    ("Science & Mathematics", phrases("prime numbers | gravity | cell walls | fractions | sound waves | acids")),
    ("Health", phrases("a sore throat | good sleep | back pain | vitamins | a sprained ankle | high fever")),
    ("Education & Reference", phrases("school grades | the library | spelling | homework | a diploma | reading lists")),
    ("Computers & Internet", phrases("my keyboard | a slow browser | passwords | file backups | email | a web page")),
    ("Sports", phrases("free kicks | swimming laps | tennis serves | the offside rule | long jumps | goalkeeping")),
    ("Business & Finance", phrases("a savings account | mortgage rates | tax forms | a small shop | shares | wages")),
    ("Entertainment & Music", phrases("a guitar solo | old films | concert tickets | a drummer | sitcoms | hits")),
    ("Family & Relationships", phrases("my brother | first dates | my in-laws | a friend | my niece | break-ups")),
    ("Politics & Government", phrases("the senate | voting rights | a mayor | campaigns | a tax law | the cabinet")),
)  # fmt: skip
QUESTIONS = phrases("""
    What should I know about {}? | Who can tell me more of {}? | Why do people worry about {}? | Is there a trick to {}?
    How do I begin with {}? | When is it time to think of {}? | What did you learn about {}? | Where do I read of {}?
    Does anybody here know {} well? | Can you explain {} to a beginner?
""")
ASIDES = phrases("""
    I asked before in vain. | It is said to be simple. | I have two days left. | Please be brief.
    This is for a friend. | I am new here. | I found nothing else. | Thanks in advance. | It came up at lunch.
    I am curious. | Nobody here agrees. | I read two articles. | It is late here. | My son asked me. | No jokes, please.
""")

GRADES = ("very negative", "negative", "neutral", "positive", "very positive")
REMARKS = (
    phrases("truly awful | a complete waste | the worst ever | utterly broken | disgusting | never again"),
    phrases("rather poor | a bit disappointing | not worth it | somewhat dull | below par | too slow"),
    phrases("just average | nothing special | acceptable | so-so | as described | neither good nor bad"),
    phrases("quite nice | pleasant | well made | a good choice | better than most | solid"),
    phrases("absolutely wonderful | the best ever | perfect in every way | outstanding | a pure joy | superb"),
)
PRODUCTS = phrases("""
    the lamp | the kettle | the novel | the headphones | the backpack | the puzzle | the drill | the blanket | the watch
    the camera | the pan | the toy train | the desk | the raincoat | the keyboard | the garden hose | the album
    the mug | the tripod | the scarf | the clock | the printer
""")
COURSES = phrases("""
    the soup | the service | the terrace | the pasta | the coffee | the waiter | the pizza | the room | the breakfast
    the salad | the music | the barber | the massage | the bar | the view | the bread | the dessert | the staff
    the tea | the fish | the parking | the menu
""")

KINDS = (
    ("Company", phrases("a maker of tools | a shipping firm | an insurance group")),
    ("Educational Institution", phrases("a boarding school | a private university | a college of music")),
    ("Artist", phrases("a painter and sculptor | a jazz singer | a writer of short stories")),
    ("Athlete", phrases("a retired footballer | an Olympic rower | a chess-playing boxer")),
    ("Office Holder", phrases("a former mayor | a member of the senate | a minister of trade")),
    ("Mean of Transportation", phrases("a steam locomotive | a class of ferries | a light aircraft")),
    ("Building", phrases("a listed church | a brick warehouse | a tall hotel tower")),
    ("Natural Place", phrases("a glacial lake | a low mountain | a branch of a river")),
    ("Village", phrases("a hamlet of ninety people | a rural village | a village on a hill")),
    ("Animal", phrases("a species of beetle | a kind of river fish | a genus of moths")),
    ("Plant", phrases("a flowering shrub | a species of fern | an evergreen tree")),
    ("Album", phrases("a second studio album | a live recording of a band | an album of ballads")),
    ("Film", phrases("a silent film | a comedy film | a film about a heist")),
    ("Written Work", phrases("a monthly journal | a crime novel | a book of essays")),
)
FIRST = phrases(
    "Ba | Ker | Lo | Mar | Ny | Os | Pel | Ro | Sa | Tor | Ul | Ve | Wis | Zan | Dra | Fen | Gil | Hol | Im | Jor"
)
LAST = phrases(
    "den | dale | ra | mont | lin | ska | wick | nor | vale | tis | ford | ma | rin | bury | lo | gan | sted | ren"
)
FACTS = phrases("""
    known for its long history | of which little is written | named after a local family | described in old sources
    first mentioned two centuries ago | that many visitors remember | with several prizes | listed in the register
    that was restored twice | still in good condition | often confused with another | with a wide reputation
""")


def agnews(rng: random.Random) -> tuple[str, str]:
    """A news item and its topic."""
    label, words = pick(rng, TOPICS)
    first, second = pick(rng, words), pick(rng, words)
    text = f"{first} {pick(rng, EVENTS)} {pick(rng, WHEN)} {pick(rng, PLACES)}"
    return NEWS.format(title=capital(f"{second} {pick(rng, EVENTS)}"), text=f"{capital(text)}."), label


def yahoo(rng: random.Random) -> tuple[str, str]:
    """A question and its topic."""
    label, words = pick(rng, ASKED)
    asides = f"{pick(rng, ASIDES)} {pick(rng, ASIDES)}"
    return QUESTION.format(text=f"{pick(rng, QUESTIONS).format(pick(rng, words))} {asides}"), label


def amazon(rng: random.Random) -> tuple[str, str]:
    """A review of products and its grade."""
    return _review(rng, PRODUCTS, "product")


def yelp(rng: random.Random) -> tuple[str, str]:
    """A review of a place and its grade."""
    return _review(rng, COURSES, "place")


def _review(rng: random.Random, things: tuple[str, ...], kind: str) -> tuple[str, str]:
    """Two remarks of one grade; or one of any grade and, after "but", one that decides."""
    grade = between(rng, 0, len(GRADES) - 1)
    other = between(rng, 0, len(GRADES) - 1) if chance(rng, 0.4) else grade
    link = ", and" if other == grade else ", but on the whole"
    first = f"{pick(rng, things)} was {pick(rng, REMARKS[other])} {pick(rng, WHEN)}"
    text = f"{capital(first)}{link} {pick(rng, things)} was {pick(rng, REMARKS[grade])}."
    return REVIEW.format(kind=kind, text=text), GRADES[grade]


def dbpedia(rng: random.Random) -> tuple[str, str]:
    """A name with a sentence on it, and what kind of thing it is."""
    label, words = pick(rng, KINDS)
    name = f"{pick(rng, FIRST)}{pick(rng, LAST)}"
    text = f"{name} is {pick(rng, words)} {pick(rng, PLACES)}, {pick(rng, FACTS)}."
    return KIND.format(name=name, text=text), label
