"""The probes that come with clbench: their files, whole prompts of invented records, and the real records."""

import collections
import json
import re
import string
import unicodedata
from pathlib import Path

import pytest

from clbench.base.errors import DataError, FileError
from clbench.base.home import packaged
from clbench.data.formed import fill, load_formed
from clbench.data.records import read_objects
from clbench.runs.predictions import Prediction, score
from clbench.scoring import SCORERS
from clbench.scoring.choices import dumps
from clbench.spec.task import Files, Hub
from clbench.spec.taskfiles import Catalog

ROOT = Path(__file__).parent.parent.parent
CATALOG = Catalog.find([packaged("tasks")])
PROBES = sorted(name.removeprefix("probes/") for name in CATALOG.task_paths if name.startswith("probes/"))
ADAPTERS = "Please choose the correct answer to the question: "

# Where the real records of the probes lie below --data, and how many there are.
LOCAL = {
    "mmlu": ("mmlu/test.jsonl", 1140),
    "arc-easy": ("commonsense/ARC-Easy/test.json", 200),
    "arc-challenge": ("commonsense/ARC-Challenge/test.json", 200),
    "openbookqa": ("commonsense/openbookqa/test.json", 200),
    "hellaswag": ("commonsense/hellaswag/test.json", 200),
    "winogrande": ("commonsense/winogrande/test.json", 200),
    "piqa": ("commonsense/piqa/test.json", 200),
    "social-i-qa": ("commonsense/social_i_qa/test.json", 200),
    "boolq-no-passage": ("commonsense/boolq/test.json", 200),
    "gsm8k": ("gsm8k/test.jsonl", 200),
    "bbh": ("bbh/test.jsonl", 270),
    "tydiqa": ("tydiqa/dev.jsonl", 225),
    "triviaqa": ("triviaqa/test.jsonl", 200),
    "nq-open": ("nq_open/dev.jsonl", 200),
    "humaneval": ("human_eval/HumanEval.jsonl", 164),
}


def probe(name):
    [(task, base)] = CATALOG.probes(name)
    assert base is None
    return task


def asked(name, *records):
    """The examples that a probe makes of records, without shots."""
    return fill(probe(name), [(f"record {number}", record) for number, record in enumerate(records, 1)])


@pytest.mark.parametrize("name", PROBES)
def test_a_file_says_what_it_must(name):
    task = probe(name)
    assert task.name == f"probes/{name}"
    assert task.summary
    assert "\n" not in task.summary
    assert task.source
    assert {*task.scorers.pairs().values(), *task.side} <= set(SCORERS)
    assert set(task.data) in ({"world"}, {"files"}, {"hub", "files"})


@pytest.mark.parametrize("name", [*sorted(set(LOCAL) - {"bbh"}), "bbh-direct", "boolq", "hotpotqa"])
def test_a_public_set_is_pinned_where_a_revision_is_known(name):
    task = probe(name)
    hub = task.data["hub"]
    assert isinstance(hub, Hub)
    assert hub.revision is None or re.fullmatch("[0-9a-f]{40}", hub.revision)
    assert (hub.revision is None) == (name in {"social-i-qa", "tydiqa"})
    assert task.license


@pytest.mark.parametrize(
    ("group", "probes"),
    [
        ("general-trace", "mmlu gsm8k bbh tydiqa boolq piqa"),
        ("commonsense", "boolq-no-passage piqa social-i-qa hellaswag winogrande arc-easy arc-challenge openbookqa"),
        ("world-knowledge", "triviaqa nq-open"),
    ],
)
def test_a_group_is_its_probes(group, probes):
    assert CATALOG.group(group).group == group
    assert [task.name for task, _ in CATALOG.probes(group)] == [f"probes/{name}" for name in probes.split()]


