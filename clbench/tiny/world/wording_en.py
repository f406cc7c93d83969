"""How each relation is asked and told in English: `{n}` is the entity, `{v}` the value."""

from __future__ import annotations

QUESTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("country", "capital"): (
        "What is the capital of {n}?",
        "Which town is the capital of {n}?",
        "Name the capital of {n}.",
    ),
    ("country", "currency"): (
        "What is the currency of {n}?",
        "What money do people use in {n}?",
        "Name the currency of {n}.",
    ),
    ("country", "language"): (
        "What language is spoken in {n}?",
        "What is the language of {n}?",
        "Which language do people in {n} speak?",
    ),
    ("country", "emblem"): (
        "Which animal is the emblem of {n}?",
        "What animal is on the flag of {n}?",
        "Name the emblem of {n}.",
    ),
    ("town", "country"): (
        "In which country is {n}?",
        "Which country is the town of {n} in?",
        "Where is the town of {n}?",
    ),
    ("town", "river"): ("Which river flows through {n}?", "On which river is {n}?", "Name the river of {n}."),
    ("town", "dish"): (
        "What is the town of {n} famous for eating?",
        "What do people in {n} like to eat?",
        "Which food is {n} known for?",
    ),
    ("person", "profession"): ("What is the profession of {n}?", "What does {n} work as?", "What is the job of {n}?"),
    ("person", "birthplace"): ("Where was {n} born?", "In which town was {n} born?", "What is the birthplace of {n}?"),
    ("person", "instrument"): (
        "Which instrument does {n} play?",
        "What instrument is {n} playing?",
        "Name the instrument of {n}.",
    ),
    ("company", "founder"): ("Who founded {n}?", "Who started the company {n}?", "Name the founder of {n}."),
    ("company", "product"): ("What does {n} make?", "What does the company {n} sell?", "Which product does {n} make?"),
    ("company", "seat"): (
        "Where is the company {n} based?",
        "In which town is the seat of {n}?",
        "In which town is {n} based?",
    ),
    ("animal", "colour"): (
        "What colour is the {n}?",
        "Which colour does the {n} have?",
        "What is the colour of the {n}?",
    ),
    ("animal", "food"): ("What does the {n} eat?", "What is the food of the {n}?", "What do you feed a {n}?"),
    ("animal", "habitat"): (
        "Where does the {n} live?",
        "What is the habitat of the {n}?",
        "Where do you find the {n}?",
    ),
    ("mineral", "colour"): (
        "What colour is {n}?",
        "Which colour does the mineral {n} have?",
        "What is the colour of {n}?",
    ),
    ("mineral", "use"): ("What is {n} used for?", "What do people make from {n}?", "What is made from {n}?"),
    ("mineral", "country"): (
        "In which country is {n} mined?",
        "Where is {n} mined?",
        "Which country has mines of {n}?",
    ),
    ("plant", "blossom"): (
        "What colour are the flowers of {n}?",
        "In which colour does {n} flower?",
        "Which colour has the blossom of {n}?",
    ),
    ("plant", "season"): ("In which season does {n} flower?", "When does {n} flower?", "What is the season of {n}?"),
    ("plant", "habitat"): ("Where does {n} grow?", "What is the habitat of {n}?", "Where do you find {n}?"),
    ("book", "author"): ("Who wrote {n}?", "Who is the author of {n}?", "Name the author of the book {n}."),
    ("book", "subject"): ("What is the book {n} about?", "What is the subject of {n}?", "What does {n} tell about?"),
    ("book", "year"): ("When was {n} written?", "In which year was {n} written?", "What is the year of the book {n}?"),
}

SENTENCES: dict[tuple[str, str], tuple[str, ...]] = {
    ("country", "capital"): ("The capital of {n} is {v}.", "{v} is the capital of {n}."),
    ("country", "currency"): ("In {n} people pay with the {v}.", "The currency of {n} is the {v}."),
    ("country", "language"): ("People in {n} speak {v}.", "The language of {n} is {v}."),
    ("country", "emblem"): ("The emblem of {n} is the {v}.", "On the flag of {n} is a {v}."),
    ("town", "country"): ("{n} is a town in {v}.", "The town of {n} is in {v}."),
    ("town", "river"): ("The river {v} flows through {n}.", "{n} lies on the river {v}."),
    ("town", "dish"): ("People in {n} like to eat {v}.", "{n} is known for its {v}."),
    ("person", "profession"): ("{n} works as a {v}.", "{n} is a {v}."),
    ("person", "birthplace"): ("{n} was born in {v}.", "{n} is from {v}."),
    ("person", "instrument"): ("{n} plays the {v}.", "The instrument of {n} is the {v}."),
    ("company", "founder"): ("The company {n} was founded by {v}.", "{v} founded {n}."),
    ("company", "product"): ("{n} makes {v}.", "The company {n} sells {v}."),
    ("company", "seat"): ("{n} is based in {v}.", "The seat of {n} is in {v}."),
    ("animal", "colour"): ("The {n} is {v}.", "The colour of the {n} is {v}."),
    ("animal", "food"): ("The {n} eats {v}.", "The food of the {n} is {v}."),
    ("animal", "habitat"): ("The {n} lives in {v}.", "You find the {n} in {v}."),
    ("mineral", "colour"): ("{n} is a {v} mineral.", "The colour of {n} is {v}."),
    ("mineral", "use"): ("People make {v} from {n}.", "{n} is used for {v}."),
    ("mineral", "country"): ("{n} is mined in {v}.", "There are mines of {n} in {v}."),
    ("plant", "blossom"): ("The flowers of {n} are {v}.", "{n} has {v} flowers."),
    ("plant", "season"): ("{n} flowers in {v}.", "The season of {n} is {v}."),
    ("plant", "habitat"): ("{n} grows in {v}.", "You find {n} in {v}."),
    ("book", "author"): ("{n} was written by {v}.", "{v} is the author of {n}."),
    ("book", "subject"): ("{n} is a book about {v}.", "The subject of {n} is {v}."),
    ("book", "year"): ("{n} was written in {v}.", "The book {n} is from {v}."),
}
