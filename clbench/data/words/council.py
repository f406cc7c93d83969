"""Words of council meetings: who, for what, which rule, where."""

from __future__ import annotations

from clbench.data.words.notation import phrases, words

NAMES = words("""
    Ruiz Oduya Lindgren Takeda Marsh Bellamy Novak Ferro Osei Quinn Hale Petrov Sato Adeyemi Vogel Kowal Dunne Ibarra
    Roux
    Castell Nyman Okoro Pryce Zeller Amari Bloom Corvin Dahl Estrada Falk Grieve Holm Ivers Jurado Kessel Loomis
    Mbeki Nash
""")
THINGS = phrases("""
    new lamps | benches | a playground | bike racks | fifty trees | a bus shelter | drain pipes | a flood wall
    bookshelves
    fire hoses | two snow plows | a water tank | paint | safer crossings | a skate ramp | solar panels | roof repairs
    a dog run | radios | ramps | window frames | rain gardens | a tool shed | speed signs | a small stage
""")
RULES = phrases("""
    banning trucks | limiting noise | allowing food carts | closing one lane | opening a night market
    lowering the speed
    ending free parking | adding a bus stop | protecting old trees | moving the fence | extending hours | allowing dogs
    requiring permits | banning fireworks | widening the path | raising the fee for stalls
""")
PLACES = phrases("""
    in the river park | on Mill Street | at the library | at the harbor | in Oak Square | on Canal Road
    at the old depot
    near the school | in the Fifth Ward | on Pine Hill | at the fire hall | by the east bridge | at the market
    on Tower Lane
    in the rose garden | at City Hall | along the creek | at the bus yard | on Station Road | at the north gate
""")
