"""The answers of mini are right: worked out once more from the text alone, by other means than the generators'."""

import calendar
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from clbench.data.mini import FORMS, records, stance
from clbench.data.mini.german import ACTORS, DEEDS
from clbench.data.words.german import ADJECTIVES

SIZE = 3000


@functools.cache
def content(form: str) -> list[tuple[str, str]]:
    """What stands between the instruction and the cue, with the answer."""
    head, *_, cue = re.split(r"\{\w+\}", FORMS[form].template)
    return [
        (item["prompt"].removeprefix(head).removesuffix(cue), item["answer"])
        for item in records(form, split="train", size=SIZE)
    ]


# -- c-stance ---------------------------------------------------------------------------------------------------------


def stance_readings(clause: str, target: str) -> Iterator[str]:
    """The letters that the wording of a clause about the target speaks for."""
    like, dislike = "|".join(stance.LIKE), "|".join(stance.DISLIKE)
    undecided = r"没有特别的看法|不支持也不反对|谈不上|再看看|没想好|不表态|有人|说不清"
    if re.search(undecided, clause):
        yield "C"
    elif re.search(rf"(并不|根本不|从来不|一点也不|实在不)({like}){target}", clause):
        yield "B"
    elif re.search(rf"我\w*?({like}){target}", clause):
        yield "A"
    elif re.search(rf"我\w*?({dislike}){target}", clause):
        yield "B"
    elif re.match(rf"{target}一点也不", clause):
        yield "B" if clause.endswith(stance.GOOD) else "A"
    elif clause.startswith(target):
        kinds = ((stance.GOOD + stance.MERIT, "A"), (stance.BAD + stance.FAULT, "B"), (stance.FACT, "C"))
        yield from (letter for endings, letter in kinds if clause.endswith(endings))


def stance_of(text: str, target: str) -> str:
    """The letter by hand: the rhetorical question, the last word on the target, or its only clause."""
    text = text.removesuffix("。").split("。")[0]
    if "谁说" in text:
        return "A" if text.endswith("我看不是") else "B"
    if turned := re.search(r"(?:现在|后来|如今|可是|不过|但)((?:我|它|有人).*它.*|它.*)$", text):
        text, target = turned[1], "它"
    opener = next((o for o in stance.OPENERS if text.startswith(o)), "")
    parts = re.split(r"，但是|，不过|，可是|，然而|；而|；另外，", text.removeprefix(opener))
    (letter,) = {reading for part in parts if target in part for reading in stance_readings(part, target)}
    return letter


def test_stances_follow_from_the_clause_on_the_target() -> None:
    for body, answer in content("c-stance"):
        text, target = body.split("\n对象：\n")
        assert stance_of(text, target) == answer, text


def test_two_objects_get_two_stances_in_a_quarter_of_the_records() -> None:
    both = [text for text, _ in content("c-stance") if sum(target in text for target in stance.TARGETS) > 1]
    assert 0.25 < len(both) / SIZE < 0.4


def test_every_verb_occurs_with_every_letter() -> None:
    seen = Counter((verb, answer) for text, answer in content("c-stance") for verb in stance.LIKE if verb in text)
    assert all(seen[verb, letter] > 10 for verb in stance.LIKE for letter in "ABC")


# -- fomc -------------------------------------------------------------------------------------------------------------

UP = r"\b(rose|rise|increased?|climb(ed)?|moved? up|grew|grow|pick(ed)? up|raise|lift|boost|upside)\b"
DOWN = r"\b(fell|fall|declined?|drop(ped)?|moved? down|shrank|shrink|eased?|lower|reduce|cut|trim|downside)\b"
DOVISH = (
    r"\b(unemployment|slack|capacity|claims|layoffs|weakness|defaults|bankruptcies|stocks|losses|stress|payments"
    r"|offices|joblessness|purchases|stimulus|accommodation|lending|portfolio|support|emergency credit)\b"
)
TURNED = r"did not|There was no case|premature|No member wished|would be wrong|had not come|Nobody saw"


