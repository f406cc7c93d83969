"""`meetingbank`: what did the council decide, on whose motion?

What must be learned: find kind, matter and mover in a short transcript, leave out the item's number, the seconder, the
chit-chat and last year's price, take the amended amount instead of the first, and read the outcome off the vote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clbench.data.mini.draw import between, capital, chance, distinct, pick
from clbench.data.mini.templates import MEETING
from clbench.data.words import council
from clbench.data.words.notation import phrases, table, words

if TYPE_CHECKING:
    import random

# Where a council of `mini` says it in fewer words than the world's.
SHORTER = {
    "Lindgren": "Lind",
    "two snow plows": "snow plows",
    "safer crossings": "crosswalks",
    "raising the fee for stalls": "raising stall fees",
    "by the east bridge": "by the bridge",
    "in the rose garden": "in the garden",
}
NAMES, THINGS, RULES, PLACES = (
    tuple(SHORTER.get(one, one) for one in known)
    for known in (council.NAMES, council.THINGS, council.RULES, council.PLACES)
)
KINDS = table("""
    Resolution | a resolution
    Ordinance  | an ordinance
    Council Bill | a bill
    Motion     | a motion
""")
CHAT = phrases("""
    Is my microphone on? | We thank the crew. | My neighbors like it. | I walk there daily. | I have no questions.
    Please keep it short. | We heard from forty people. | I was late, sorry. | It has taken years.
    The map is on page nine. | I still have doubts. | Good evening, all. | Could you speak up? | Let us move on.
    I like the drawings.
""")
OPENINGS = phrases("""
    Clerk: {kind} {number}, {matter}. | Clerk: Item {item}, {kind} {number}: {matter}.
    Chair: Next is {kind} {number}, {matter}. | Chair: We take up {kind} {number}, {matter}.
    Clerk: I read {kind} {number}, {matter}, into the record.
""")
MOVES = phrases("""
    {mover}: I move to adopt. | {mover}: So moved. | Chair: Moved by {mover}, seconded by {other}.
    Clerk: {mover} moves it. | {other}: I second the motion by {mover}. | Chair: {other}, you second {mover}, yes?
    Clerk: The mover is {mover}, the second is {other}.
""")
OUTCOMES = {
    "adopted": phrases("""
        It passes, {most} to {few}. | {most} ayes, {few} nays. | Adopted. | The motion carries. | All in favor.
    """),
    "rejected": phrases("""
        It fails, {few} to {most}. | {few} ayes, {most} nays. | Rejected. | The motion dies. | All opposed.
    """),
    "postponed": phrases("""
        Held until {month}. | We wait for the report. | Back to committee. | We vote in {month}.
    """),
}
COUNTS = words("one two three four five six seven eight nine")
MONTHS = words("January March April May June July September October November")


class Matter(NamedTuple):
    """What is decided: as the clerk reads it, and as the summary puts it."""

    read: str
    summary: str
    amendment: str


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its one-line summary."""
    title, noun = pick(rng, KINDS)
    mover, other, guest = distinct(rng, NAMES, 3)
    matter, outcome = _matter(rng), pick(rng, tuple(OUTCOMES))
    opening = pick(rng, OPENINGS).format(
        kind=title, number=between(rng, 100, 999), item=between(rng, 2, 30), matter=matter.read
    )
    motion = pick(rng, MOVES).format(mover=mover, other=other)
    if matter.amendment:
        debate = [motion, f"{other}: {matter.amendment}", "Chair: So amended."]
    else:
        debate = _with_remarks(rng, motion, (guest, other, "Chair", "Staff"))
    lines = [opening, *debate, f"Chair: {_vote(rng, outcome)}"]
    return MEETING.format(text="\n".join(lines)), f"{capital(noun)} {matter.summary}, moved by {mover}; {outcome}."


def _matter(rng: random.Random) -> Matter:
    place = pick(rng, PLACES)
    if chance(rng, 0.4):
        rule = f"{pick(rng, RULES)} {place}"
        return Matter(rule, rule, "")
    purpose = f"for {pick(rng, THINGS)} {place}"
    first, final = (f"${number},000" for number in distinct(rng, range(2, 99), 2))
    if chance(rng, 0.15):
        return Matter(f"{first} {purpose}", f"approving {final} {purpose}", f"Make it {final}.")
    return Matter(f"{first} {purpose}", f"approving {first} {purpose}", "")


def _with_remarks(rng: random.Random, motion: str, speakers: tuple[str, ...]) -> list[str]:
    """The motion, and at most two remarks that do not matter, before or after it."""
    lines = [motion]
    for speaker in distinct(rng, speakers, between(rng, 0, 2)):
        remark = f"Last year it was ${between(rng, 2, 98)},000." if chance(rng, 0.15) else pick(rng, CHAT)
        lines.insert(between(rng, 0, len(lines)), f"{speaker}: {remark}")
    return lines


def _vote(rng: random.Random, outcome: str) -> str:
    few = between(rng, 2, 4)
    most = between(rng, few + 1, 9)
    sentence = pick(rng, OUTCOMES[outcome])
    return capital(sentence.format(few=COUNTS[few - 1], most=COUNTS[most - 1], month=pick(rng, MONTHS)))