# Invented records: the prompt, the choices, the right one, the ending; from the Hub's columns and from local ones.
CHOICES = [
    (
        "arc-easy",
        {"question": "Which is wet?", "choices": {"text": ["sand", "rain"], "label": ["A", "B"]}, "answerKey": "B"},
        (f"{ADAPTERS}Which is wet?\n\nAnswer1: sand Answer2: rain\n\nAnswer format: answer1/answer2", "answer2"),
        ("Question: Which is wet?\nAnswer:", (" sand", " rain"), " rain", ""),
    ),
    (
        "arc-challenge",
        {"question": "Why?\nSay.", "choices": {"text": list("abcde"), "label": list("12345")}, "answerKey": "5"},
        (
            f"{ADAPTERS}Why?\nSay.\n\nAnswer1: a Answer2: b Answer3: c Answer4: d Answer5: e\n\nAnswer format: …",
            "answer5",
        ),
        ("Question: Why?\nSay.\nAnswer:", (" a", " b", " c", " d", " e"), " e", ""),
    ),
    (
        "openbookqa",
        {
            "question_stem": "Wool comes from",
            "choices": {"text": ["sheep", "salt"], "label": ["A", "B"]},
            "answerKey": "A",
        },
        (f"{ADAPTERS}Wool comes from\n\nAnswer1: sheep Answer2: salt\n\nAnswer format: answer1/answer2", "answer1"),
        ("Wool comes from", (" sheep", " salt"), " sheep", ""),
    ),
    (
        "hellaswag",
        {
            "activity_label": "Baking",
            "ctx": "[header] How to bake [title] Mix. [step] A cook stirs. she",
            "endings": ["pours it out.", "[title] Sings  a song. [substeps] Low."],
            "label": "1",
        },
        (
            "Please choose the correct ending to complete the given sentence: Baking: [header] How to bake [title] "
            "Mix. [step] A cook stirs. she\n\nEnding1: pours it out. "
            "Ending2: [title] Sings  a song. [substeps] Low.\n\n"
            "Answer format: ending1/ending2",
            "ending2",
        ),
        (
            "Baking: How to bake. Mix. A cook stirs. she",
            (" pours it out.", " Sings a song. Low."),
            " Sings a song. Low.",
            "",
        ),
    ),
    (
        "winogrande",
        {"sentence": "Ann thanked Bea since _'s car broke.", "option1": "Ann", "option2": "Bea", "answer": "1"},
        (
            "Please choose the correct answer to fill in the blank to complete the given sentence: Ann thanked Bea "
            "since _'s car broke.\n\nOption1: Ann Option2: Bea Answer format: option1/option2",
            "option1",
        ),
        ("Ann thanked Bea since ", ("Ann", "Bea"), "Ann", "'s car broke."),
    ),
    (
        "piqa",
        {"goal": "dry a cup", "sol1": "use a towel ", "sol2": "use soup", "label": 0},
        (
            "Please choose the correct solution to the question: dry a cup\n\nSolution1: use a towel \n\n"
            "Solution2: use soup\n\nAnswer format: solution1/solution2",
            "solution1",
        ),
        ("Question: dry a cup\nAnswer:", (" use a towel ", " use soup"), " use a towel ", ""),
    ),
    (
        "social-i-qa",
        {
            "context": "Bo fell.",
            "question": "How is Bo?",
            "answerA": "hurt",
            "answerB": "glad",
            "answerC": "rich",
            "label": "1",
        },
        (
            f"{ADAPTERS}Bo fell. How is Bo?\n\nAnswer1: hurt Answer2: glad Answer3: rich\n\n"
            "Answer format: answer1/answer2/answer3",
            "answer1",
        ),
        ("Q: Bo fell. How is Bo?\nA:", (" hurt", " glad", " rich"), " hurt", ""),
    ),
]


@pytest.mark.parametrize(("name", "native", "local", "expected"), CHOICES, ids=[row[0] for row in CHOICES])
def test_both_forms_of_a_record_ask_the_same(name, native, local, expected):
    instruction, answer = local
    adapters = {"instruction": instruction, "input": "", "output": f"the correct answer is {answer}", "answer": answer}
    for made in asked(name, native, adapters):
        assert (made.prompt, made.choices, made.answer, made.ending) == expected


def test_boolq_with_and_without_its_passage_are_two_probes():
    """Whatever the records have: the question decides the name."""
    words = {"passage": "Ice floats.", "question": "does ice float"}
    native = [{**words, "idx": 0, "label": 1}, {**words, "title": "Ice", "answer": True}]
    local = "Please answer the following question with true or false, question: does ice float?\n\nAnswer format: …"
    adapters = {"instruction": local, "answer": "true"}
    made = [*asked("boolq", *native), *asked("boolq-no-passage", *native, adapters)]
    bare = "Question: does ice float?\nAnswer:"
    assert [one.prompt for one in made] == [*[f"Ice floats.\n{bare}"] * 2, *[bare] * 3]
    assert {(one.choices, one.answer) for one in made} == {((" no", " yes"), " yes")}
    with pytest.raises(DataError, match="needs the columns"):
        asked("boolq", adapters)