def policy_of(text: str) -> str:
    """The letter by hand: take the clause that counts, then direction times object, turned round or not."""
    clause = re.sub(r"^.* (and showed that|but most preferred to|what mattered more was that) ", "", text)
    clause = re.sub(r"^(Although|While|Even though|After a paper on) .*?, ", "", clause)
    clause = re.sub(r", should .*$|, not to \w+,", "", clause)
    up, down = re.search(UP, clause), re.search(DOWN, clause)
    if bool(up) == bool(down):
        return "C"
    turns = [not up, bool(re.search(DOVISH, clause.lower())), bool(re.search(TURNED, clause))]
    return "A" if sum(turns) % 2 else "B"


def test_policy_stances_follow_from_direction_and_object() -> None:
    for text, answer in content("fomc"):
        assert policy_of(text) == answer, text


# -- meetingbank ------------------------------------------------------------------------------------------------------


def mover_of(transcript: str) -> str:
    forms = (
        r"(\w+): I move to adopt", r"(\w+): So moved", r"Moved by (\w+),", r"Clerk: (\w+) moves it",
        r"the motion by (\w+)\.", r"you second (\w+),", r"The mover is (\w+),",
    )  # fmt: skip
    (mover,) = {match[1] for form in forms if (match := re.search(form, transcript))}
    return mover


def outcome_of(vote: str) -> str:
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    if re.search(r"Held|vote in|wait|committee", vote):
        return "postponed"
    if counted := re.search(r"(\w+) ayes, (\w+) nays", vote):
        ayes, nays = (numbers.index(word.lower()) for word in counted.groups())
        return "adopted" if ayes > nays else "rejected"
    return "rejected" if re.search(r"fails|Rejected|dies|opposed", vote) else "adopted"


def test_summaries_can_be_read_off_the_transcript() -> None:
    for transcript, summary in content("meetingbank"):
        kind, matter, mover, outcome = re.fullmatch(r"An? (\w+) (.+), moved by (\w+); (\w+)\.", summary).groups()  # type: ignore[union-attr]
        assert kind in transcript.split("\n")[0].lower()
        assert mover == mover_of(transcript)
        assert outcome == outcome_of(transcript.split("\n")[-1])
        amended = re.search(r"Make it (\$\d+,000)\.\nChair: So amended", transcript)
        amount = amended[1] if amended else re.search(r"\$\d+,000|$", transcript.split("\n")[0])[0]
        assert matter.startswith(f"approving {amount} for" if amount else "")
        assert matter.removeprefix(f"approving {amount} ") in transcript


# -- py150 ------------------------------------------------------------------------------------------------------------


def restored(line: str) -> str:
    line = re.sub(r"<(?:STR|NUM)_LIT:(.*?)>", r"\1", line)
    return line.replace("<STR_LIT>", "").replace("<NUM_LIT>", "0")


def test_next_lines_are_python() -> None:
    for _, answer in content("py150"):
        line = restored(answer)
        if line.startswith("except"):
            line = f"try :\n  pass\n {line}\n  pass"
        compile(f"def wrapper ( ) :\n {line}", "<answer>", "exec")


def test_lines_of_the_prompt_are_python() -> None:
    for text, _ in content("py150")[:500]:
        for line in restored(text).split(" <EOL> "):
            body = f"{line} pass" if line.endswith(":") else f"{line}\n def f ( ) : pass" if line[0] == "@" else line
            body = {"else : pass": "if x : pass\n else : pass", "try : pass": "try : pass\n finally : pass"}.get(
                body, body
            )
            compile(f"def wrapper ( ) :\n {body}", "<line>", "exec")


def test_next_lines_use_names_of_the_context() -> None:
    """Apart from exceptions and the word that ends a pair, no word of an answer is new."""
    free = {"return", "append", "value", "self", "other", "except", "set"}
    new = Counter()
    for text, answer in content("py150"):
        if not answer.startswith("except"):
            words = set(re.findall(r"[A-Za-z]+", answer)) - set(re.findall(r"[A-Za-z]+", text)) - free
            new.update(words)
            assert len(words) <= 1, (text, answer)
    assert set(new) <= {
        "release", "close", "stop", "disconnect", "commit", "pop", "unlock", "leave", "hide", "disable", "detach",
        "tearDown", "own",
    }  # fmt: skip


