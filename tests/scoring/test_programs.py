"""Scoring programs: what is taken of a prediction, the switch, and HumanEval's own solutions."""

import json
import os
from pathlib import Path

import pytest

from clbench.base.errors import ClbenchError, DataError
from clbench.sandbox.sandbox import SWITCH, SandboxError, check
from clbench.scoring.programs import STOPS, ProgramsOffError, completed, passes_tests

PROMPT = '''import math


def half(x):
    """Half of x."""
    return x / 2


def area(radius: float) -> float:
    """ The area of a circle.
    >>> area(0)
    0.0
    """
'''
RIGHT = "    return math.pi * radius**2\n"
TEST = "def check(candidate):\n    assert candidate(0) == 0\n    assert abs(candidate(half(4)) - 12.566) < 1e-3\n"
ANSWER = json.dumps({"test": TEST, "entry_point": "area"})


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv(SWITCH, "1")
    try:
        check()
    except SandboxError as error:
        pytest.skip(str(error))  # tests/sandbox/test_sandbox.py tells a missing wall from a broken one


def score(prediction: str, *, prompt: str = PROMPT, answer: str = ANSWER) -> float:
    return passes_tests(prompt=prompt, prediction=prediction, answer=answer)


@pytest.mark.parametrize("setting", [None, "0", "", "yes"])
def test_off_unless_asked(setting, monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    if setting is not None:
        monkeypatch.setenv(SWITCH, setting)
    monkeypatch.setattr("clbench.sandbox.sandbox.run", None)
    with pytest.raises(ProgramsOffError, match="--allow-code") as caught:
        score(RIGHT)
    assert isinstance(caught.value, ClbenchError)
    assert "\n" not in str(caught.value)


def test_right_and_wrong(allowed):
    assert score(RIGHT) == 1
    assert score(RIGHT + "\n\ndef test():\n    raise ValueError\n\ntest()\n") == 1  # cut off
    assert score(f"Sure:\n```python\n{RIGHT}```\nThis is right.") == 1
    assert score("```\nfrom math import pi\n\ndef area(r):\n    return pi * r * r\n\nprint(area(1))\n```\nRight.") == 1
    assert score(RIGHT + "```\nNow in another way:\n```python\ndef area(r): return 7\n```") == 1
    for wrong in ("    pass\n", "    return 3 * radius**2\n", "Sure!", "    return math.pi *", "\n", "    exit(0)\n"):
        assert score(wrong) == 0, wrong
    assert score("    raise SystemExit(0)\n") == 0
    assert score("    pass\ncheck = area = lambda *a: None\nimport os; os._exit(0)\n") == 0
    assert score("") == score(RIGHT, answer="") == 0


def test_the_test_sees_the_prompts_helpers_and_not_those_of_the_prediction(allowed):
    assert score("    return 7\ndef_ = 1\nhalf = lambda x: 1\n") == 0
    right_at_one = "    return {0: 0, 1: 12.566}.get(radius)\nhalf = lambda x: 1\n"
    assert score(right_at_one) == 0


def test_tests_draw_the_same_numbers_each_time(allowed):
    test = "import random\ndef check(f):\n    assert f(random.random()) is None\n"
    body = "    assert abs(x - 0.8444218515250481) < 1e-9\n"  # CPython's first draw after random.seed(0)
    answer = json.dumps({"test": test, "entry_point": "seen"})
    for _ in range(2):
        assert score(body, prompt='def seen(x):\n    """Sees."""\n', answer=answer) == 1


@pytest.mark.parametrize("stop", STOPS)
def test_each_stop_cuts(stop):
    assert completed("P\n", f"    a{stop}b{stop}c") == "P\n    a"
    assert completed("P\n", f"    a\n   {stop[1:]}b") == f"P\n    a\n   {stop[1:]}b"  # indented: within the function


@pytest.mark.parametrize(
    ("prediction", "program"),
    [
        ("", "P\n"),
        ("    return 1", "P\n    return 1"),
        ("    a\n\n    b\nif x:\n    c\n# d", "P\n    a\n\n    b"),
        ("    a\nprinted = 1", "P\n    a"),
        ("    a\ndefault = 1", "P\n    a\ndefault = 1"),
        ("```python\n    a\n```", "P\n    a\n"),
        ("Well:\n```py\n    a\n    b\n```\nmore", "P\n    a\n    b\n"),
        ("```\ndef f():\n    a\nprint(1)\n```", "P\n\ndef f():\n    a\nprint(1)\n"),
        ("```python\n    a", "P\n    a"),  # cut off by the length of the answer
        ("```text\nno\n```\n```python\n    a\n```", "P\n    a\n"),
        ("    a\n```\ntext\n```python\nb\n```", "P\n    a"),
        ("\n    a\n```python\nb\n```", "P\n\n    a"),
    ],
)
def test_completed(prediction, program):
    assert completed("P\n", prediction) == program


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("x", "needs JSON"),
        ("[]", "needs JSON"),
        ('"text"', "needs JSON"),
        ('{"test": ""}', "needs JSON"),
        ('{"test": 1, "entry_point": "f"}', "must be text"),
        ('{"test": "", "entry_point": "f(x)"}', "a name"),
        ('{"test": "def check(:", "entry_point": "area"}', "are not Python"),
    ],
)
def test_malformed_answers_are_said(answer, words, monkeypatch):
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(DataError, match=words) as caught:
        score(RIGHT, answer=answer)
    assert "\n" not in str(caught.value)


def test_an_instruction_around_the_head_is_said(monkeypatch):
    monkeypatch.setenv(SWITCH, "1")
    with pytest.raises(DataError, match="plain head of a function"):
        score(RIGHT, prompt=f"Complete this function:\n{PROMPT}")


@pytest.mark.data
@pytest.mark.slow
def test_human_eval(allowed):
    root = os.environ.get("CLBENCH_TEST_DATA")
    if not root:
        pytest.skip("CLBENCH_TEST_DATA is not set: no HumanEval records")
    path = Path(root) / "human_eval" / "HumanEval.jsonl"
    if not path.is_file():
        pytest.skip(f"no HumanEval records: {path} is not there")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 164
    for r in records:
        answer = json.dumps({"test": r["test"], "entry_point": r["entry_point"]})
        fenced = f"Here it is:\n```python\n{r['prompt']}{r['canonical_solution']}```"
        given = {r["canonical_solution"]: 1, fenced: 1, "    pass": 0, "": 0}
        got = {prediction: score(prediction, prompt=r["prompt"], answer=answer) for prediction in given}
        assert got == given, r["task_id"]
