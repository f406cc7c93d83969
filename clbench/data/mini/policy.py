"""`fomc`: is a sentence of a central bank dovish, hawkish or neutral?

What must be learned: a direction and an object decide together (more inflation is hawkish, more unemployment dovish;
raising rates is hawkish, raising bond purchases dovish); "did not … as expected" and "no case to" turn it round; of a
concession only the main clause counts. Every verb and every object occurs with every letter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import capital, chance, pick
from clbench.data.mini.templates import AGAINST, FOR, NEUTRAL, POLICY
from clbench.data.words.notation import phrases
from clbench.data.words.policy import ACTS, KEEP, MOVES, SERIES, TOOLS, TOPICS

if TYPE_CHECKING:
    import random


TIMES = phrases("""
    over the summer | in recent months | this quarter | last year | in late summer | in early autumn | during March
    over the winter | at year-end | this month | in most districts | in the north | at mid-year | in May
""")
AHEAD = phrases("next year | this year | over the coming months | in the near term | through the spring | later on")
LEADS = phrases("""
    Members noted that | Staff reported that | Participants judged that | Several officials said that | In the survey,
    One contact said that | On balance, | In the south, | A few members saw that | It was clear that | In short,
""")
AS_THOUGHT = phrases("as expected | as forecast | as projected | as staff had assumed | as models had implied")
CHOSE = phrases("voted to | agreed to | decided to | chose to | was ready to | planned to")
NO_CASE = phrases("""
    There was no case to | It would be premature to | No member wished to | It would be wrong to
    The time had not come to | Nobody saw a reason to
""")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its letter."""
    label = pick(rng, (FOR, AGAINST, NEUTRAL))
    want = {FOR: -1, AGAINST: 1, NEUTRAL: 0}[label]
    return POLICY.format(text=pick(rng, PATTERNS)(rng, want) + "."), label


def _series(rng: random.Random, want: int, form: int = 0) -> tuple[str, str]:
    """An object and a verb whose direction gives it the wanted sign (form 0: past tense, 1: base form)."""
    noun, sign = pick(rng, SERIES)
    return noun, pick(rng, MOVES[want * sign])[form]


def _act(rng: random.Random, want: int) -> str:
    """Something that can be done with a tool: `raise the policy rate`, `hold asset purchases steady`."""
    tool, sign = pick(rng, TOOLS)
    return f"{pick(rng, ACTS[want * sign])} {tool}" if want else pick(rng, KEEP).format(tool)


def _report(rng: random.Random, want: int) -> str:
    noun, past = _series(rng, want)
    return f"{pick(rng, LEADS)} {noun} {past} {pick(rng, TIMES)}"


def _outlook(rng: random.Random, want: int) -> str:
    noun, base = _series(rng, want, 1)
    if not want and chance(rng, 0.5):
        up, down = pick(rng, MOVES[1])[1], pick(rng, MOVES[-1])[1]
        return f"It was too early to say whether {noun} would {up} or {down} {pick(rng, AHEAD)}"
    return f"Staff {pick(rng, ('expected', 'projected', 'forecast'))} {noun} to {base} {pick(rng, AHEAD)}"


def _surprise(rng: random.Random, want: int) -> str:
    """What did not happen as expected counts as its opposite."""
    if not want:
        noun = pick(rng, SERIES)[0]
        return f"{capital(noun)} did not {pick(rng, MOVES[1])[1]} or {pick(rng, MOVES[-1])[1]} {pick(rng, TIMES)}"
    noun, base = _series(rng, -want, 1)
    return f"{capital(noun)} did not {base} {pick(rng, TIMES)} {pick(rng, AS_THOUGHT)}"


def _concession(rng: random.Random, want: int) -> str:
    """The subordinate clause says anything; the main clause decides."""
    noun, past = _series(rng, want)
    other, moved = _series(rng, pick(rng, (-1, 0, 1)))
    first = pick(rng, ("Although", "While", "Even though"))
    return f"{first} {other} {moved}, {noun} {past} {pick(rng, TIMES)}"


def _weight(rng: random.Random, want: int) -> str:
    noun, past = _series(rng, want)
    other, moved = _series(rng, pick(rng, (-1, 0, 1)))
    return f"{capital(other)} {moved} {pick(rng, TIMES)}, but what mattered more was that {noun} {past}"


def _action(rng: random.Random, want: int) -> str:
    start = pick(rng, (f"After a paper on {pick(rng, TOPICS)}, the Committee", "The Committee", "The board"))
    return f"{start} {pick(rng, CHOSE)} {_act(rng, want)} {pick(rng, AHEAD)}"


def _refusal(rng: random.Random, want: int) -> str:
    if not want:
        up, down, (tool, _) = pick(rng, ACTS[1]), pick(rng, ACTS[-1]), pick(rng, TOOLS)
        return f"{pick(rng, NO_CASE)} {up} or {down} {tool} {pick(rng, AHEAD)}"
    return f"{pick(rng, NO_CASE)} {_act(rng, -want)} {pick(rng, AHEAD)}"


def _risks(rng: random.Random, want: int) -> str:
    noun, sign = pick(rng, SERIES)
    side = {1: "tilted to the upside", -1: "tilted to the downside", 0: "balanced"}[want * sign]
    return f"{pick(rng, LEADS)} the risks to {noun} {pick(rng, AHEAD)} were {side}"


def _readiness(rng: random.Random, want: int) -> str:
    if not want:
        return f"Members were open to any step {pick(rng, AHEAD)}, should {pick(rng, SERIES)[0]} change"
    noun, base = _series(rng, want, 1)
    return f"Members were ready to {_act(rng, want)}, should {noun} {base} {pick(rng, AHEAD)}"


def _choice(rng: random.Random, want: int) -> str:
    tool, sign = pick(rng, TOOLS)
    up, down, time = pick(rng, ACTS[1]), pick(rng, ACTS[-1]), pick(rng, TIMES)
    if not want:
        return f"The board chose neither to {up} nor to {down} {tool} {time}"
    chosen, other = (up, down) if want * sign > 0 else (down, up)
    return f"The board chose to {chosen}, not to {other}, {tool} {time}"


def _dissent(rng: random.Random, want: int) -> str:
    other = pick(rng, [sign for sign in (-1, 0, 1) if sign != want])
    return (
        f"{pick(rng, ('One member', 'A guest'))} asked to {_act(rng, other)}, but most preferred to {_act(rng, want)}"
    )


def _business(rng: random.Random, want: int) -> str:
    """Nothing but business is neutral; with a sign, the same beginning and a report."""
    start = f"{pick(rng, ('Staff', 'A guest', 'The chair'))} spoke on {pick(rng, TOPICS)} {pick(rng, TIMES)}"
    if not want:
        return f"{start} and took questions on {pick(rng, TOPICS)}"
    noun, past = _series(rng, want)
    return f"{start} and showed that {noun} {past}"


PATTERNS = (
    _report, _outlook, _surprise, _concession, _weight, _action,
    _refusal, _risks, _readiness, _choice, _dissent, _business,
)  # fmt: skip