# -- scienceqa --------------------------------------------------------------------------------------------------------


def parsed(body: str) -> tuple[str, list[str]]:
    question, choices = body.split("\n\nChoices:\n")
    return question, [line[3:] for line in choices.split("\n")]


def chosen(body: str, answer: str) -> tuple[str, list[str], str]:
    question, options = parsed(body)
    return question, options, options["ABCD".index(answer[0])]


def test_the_letter_is_there_and_the_reason_names_the_option() -> None:
    for body, answer in content("scienceqa"):
        _, options, option = chosen(body, answer)
        assert len(set(options)) == len(options)
        assert option.lower() in answer[2:].lower(), answer


def test_the_greatest_is_the_greatest() -> None:
    most = ["fastest", "hottest", "heaviest", "longest", "brightest"]
    seen = 0
    for body, answer in content("scienceqa"):
        question, options, option = chosen(body, answer)
        if question.startswith("Compare"):
            values = {name: int(value) for name, value in re.findall(r"(the \w+ \w+) (\d+)", question)}
            best = (max if question.split()[-1].strip("?") in most else min)(values, key=lambda name: values[name])
            assert set(values) == set(options)
            assert option == best
            seen += 1
    assert seen > 50


def test_turns_by_degrees() -> None:
    degrees = {"north": 0, "east": 90, "south": 180, "west": 270}
    seen = 0
    for body, answer in content("scienceqa"):
        question, _, option = chosen(body, answer)
        if match := re.search(r"(\w+) and turns (\w+)\.", question):
            turned = degrees[match[1]] + {"right": 90, "left": -90, "around": 180}[match[2]]
            assert degrees[option] == turned % 360
            seen += 1
    assert seen > 50


def test_magnets_and_alphabet() -> None:
    for body, answer in content("scienceqa"):
        question, options, option = chosen(body, answer)
        if poles := re.findall(r"the (\w+) pole", question):
            assert option == ("repel" if len(set(poles)) == 1 else "attract")
        if "alphabet" in question:
            assert option == sorted(options)[0 if "first" in question else -1]


# -- numglue ----------------------------------------------------------------------------------------------------------

EACH = {
    "legs": {"spider": 8, "ant": 6, "beetle": 6, "dog": 4, "cow": 4, "frog": 4, "hen": 2},
    "wheels": {"car": 4, "bicycle": 2, "tricycle": 3},
    "wings": {"gull": 2}, "arms": {"octopuse": 8, "octopus": 8}, "sides": {"triangle": 3, "square": 4, "hexagon": 6},
    "faces": {"cube": 6}, "fingers": {"hand": 5}, "strings": {"violin": 4}, "shoes": {"pair": 2},
    "days": {"week": 7}, "months": {"year": 12}, "hours": {"day": 24}, "minutes": {"hour": 60},
    "seconds": {"minute": 60}, "years": {"decade": 10}, "cents": {"dollar": 100, "nickel": 5, "dime": 10},
}  # fmt: skip


def times(*numbers: str | None) -> int:
    """The product; groups of other alternatives are None."""
    one, two = (int(number) for number in numbers if number)
    return one * two


def over(*numbers: str | None) -> int:
    """The greater number by the smaller: every quotient of the generator is whole."""
    less, more = sorted(int(number) for number in numbers if number)
    assert more % less == 0
    return more // less


def plus(*numbers: str | None) -> int:
    return sum(int(number) for number in numbers if number)


def minus(*numbers: str | None) -> int:
    one, two = (int(number) for number in numbers if number)
    return abs(one - two)


def mass(*parts: str | None) -> int:
    weights = {"H": 1, "C": 12, "N": 14, "O": 16}
    one, first, two, second = (part for part in parts if part)
    return int(one) * weights[first] + int(two) * weights[second]