def test_questions_to_answer_in_words():
    spans = [{"text": "two", "answer_start": 0}, {"text": "2", "answer_start": 9}, {"text": "two", "answer_start": 3}]
    passage = {"id": "english-1", "context": "Two or 2.", "question": "How many?"}
    columns = {name: [span[name] for span in spans] for name in ("text", "answer_start")}
    for made in asked("tydiqa", {**passage, "answers": spans}, {**passage, "answers": columns}):
        assert made.prompt == "Passage: Two or 2.\nQuestion: How many?\nAnswer:"
        assert made.answer == "two\n2"
    local, hub = asked(
        "triviaqa",
        {"question": '"Who sang ""La""?"', "golden_answers": ["Li", "Lo\nLa"]},
        {"question": 'Who sang "La"?', "answer": {"aliases": ["Li", "Lo\nLa"], "value": "Li"}},
    )
    assert local == hub
    assert (hub.prompt, hub.answer) == ('Question: Who sang "La"?\nAnswer:', "Li\nLo La")
    [made] = asked("nq-open", {"question": "who was it", "answer": ["Li", "Lo"]})
    assert (made.prompt, made.answer) == ("Q: who was it?\nA:", "Li\nLo")
    [made] = asked("hotpotqa", {"question": "Who?", "answer": "Li", "context": {}})
    assert (made.prompt, made.answer) == ("Question: Who?\nAnswer:", "Li")


def test_humaneval_carries_its_tests():
    [made] = asked(
        "humaneval", {"prompt": "def f():\n", "entry_point": "f", "test": "def check(c):\n    assert c() < 'é'"}
    )
    assert made.prompt == "def f():\n"
    assert json.loads(made.answer) == {"entry_point": "f", "test": "def check(c):\n    assert c() < 'é'"}


def test_held_out_text_is_given_its_first_character():
    [made] = asked("held-out-text", {"text": "Once upon.\n"})
    assert (made.prompt, made.answer) == ("O", "nce upon.\n")


def put(folder, path, records):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    text = records if isinstance(records, str) else "".join(json.dumps(one) + "\n" for one in records)
    (folder / path).write_text(text, encoding="utf-8")


def load(name, folder):
    task = probe(name)
    files = task.data["files"]
    assert isinstance(files, Files)
    return load_formed(task, files, split="test", base_dir=folder)


def test_mmlu_prompt_whole(tmp_path):
    def one(question, subject, answer):
        return {"question": question, "subject": subject, "choices": ["w", "x", "y", "z"], "answer": answer}

    put(tmp_path, "mmlu/dev.jsonl", [one(f"{n}?", subject, n % 4) for n in range(6) for subject in ("old_law", "art")])
    put(tmp_path, "mmlu/test.jsonl", [one(" Which? ", "old_law", 2)])
    [made] = load("mmlu", tmp_path)
    body = "\nA. w\nB. x\nC. y\nD. z\nAnswer:"
    shots = "".join(f"{n}?{body} {'ABCD'[n % 4]}\n\n" for n in range(5))
    start = "The following are multiple choice questions (with answers) about old law.\n\n"
    assert made.prompt == f"{start}{shots}Which?{body}"
    assert (made.choices, made.answer) == ((" A", " B", " C", " D"), " C")


def test_gsm8k_prompt_whole(tmp_path):
    put(tmp_path, "gsm8k/train.jsonl", [{"question": f"{n} + 1?", "answer": f"Add.\n#### {n + 1}"} for n in range(9)])
    put(tmp_path, "gsm8k/test.jsonl", [{"question": "5 + 5?", "answer": "Add.\n#### 10"}])
    [made] = load("gsm8k", tmp_path)
    shots = "".join(f"Question: {n} + 1?\nAnswer: Add.\n#### {n + 1}\n\n" for n in range(8))
    assert made.prompt == f"{shots}Question: 5 + 5?\nAnswer:"
    assert made.answer == " Add.\n#### 10"


