"""Things that move, stuffs that weigh, atoms that add up."""

from __future__ import annotations

from clbench.data.words.notation import phrases, words

THINGS = phrases("""
    a cart | a boat | a drone | a snail | a ball | a bus | a train | a sled | a barge | a robot | a rocket | a kite
    a wheel | a crate | a stone | a toy car | a puck | a horse | a cyclist | a runner | a fox | a trolley | a glider
    a skater | a wagon | a canoe | a beetle | a swimmer | a truck | a tram | a log | a skier
""")
STUFFS = words("oil tar sand resin wax glue milk paint cork clay ink salt honey gel mud chalk foam slag ore brine")
# Names as in a school book: these four weigh what they weigh.
ATOMS = {"H": 1, "C": 12, "N": 14, "O": 16}