N = r"(\d+)"
COMMONSENSE: dict[str, Callable[..., int]] = {
    rf"(?:thinks of|marks) {N} (\w+)s .*(?:How many|number of) (\w+)": lambda n, w, p: int(n) * EACH[p][w],
    rf"How many (\w+) are there (?:on|in) {N} (\w+)s\?": lambda p, n, w: int(n) * EACH[p][w],
    rf"(?:counts|asks for) {N} (\w+) .*How many (\w+)s (?:are|have)": lambda n, p, w: int(n) // EACH[p][w],
    rf"draws {N} (\w+)s and {N} (\w+)s\. How many (\w+) are": (
        lambda n, v, m, w, p: int(n) * EACH[p][v] + int(m) * EACH[p][w]
    ),
    rf"for {N} (\w+)s and {N} (\w+)\. How": lambda n, w, m, p: int(n) * EACH[p][w] + int(m),
    rf"from {N} in the morning to {N} in": lambda start, end: int(end) + 12 - int(start),
    rf"is {N} years old.* in a decade\?": lambda age: int(age) + 10,
    rf"is {N} years old.* in {N} decades\?": lambda age, n: int(age) + 10 * int(n),
    rf" {N} .* every day\..* in a week": lambda n: 7 * int(n),
    rf" {N} .* every month\..* in a year": lambda n: 12 * int(n),
    rf" {N} .* every year\..* in a decade": lambda n: 10 * int(n),
    rf"has half a dozen .* {N}\. ": lambda n: 6 - int(n),
    rf"has a dozen .* {N}\. ": lambda n: 12 - int(n),
    rf"has two dozen .* {N}\. ": lambda n: 24 - int(n),
    rf"has three dozen .* {N}\. ": lambda n: 36 - int(n),
    r"for half an? (\w+)\. How many (\w+)": lambda w, p: EACH[p][w] // 2,
    rf"for {N} and a half (\w+)s\. How many (\w+)": lambda n, w, p: (2 * int(n) + 1) * EACH[p][w] // 2,
    rf"has \w+ (?:out )?{N} \w+ (?:on|in) a (\w+)\. How many (\w+) are left": lambda n, w, p: EACH[p][w] - int(n),
}
DOMAIN: dict[str, Callable[..., int]] = {
    rf"moves at {N} m/s for {N} s|goes {N} km every hour. .* in {N} hours": times,
    rf"{N} kg speeds up by {N} m/s2. .* force|{N} kg moves at {N} m/s. .* momentum|{N} N over {N} m. .* work": times,
    rf"speeds up by {N} m/s2 for {N} s from rest. .* speed|{N} Hz and {N} m length. .* speed": times,
    rf"{N} liters of \w+ weigh {N} kg a liter. .* mass|has {N} cm3 and {N} g/cm3. .* mass": times,
    rf"{N} ohm carries {N} A. .* voltage|{N} W runs for {N} s. .* energy|draws {N} A at {N} V. .* power": times,
    rf"100 coins is bought at {N} percent a year. .* interest for {N} years": times,
    rf"is {N} m long and {N} m wide. .* area|{N} moles of \w+ gas have {N} atoms": times,
    rf"goes {N} m in {N} s. .* speed|goes {N} km at {N} km/h. How many hours": over,
    rf"of {N} kg is pushed with {N} N. .* accel|of {N} kg has a momentum of {N} kg m/s. .* speed": over,
    rf"gains {N} m/s in {N} s. .* accel|{N} g of \w+ fill {N} cm3. .* density": over,
    rf"{N} kg of \w+ weigh {N} kg a liter. How many liters|carries {N} A at {N} V. .* resistance": over,
    rf"uses {N} J in {N} s. .* power|{N} N rests on {N} m2 of \w+. .* pressure": over,
    rf"{N} N and by {N} N the same way|of {N} ohm and one of {N} ohm are in series": plus,
    rf"{N} kg of \w+ and {N} kg of water|at {N} degrees gets {N} degrees hotter|{N} m north and {N} m more": plus,
    rf"{N} N to the left and {N} N to the right|cools from {N} to {N} degrees|from {N} m/s to {N} m/s": minus,
    rf"of {N} g of \w+, {N} g are left": minus,
    rf"{N} ([CNO]) and {N} (H)|{N} (H) and {N} ([CNO])": mass,
}


