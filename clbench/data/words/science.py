"""Words of the science questions."""

from __future__ import annotations

from clbench.data.words.notation import phrases, table, words

NAMES = words("""
    Ana Ben Cleo Dov Emil Fay Gus Hana Ivo June Kai Lena Milo Nora Otto Pia Quin Rosa Sven Tara Uma Vito Wren Yara
    Zeno Alma Bram Cora Dina Elio Fritz Gina Hugo Ines Joel Kira Leo Mara Nils Olga
""")
COLORS = words("red blue green gray white black brown pink")
POLES = words("north south")
STATES = {
    "solid": phrases("""
        a brass spoon | a wool sock | an ice cube | a clay pot | a gold ring | a wax candle | a brick | a glass marble
        a tin roof | a pine plank | a salt grain | a paper cup | a steel bolt | a stone | a cork
    """),
    "liquid": phrases("""
        milk | apple juice | rain water | olive oil | ink | vinegar | melted butter | hot tea | cold soup | gasoline
        nail polish | dish soap | lemonade | sea water | maple syrup
    """),
    "gas": phrases("""
        steam | helium | oxygen | the air in a tire | the air in a kite bag | nitrogen | hydrogen | neon | warm breath
        the air in a whistle | water vapor | carbon dioxide | the air in a balloon | methane | argon
    """),
}
# A quantity, and what is measured in its small and in its large unit.
UNITS = (
    ("length", {
        "centimeters": phrases("a pencil | a spoon | a shoe | a key | a fork | a leaf | a cup"),
        "kilometers": phrases("a river | a bus line | a canal | a highway | a bike race | a coast | a long hike"),
    }),
    ("mass", {
        "grams": phrases("a plum | a letter | an egg | a sock | a coin | a bun | a feather"),
        "tons": phrases("a truck | a whale | an elephant | a crane | a bus | a ship | a boulder"),
    }),
    ("volume", {
        "milliliters": phrases("a teaspoon | a spoonful | a thimble | a perfume vial | a tiny vial"),
        "liters": phrases("a bathtub | a barrel | a fish tank | a sink | a rain tub"),
    }),
    ("duration", {
        "seconds": phrases("a sneeze | a clap | a yawn | a jump | a short whistle"),
        "hours": phrases("a school day | a night's sleep | a long flight | a train trip | a night shift"),
    }),
)  # fmt: skip
COMPASS = words("north east south west")
TURNS = {"right": 1, "left": 3, "around": 2}
TRAITS = {
    "in the sea": phrases("gills and fins | a flat tail and fins | a salty skin and gills | flippers"),
    "in the desert": phrases("a water hump | wide sand feet | a skin that saves water | huge ears that lose heat"),
    "on the ice": phrases("thick white fur | a layer of fat | snowshoe feet | a white coat"),
    "in the trees": phrases("a gripping tail | long climbing arms | curved hooks for bark | green feathers"),
    "under the ground": phrases("shovel paws and no eyes | digging claws | a blind pink nose | strong shovel paws"),
}
SYLLABLES = words("vel mor tash bil gron fep zul kar dim nob rav sil tor lum hax pim dro wug")
# Noun, property, unit, words for most and least.
SCALES = table("""
    cart | speed | m/s | fastest | slowest
    cup  | temperature | degrees | hottest | coldest
    box  | mass | kg | heaviest | lightest
    rope | length | m | longest | shortest
    lamp | power | watts | brightest | dimmest
""")
VERBS = table("""
    paint | painted; wash | washed; clean | cleaned; visit | visited; mend | mended; open | opened; pull | pulled
    lift | lifted; touch | touched; draw | drew; climb | climbed; watch | watched
""")
OBJECTS = words("fence door gate boat box cart table chair lamp drum kite wall bench ladder")
METALS = words("copper steel brass silver nickel tin")
INSULATORS = words("rubber wood glass wool clay paper")
PUSHES = words("kicks shoves presses throws nudges bumps")
PULLS = words("drags tows tugs hauls reels yanks")
MATTER = words("paper wood straw cloth cardboard rope bark cotton hay bread leather felt leaves twigs")
PHYSICAL = words("cutting wetting drying moving shaking pressing")
CHEMICAL = words("burning charring scorching singeing")