def test_bbh_prompt_whole(tmp_path):
    put(
        tmp_path,
        "bbh/cot-prompts/naming.txt",
        "canary\n-----\nName it.\n\nQ: a?\nA: Let's think step by step.\nSo b.\n",
    )
    put(tmp_path, "bbh/test.jsonl", [{"task": "naming", "input": "c?", "target": "(A)"}])
    [made] = load("bbh", tmp_path)
    assert made.prompt == (
        "Name it.\n\nQ: a?\nA: Let's think step by step.\nSo b.\n\nQ: c?\nA: Let's think step by step."
    )
    assert made.answer == "(A)"


def test_bbh_of_the_hub_holds_out_its_shots(monkeypatch):
    rows = [(f"{n}", {"config": "naming", "input": f"{n}?", "target": f"t{n}"}) for n in range(5)]
    monkeypatch.setattr("clbench.data.formed.read_hub", lambda hub, split: rows)
    task = probe("bbh-direct")
    hub = task.data["hub"]
    assert isinstance(hub, Hub)
    assert len(set(hub.config or ())) == 27
    made = load_formed(task, hub, split="test", base_dir=packaged("tasks"))
    shots = "".join(f"Q: {n}?\nA: t{n}\n\n" for n in range(3))
    assert [one.prompt for one in made] == [f"{shots}Q: 3?\nA:", f"{shots}Q: 4?\nA:"]
    assert made[0].answer == " t3"


def test_short_answers_have_no_shots(tmp_path):
    put(tmp_path, "nq_open/dev.jsonl", [{"question": "who", "answer": ["Li"]}])
    put(tmp_path, "tydiqa/dev.jsonl", [{"context": "Li.", "question": "Who?", "answers": [{"text": "Li"}]}])
    [nq], [tydi] = load("nq-open", tmp_path), load("tydiqa", tmp_path)
    assert nq.prompt == "Answer these questions:\n\nQ: who?\nA:"
    assert tydi.prompt == ("Answer the question with words of the passage.\n\nPassage: Li.\nQuestion: Who?\nAnswer:")


# The real records.
LIKELIEST = [name for name in LOCAL if probe(name).measure == "choice"]
WORDS = [name for name in LOCAL if name not in {*LIKELIEST, "humaneval"}]


def raw(name, folder):
    return [record for _, record in read_objects(folder / LOCAL[name][0])]


def strict(name, examples, predictions):
    found = [
        Prediction(one.prompt, prediction, one.answer) for one, prediction in zip(examples, predictions, strict=True)
    ]
    return score(probe(name), found, scorer=SCORERS.__getitem__).roles["strict"]


@pytest.mark.data
@pytest.mark.parametrize("name", LOCAL)
def test_all_real_records_are_read(name, real_data):
    examples = load(name, real_data)
    assert len(examples) == LOCAL[name][1]
    manifest = json.loads((real_data / "MANIFEST.json").read_text(encoding="utf-8"))
    assert [one["records"] for one in manifest if one["file"] == LOCAL[name][0]] == [len(examples)]
    assert len({one.prompt + one.ending + "".join(one.choices) for one in examples}) > 0.98 * len(examples)
    assert all(one.answer in one.choices for one in examples if one.choices)


def numbers(name, folder):
    """The right choice of every record, read from the files without clbench's forms."""
    answers = [record["answer"] for record in raw(name, folder)]
    if name == "boolq-no-passage":
        return [["false", "true"].index(answer) for answer in answers]
    return answers if name == "mmlu" else [int(answer[-1]) - 1 for answer in answers]


@pytest.mark.data
@pytest.mark.parametrize("name", LIKELIEST)
def test_an_oracle_is_right_and_a_constant_choice_as_often_as_it_is(name, real_data):
    examples, right = load(name, real_data), numbers(name, real_data)

    def told(one, number):
        values = [-0.5 if index == number else -1e6 for index in range(len(one.choices))]
        return dumps(one.choices, values, [1] * len(values))

    assert strict(name, examples, map(told, examples, right)) == 1.0
    common, count = collections.Counter(right).most_common(1)[0]
    constant = strict(name, examples, [told(one, common) for one in examples])
    assert constant == pytest.approx(count / len(right), abs=1e-12)


def plain(text):
    """SQuAD's normalisation, with every script's punctuation."""
    marks = {c for c in text if unicodedata.category(c).startswith("P")} | set(string.punctuation)
    bare = "".join(c for c in text.lower() if c not in marks)
    return [word for word in bare.split() if word not in {"a", "an", "the"}]


def f1(left, right):
    same = sum((collections.Counter(left) & collections.Counter(right)).values())
    return 2 * same / (len(left) + len(right)) if same else 0.0


