"""What there is in the small science of `scienceqa`: names, things, and the facts that a model has to learn."""

from __future__ import annotations

from clbench.data.words import science
from clbench.data.words.notation import table, words

INITIALS = science.NAMES[:25]  # no two begin alike
ROOMS = words("kitchen garden shed school lab attic cellar garage hall yard")
STATES = {f"a {state}": things for state, things in science.STATES.items()}
GOES = words("walks runs rides rows skates drives hikes crawls sails marches")
FIGURES = {
    "simile": "compares things with as",
    "alliteration": "repeats first sounds",
    "personification": "lets a thing act like a person",
    "onomatopoeia": "imitates a sound",
}
ALLITERATION = table("""
    busy | bakers | bought | butter; tiny | turtles | tasted | tea; silly | seals | sold | soap
    proud | pirates | painted | pots; funny | foxes | fixed | forks; merry | monkeys | made | masks
    great | geese | gathered | grapes; lazy | lions | licked | lemons; calm | cats | carried | cake
    happy | hens | hid | hats; rude | rabbits | ripped | ribbons; wet | wolves | wanted | wool
""")
LIKENESSES = words("old flat cold loud slow dark light")
HUMAN_ACTS = words("sighed smiled waved wept sulked laughed yawned")
SOUNDS = words("Bang Splash Crash Thud Clang Boom Clatter")
TRAITS = {place: science.TRAITS[place] for place in ("in the sea", "in the desert", "on the ice", "in the trees")}
SHAPES = words("ring key rod plate cup bar spoon cube")