def solved(question: str, rules: dict[str, Callable[..., int]]) -> list[int]:
    """What each rule that fits the question says."""
    found = [(rule, re.search(form, question, re.IGNORECASE)) for form, rule in rules.items()]
    return [rule(*match.groups()) for rule, match in found if match]


@pytest.mark.parametrize(("form", "rules"), [("numglue-cm", COMMONSENSE), ("numglue-ds", DOMAIN)])
def test_numbers_come_out(form: str, rules: dict[str, Callable[..., int]]) -> None:
    for question, answer in content(form):
        if answer.isdigit():
            assert solved(question, rules) == [int(answer)], question


@pytest.mark.parametrize(("form", "rules"), [("numglue-cm", COMMONSENSE), ("numglue-ds", DOMAIN)])
def test_every_kind_of_sum_occurs(form: str, rules: dict[str, Callable[..., int]]) -> None:
    text = "\n".join(question for question, _ in content(form))
    assert [rule for rule in rules if not re.search(rule, text, re.IGNORECASE)] == []


def test_weekdays_and_months_come_out() -> None:
    for question, answer in content("numglue-cm"):
        if match := re.search(r"^It is (\w+)\. .* in (one|\d) (day|month)s?\.", question):
            start, steps, unit = match.groups()
            circle = list(calendar.day_name if unit == "day" else calendar.month_name[1:])
            days = circle * 2
            assert days[circle.index(start) + (1 if steps == "one" else int(steps))] == answer
        else:
            assert answer.isdigit()


# -- 20minuten --------------------------------------------------------------------------------------------------------

GENDERS = {noun: gender for _, nouns in DEEDS for noun, gender in nouns}
LEARNED = {verb.participle: verb.plain for verb, _ in DEEDS}


def test_plain_sentences_are_plain_german() -> None:
    pattern = re.compile(
        r"(?P<who>(Der|Die|Das|Ein|Eine) \w+) (hat|will) (?P<where>.+) (?P<article>k?ein(?:en|e|)) "
        r"(?P<noun>\w+) (?P<verb>\w+)\.\n"
    )
    articles = {"m": "einen", "f": "eine", "n": "ein"}
    for text, answer in content("20minuten"):
        match = pattern.fullmatch(answer)
        assert match, answer
        assert match["article"].removeprefix("k") == articles[GENDERS[match["noun"]]], answer
        assert match["article"].startswith("k") == bool(re.search(r"\bkein", text))
        assert match["where"] in text
        assert match["noun"] in text
        assert not any(adjective in answer for adjective in ADJECTIVES)


def test_plain_sentences_say_the_plain_verb() -> None:
    for text, answer in content("20minuten"):
        if " hat " in answer:
            (learned,) = [verb for verb in LEARNED if re.search(rf"\b{verb}\b", text)]
            assert answer.endswith(f" {LEARNED[learned]}.\n")


def test_adjectives_agree() -> None:
    """After ein, eine, einen and kein-: strong where the article has no ending, weak where it has."""
    for text, _ in content("20minuten"):
        for article, adjective, noun in re.findall(r"\b(k?ein(?:en|e|))\s(\w+)\s([A-Z]\w+)", text):
            if noun in GENDERS and adjective[0].islower():
                ending = {"einen": {"m": "en"}, "eine": {"f": "e"}, "ein": {"m": "er", "n": "es"}}
                assert adjective.endswith(ending[article.removeprefix("k")][GENDERS[noun]]), text


def test_the_actor_stays_the_actor() -> None:
    agents = {actor.agent: actor.nominative for actor in ACTORS}
    for text, answer in content("20minuten"):
        who = re.match(r"\w+ \w+", answer)
        assert who
        name = who[0][0].lower() + who[0][1:]
        named = [agents[agent] for agent in agents if f" {agent} " in text] or [name]
        assert named == [name]
        assert name in text[0].lower() + text[1:] or f" {name} " in text or f" {name.split()[1]}" in text


def test_paragraphs_have_two_or_three_sentences() -> None:
    counts = Counter(len(re.findall(r"\.(?= |$)", text)) for text, _ in content("20minuten"))
    assert set(counts) == {2, 3}