def golds(name, record):
    """A record's right answers, read without clbench's forms."""
    return {
        "gsm8k": lambda: [record["answer"].split("####")[1].strip()],
        "bbh": lambda: [record["target"]],
        "tydiqa": lambda: [one["text"] for one in record["answers"]],
        "triviaqa": lambda: record["golden_answers"],
        "nq-open": lambda: record["answer"],
    }[name]()


def expected(name, constant, right):
    """What a constant answer scores on a record, by the plain definition."""
    if name == "gsm8k":
        return float(float(constant.replace(",", "")) == float(right[0].replace(",", "")))
    if name == "bbh":
        return float(constant == right[0])
    if name == "tydiqa":
        return max(f1(plain(constant), plain(one)) for one in right)
    return float(plain(constant) in [plain(one) for one in right])


@pytest.mark.data
@pytest.mark.parametrize("name", WORDS)
def test_an_oracle_is_right_and_a_constant_answer_as_often_as_it_is(name, real_data):
    examples, right = load(name, real_data), [golds(name, record) for record in raw(name, real_data)]
    assert strict(name, examples, [one.answer for one in examples]) == 1.0
    for chosen in (0, -1):  # any of several aliases
        said = [one[chosen] if name != "gsm8k" else f"So.\n#### {one[0]}" for one in right]
        assert strict(name, examples, said) == 1.0
    common = collections.Counter(one for answers in right for one in set(answers)).most_common(1)[0][0]
    rate = sum(expected(name, common, answers) for answers in right) / len(right)
    said = f"#### {common}" if name == "gsm8k" else common
    assert 0 < rate < 0.5
    assert strict(name, examples, [f" {said}\n"] * len(examples)) == pytest.approx(rate, abs=1e-9)


@pytest.mark.long
@pytest.mark.data
@pytest.mark.slow
def test_humaneval_is_solved_by_its_solutions_and_by_nothing_else(real_data, monkeypatch):
    monkeypatch.setenv("CLBENCH_RUN_PROGRAMS", "1")
    examples, solutions = load("humaneval", real_data), raw("humaneval", real_data)
    assert strict("humaneval", examples, [one["canonical_solution"] for one in solutions]) == 1.0
    assert strict("humaneval", examples, ["    pass\n"] * len(examples)) == 0.0


@pytest.mark.data
def test_hellaswag_asks_the_same_from_both_of_its_real_files(real_data):
    native = [record for _, record in read_objects(real_data / "commonsense/hellaswag/native_val.jsonl")]
    assert asked("hellaswag", *native) == asked("hellaswag", *raw("hellaswag", real_data))


@pytest.mark.data
def test_shots_of_real_records_are_solved_and_never_asked(real_data):
    for example, record in zip(load("mmlu", real_data), raw("mmlu", real_data), strict=True):
        assert example.prompt.count("\nAnswer: ") == 5
        assert f"about {record['subject'].replace('_', ' ')}.\n\n" in example.prompt
    for example in load("gsm8k", real_data):
        assert example.prompt.count("#### ") == 8
    for example in load("bbh", real_data):
        assert example.prompt.count("A: Let's think step by step.") == 4
        assert "canary" not in example.prompt


# Files of a user's own.
GOOD = """task: own/quiz
data: {files: {test: quiz.jsonl}}
measure: choice
forms:
  - prompt: "{{ q }}"
    choices: "{{ c }}"
    answer: "{{ a }}"
scorers: {strict: likelihood}
"""


@pytest.fixture
def own(tmp_path):
    """Loads a probe file of one's own with one record."""

    def run(old="", new="", **changes):
        assert old in GOOD
        put(tmp_path, "quiz.yaml", GOOD.replace(old, new, 1))
        put(tmp_path, "quiz.jsonl", [{"q": "?", "c": ["x", "y"], "a": 1} | changes])
        [(task, base)] = CATALOG.probes(str(tmp_path / "quiz.yaml"))
        place = task.data["files"]
        assert isinstance(place, Files)
        assert base is not None
        return load_formed(task, place, split="test", base_dir=base)

    return run


