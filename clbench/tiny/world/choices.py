"""Multiple choice with shuffled options and letter answers, some with a reason on the next line.

Half of the questions are about common categories, half about the invented world; the reason names the fact used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.tiny.world.entities import RELATIONS, all_facts, pool_of
from clbench.tiny.world.lexicon import LETTERS
from clbench.tiny.world.record import Item
from clbench.tiny.world.wording_en import QUESTIONS, SENTENCES

if TYPE_CHECKING:
    from clbench.tiny.world.record import Dice

CATEGORIES = {
    "mammal": ("whale cow horse bat mouse sheep dog lion", "has hair and feeds its young with milk"),
    "bird": ("eagle owl duck swan crow penguin hen goose", "has feathers and lays eggs"),
    "fish": ("salmon tuna shark carp trout herring cod eel", "lives in water and breathes with gills"),
    "insect": ("ant bee beetle moth wasp fly cricket mosquito", "has six legs"),
    "reptile": ("snake lizard turtle crocodile gecko iguana cobra viper", "has dry scales"),
    "metal": ("iron copper gold silver zinc tin lead nickel", "conducts heat and electricity well"),
    "gas": ("oxygen nitrogen helium hydrogen neon argon steam air", "has no shape of its own and fills its container"),
    "planet": ("Mars Venus Saturn Jupiter Mercury Neptune Uranus Earth", "moves around the Sun"),
    "tree": ("oak pine birch maple willow beech palm cedar", "has a trunk of wood"),
    "fruit": ("pear cherry banana lemon grape mango peach melon", "grows from a flower and holds seeds"),
    "tool": ("hammer saw drill wrench pliers chisel axe file", "is made to help with work"),
    "liquid": ("milk oil juice vinegar petrol ink blood water", "flows and takes the shape of its container"),
}
"""Category -> its members and what is true of every one of them."""

FRAMES = (
    "Pick the right option.\n{q}\n{o}\nOption:",
    "{q}\n{o}\nLetter:",
    "Multiple choice: {q}\n{o}\nCorrect:",
    "Question: {q}\nOptions:\n{o}\nYour answer:",
)
FRAMES_REASON = (
    "Pick the right option and say why.\n{q}\n{o}\nOption:",
    "{q}\n{o}\nLetter and reason:",
    "Question: {q}\nOptions:\n{o}\nExplain your answer:",
)
STYLES = ("{l}. {t}", "({l}) {t}", "{l}) {t}")
REASON_SHARE = 0.4


def posed(question: str, *, options: list[str], right: str, reason: str, rng: Dice) -> tuple[str, str]:
    """Prompt and answer of one question with these options, which are shuffled here."""
    shuffled, style = rng.sample(options, len(options)), rng.choice(STYLES)
    listed = "\n".join(style.format(l=LETTERS[number], t=text) for number, text in enumerate(shuffled))
    letter, explain = LETTERS[shuffled.index(right)], rng.random() < REASON_SHARE
    frame = rng.choice(FRAMES_REASON if explain else FRAMES)
    return frame.format(q=question, o=listed), f"{letter}\n{reason}" if explain else letter


def category(rng: Dice) -> Item:
    """Which of these is a bird? What is an owl? The key is the pair asked about and its rivals."""
    name, *others = rng.sample(sorted(CATEGORIES), rng.randint(2, 4))
    member = rng.choice(CATEGORIES[name][0].split())
    article = "an" if name == "insect" else "a"
    reason = (
        f"{member[0].upper()}{member[1:]} is {article} {name}. {article.capitalize()} {name} {CATEGORIES[name][1]}."
    )
    if rng.random() < 0.6:
        rivals = [rng.choice(CATEGORIES[other][0].split()) for other in others]
        asked, right = (
            rng.choice(
                (f"Which of these is {article} {name}?", f"Which one {CATEGORIES[name][1]}?", f"Find the {name}.")
            ),
            member,
        )
    else:
        asked, right, rivals = rng.choice((f"What is {member}?", f"Which kind of thing is {member}?")), name, others
    prompt, answer = posed(asked, options=[right, *rivals], right=right, reason=reason, rng=rng)
    return Item(key=" ".join([name, member, *sorted(rivals)]), prompt=prompt, answer=answer)


def world(rng: Dice) -> Item:
    """A fact of the world with its value among others of the same relation."""
    fact = rng.choice(all_facts())
    pool = [value for value in pool_of(RELATIONS[fact.kind][fact.relation]) if value != fact.value]
    rivals = rng.sample(pool, rng.randint(1, 3))
    asked = rng.choice(QUESTIONS[fact.kind, fact.relation]).format(n=fact.name)
    reason = SENTENCES[fact.kind, fact.relation][0].format(n=fact.name, v=fact.value)
    prompt, answer = posed(asked, options=[fact.value, *rivals], right=fact.value, reason=reason, rng=rng)
    return Item(key=" ".join([fact.name, fact.relation, *sorted(rivals)]), prompt=prompt, answer=answer)


def yes_no(rng: Dice) -> Item:
    """Whether a statement about a category holds."""
    name, other = rng.sample(sorted(CATEGORIES), 2)
    member, truth = rng.choice(CATEGORIES[name][0].split()), rng.random() < 0.5
    said = name if truth else other
    asked = f"Is {member} {'an' if said == 'insect' else 'a'} {said}?"
    frame = rng.choice(("{q} Yes or no?\nA:", "True or false, yes or no: {q}\nAnswer:"))
    return Item(key=f"{member} {said}", prompt=frame.format(q=asked), answer="yes" if truth else "no")
