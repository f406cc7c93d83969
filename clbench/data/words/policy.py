"""Words of central banks; the sign of an object says whether more of it speaks for tighter money."""

from __future__ import annotations

from clbench.data.words.notation import phrases, table, words

HOT = phrases("""
    inflation | core inflation | wage growth | consumer prices | price pressures | import prices | rents
    employment | job growth | household spending | hiring | economic activity | retail sales | business investment
    consumer demand | inflation expectations | labor demand | factory output | home building | exports
""")
COLD = phrases("""
    unemployment | slack | idle capacity | jobless claims | layoffs | economic weakness | loan defaults
    bankruptcies | unsold stocks | job losses | credit stress | spare capacity | late payments | empty offices
    long-term joblessness
""")
RATES = phrases("""
    the policy rate | the target range | the overnight rate | the discount rate | short-term rates | interest rates
    reserve requirements | minimum reserves
""")
SUPPORT = phrases("""
    asset purchases | bond purchases | monetary stimulus | policy accommodation | support for lending
    the bond portfolio | liquidity support | emergency credit
""")
# Object and sign: +1 where more of it is hawkish, -1 where more of it is dovish.
SERIES = tuple((noun, 1) for noun in HOT) + tuple((noun, -1) for noun in COLD)
TOOLS = tuple((noun, 1) for noun in RATES) + tuple((noun, -1) for noun in SUPPORT)
# Past tense and base form of the verbs, by direction.
MOVES = {
    1: table("rose|rise; increased|increase; climbed|climb; moved up|move up; grew|grow; picked up|pick up"),
    -1: table("fell|fall; declined|decline; dropped|drop; moved down|move down; shrank|shrink; eased|ease"),
    0: table("held steady|hold steady; stayed flat|stay flat; moved sideways|move sideways; stayed put|stay put"),
}
ACTS = {1: words("raise increase lift boost"), -1: words("lower reduce cut trim")}
KEEP = phrases("keep {} unchanged | hold {} steady | leave {} unchanged | maintain {}")
TOPICS = phrases("""
    payment systems | bank notes | data quality | the survey schedule | market operations | housing research
    the new website | staffing | regional banks | communication | climate data | foreign accounts
""")