def test_a_probe_of_ones_own(own):
    [made] = own()
    assert (made.prompt, made.choices, made.answer) == ("?", ("x", "y"), "y")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"{{ q }}"', '"{{ q"', r"quiz\.yaml:5: forms\.0\.prompt: is no template: unexpected end of template"),
        ('"{{ c }}"', '"c"', r"quiz\.yaml:6: forms\.0\.choices: must be one expression"),
        ('    choices: "{{ c }}"\n', "", r"quiz\.yaml:\d+: .*measure: choice needs `choices` in every form"),
        ("files: {test: quiz.jsonl}", "files: {train: quiz.jsonl}", r"quiz\.yaml:2: .*test' is missing"),
        ("measure: choice", "measure: chance", r"quiz\.yaml:3: measure: Input should be"),
        ("measure: choice", "measure: choice\nshots: many", r"quiz\.yaml:4: shots: "),
        ("    answer:", "    anser:", r"quiz\.yaml:\d: .*forms\.0\.an"),
    ],
    ids=["template", "list", "no-choices", "split", "measure", "shots", "key"],
)
def test_a_malformed_probe_file_says_where(own, old, new, reason):
    with pytest.raises(FileError, match=reason) as caught:
        own(old, new)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "changes", "reason"),
    [
        ("quiz.jsonl", "gone.jsonl", {}, r"gone\.jsonl: cannot be read"),
        (
            "{files: {test: quiz.jsonl}}",
            "{files: {test: quiz.jsonl, shots: gone.jsonl}}\nshots: 1",
            {},
            r"gone\.jsonl: ",
        ),
        ("measure", "shots: 1\nmeasure", {}, r"'own/quiz': there are 1 records, the first 1 of which are"),
        ("", "", {"c": ["x"]}, r"quiz\.jsonl:1: choices: there must be 2 to 64, got 1"),
        ("", "", {"a": 2}, r"quiz\.jsonl:1: the right choice must be a number from 0 to 1, got '2'"),
        ("", "", {"a": -1}, r"quiz\.jsonl:1: the right choice must be a number from 0 to 1, got '-1'"),
        ("{{ q }}", "{{ question }}", {}, r"quiz\.jsonl:1: needs the columns a, c, question; got a, c, q"),
        ("{{ q }}", "{{ ''.__class__.__mro__ }}", {}, r"quiz\.jsonl:1: prompt cannot be made: .*__class__"),
        ("{{ q }}", "{{ range(10000000) | list }}", {}, r"quiz\.jsonl:1: prompt cannot be made: Range too big"),
        ("{{ q }}", "{{ q * 1000000000 }}", {}, r"quiz\.jsonl:1: prompt cannot be made: '\*' is not allowed"),
        ("{{ q }}", "{{ q.nope }}", {}, r"quiz\.jsonl:1: prompt cannot be made: .*no attribute 'nope'"),
    ],
)
def test_what_does_not_fit_the_records_names_the_record(own, old, new, changes, reason):
    with pytest.raises(DataError, match=reason) as caught:
        own(old, new, **changes)
    assert "\n" not in str(caught.value)


def test_the_probe_of_the_docs_is_valid_and_its_table_is_whole(tmp_path):
    document = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    [written] = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    put(tmp_path, "capitals.yaml", written)
    record = {"country": "Chile", "one": "Lima", "other": "Santiago", "right": 1, "continent": "America"}
    put(tmp_path, "capitals.jsonl", [record])
    put(tmp_path, "solved.jsonl", [record, record])
    [(task, base)] = CATALOG.probes(str(tmp_path / "capitals.yaml"))
    place = task.data["files"]
    assert isinstance(place, Files)
    assert base is not None
    [made] = load_formed(task, place, split="test", base_dir=base)
    shot = "Q: The capital of Chile?\nA: Santiago\n\n"
    assert made.prompt == f"Questions on America.\n\n{shot}{shot}Q: The capital of Chile?\nA:"
    assert (made.choices, made.answer) == ((" Lima", " Santiago"), " Santiago")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` (\|.*)$", document, re.MULTILINE))
    assert set(rows) == {*LOCAL, "boolq", "bbh-direct", "hotpotqa", "held-out-text"}
    for name, row in rows.items():
        task = probe(name)
        files, hub = task.data["files"], task.data.get("hub")
        assert isinstance(files, Files)
        assert f"`{files.test}`" in row
        assert not isinstance(hub, Hub) or f"`{hub.path}`" in row
        used = [] if task.measure == "loss" else [*task.scorers.pairs().values(), *task.side]
        assert all(f"`{scorer}`" in row for scorer in used)
