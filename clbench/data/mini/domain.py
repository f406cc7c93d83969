"""`numglue-ds`: small sums from physics, chemistry and finance, answered by a number.

What must be learned: which quantities are multiplied (speed and time), which divided (distance by time), which added
or taken away, and the multiplication table; for molar masses, what hydrogen, carbon, nitrogen and oxygen weigh.
Factors have one digit and results stay below 60.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import between, capital, chance, distinct, pick
from clbench.data.mini.templates import MATH
from clbench.data.words.notation import phrases, words
from clbench.data.words.physics import ATOMS, STUFFS, THINGS

if TYPE_CHECKING:
    import random

PARTS = phrases("""
    a wire | a lamp | a coil | a motor | a heater | a bell | a fan | a radio | a pump | a sensor | a switch | a fuse
""")
LEADS = phrases("""
    In a test, | Today | At noon | In a film | On a hill | In the lab | Later | Last week | Again, | In May | By night
    For fun, | In a story | On Monday | At school
""")
# {0} and {1} are multiplied, {2} is their product; {thing}, {stuff} and {part} fill up.
PRODUCTS = phrases("""
    {thing} moves at {0} m/s for {1} s. How many meters does it go?
    {thing} goes {0} km every hour. How far does it get in {1} hours?
    {thing} of {0} kg speeds up by {1} m/s2. Find the force in N.
    {thing} of {0} kg moves at {1} m/s. Find its momentum.
    {thing} is pushed with {0} N over {1} m. Find the work in J.
    {thing} speeds up by {0} m/s2 for {1} s from rest. Find its speed.
    {1} liters of {stuff} weigh {0} kg a liter. Find the mass in kg.
    a jar of {stuff} has {1} cm3 and {0} g/cm3. Find its mass in g.
    {part} of {0} ohm carries {1} A. Find the voltage in V.
    {part} of {0} W runs for {1} s. Find the energy in J.
    {part} draws {0} A at {1} V. Find the power in W.
    {part} sends a wave of {0} Hz and {1} m length. Find its speed in m/s.
    {part} for 100 coins is bought at {0} percent a year. Find the interest for {1} years.
    a layer of {stuff} is {0} m long and {1} m wide. Find its area in m2.
    {1} moles of {stuff} gas have {0} atoms a molecule. How many moles of atoms is that?
""")
QUOTIENTS = phrases("""
    {thing} goes {2} m in {0} s. Find its speed in m/s.
    {thing} goes {2} km at {0} km/h. How many hours does it take?
    {thing} of {0} kg is pushed with {2} N. Find the acceleration.
    {thing} of {0} kg has a momentum of {2} kg m/s. Find its speed.
    {thing} gains {2} m/s in {0} s. Find the acceleration.
    {2} g of {stuff} fill {0} cm3. Find the density.
    {2} kg of {stuff} weigh {0} kg a liter. How many liters is that?
    {part} carries {0} A at {2} V. Find the resistance in ohm.
    {part} uses {2} J in {0} s. Find the power in W.
    a force of {2} N rests on {0} m2 of {stuff}. Find the pressure.
""")
# {0} is the sum of {1} and {2}.
SUMS = phrases("""
    {thing} is pulled by {1} N and by {2} N the same way. Find the total force.
    {part} of {1} ohm and one of {2} ohm are in series. Find the resistance.
    {1} kg of {stuff} and {2} kg of water are mixed. Find the mass.
    {stuff} at {1} degrees gets {2} degrees hotter. Find its temperature.
    {thing} goes {1} m north and {2} m more. How far is that?
""")
DIFFERENCES = phrases("""
    {thing} is pulled by {0} N to the left and {1} N to the right. Find the net force.
    {stuff} cools from {0} to {1} degrees. By how many degrees?
    {thing} slows from {0} m/s to {1} m/s. Find the loss of speed.
    of {0} g of {stuff}, {1} g are left. How many g are gone?
""")
COMPOUNDS = words("""
    velmite bordane tashol grilene fepane zulite karbol dimene nobane ravine silite toral lumene haxane pimol
    drolane wugite omane tesk ulane
""")
ASKING = phrases("""
    find the molar mass of {0}, a compound with {1}. | what does a mole of {0} weigh, with {1} a molecule?
    a molecule of {0} has {1}. Find its molecular weight. | {0} has {1}. What is its molar mass?
""")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its number."""
    question, answer = pick(rng, KINDS)(rng)
    return MATH.format(text=question), str(answer)


def _worded(rng: random.Random, form: str, *numbers: int) -> str:
    """The form with its numbers and things; sometimes after a lead that says nothing."""
    text = form.format(*numbers, thing=pick(rng, THINGS), stuff=pick(rng, STUFFS), part=pick(rng, PARTS))
    return f"{pick(rng, LEADS)} {text}" if chance(rng, 0.6) else capital(text)


def _factors(rng: random.Random) -> list[int]:
    """Two factors from a table small enough to be learned from a few hundred records."""
    return distinct(rng, (between(rng, 2, 9), between(rng, 2, 5)), 2)


def _product(rng: random.Random) -> tuple[str, int]:
    one, two = _factors(rng)
    return _worded(rng, pick(rng, PRODUCTS), one, two), one * two


def _quotient(rng: random.Random) -> tuple[str, int]:
    one, two = _factors(rng)
    return _worded(rng, pick(rng, QUOTIENTS), one, two, one * two), two


def _sum(rng: random.Random) -> tuple[str, int]:
    one, two = between(rng, 2, 20), between(rng, 2, 9)
    return _worded(rng, pick(rng, SUMS), one + two, one, two), one + two


def _difference(rng: random.Random) -> tuple[str, int]:
    less, gone = between(rng, 2, 20), between(rng, 2, 9)
    return _worded(rng, pick(rng, DIFFERENCES), less + gone, less), gone


def _molar_mass(rng: random.Random) -> tuple[str, int]:
    """One heavy kind of atom and hydrogen: `2 C and 6 H`."""
    heavy = pick(rng, ("C", "N", "O"))
    count, hydrogens = between(rng, 1, 3), between(rng, 1, 9)
    parts = f"{count} {heavy} and {hydrogens} H" if chance(rng, 0.5) else f"{hydrogens} H and {count} {heavy}"
    question = capital(pick(rng, ASKING).format(pick(rng, COMPOUNDS), parts))
    return question, count * ATOMS[heavy] + hydrogens * ATOMS["H"]


KINDS = (_product, _product, _product, _product, _quotient, _quotient, _quotient, _sum, _difference, _molar_mass)
