"""Records for tests: one as large as a run's of eight tasks, and any that may be."""

import math

import pytest
from hypothesis import strategies as st

from clbench.base.hashing import digest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SCORE = st.none() | st.floats(0, 1)


@st.composite
def changes(draw):
    """Parts of a record that may say anything."""
    size = draw(st.integers(1, 3))
    row = st.lists(SCORE, min_size=size, max_size=size)
    rows = st.lists(row, min_size=size + 1, max_size=size + 1)
    return {
        "tasks": [f"toy/{n}" for n in range(size)],
        "scores": {"strict": draw(rows), "lenient": draw(rows)},
        "seed": draw(st.integers(0, 2**63)),
        "warnings": draw(st.dictionaries(st.text(), st.integers(0, 10**18), max_size=2)),
        "notes": draw(st.dictionaries(st.text(), JSON, max_size=2)),
        "provenance": draw(st.dictionaries(st.text(), JSON, max_size=2)),
    }


TASKS = [f"toy/{name}" for name in ("stance", "summary", "choice", "code", "words", "sums", "signs", "news")]
SHARE, RECORDS = 17 / 64, 64


def numbers(rows, size, *, seed):
    """Scores as a run gives them: shares of 64 records, and means without an end."""
    cells = [[(7 * row + 3 * cell + seed) % 64 / 64 for cell in range(size)] for row in range(rows)]
    return [[value / 3 if place % 3 == 1 else value for place, value in enumerate(row)] for row in cells]


@pytest.fixture(scope="session")
def large(make_record):
    """A record as a run of eight tasks with three probes leaves it: `large(seed=…)`."""

    def large(method="mofo", *, seed=0, **changed):
        run = f"toy_{method}_tiny_order1_s{seed}_0123abcd"
        strict, rows = numbers(9, 8, seed=seed), range(9)
        lenient = [[min(1.0, value + 0.0078125 * (place == 3)) for place, value in enumerate(row)] for row in strict]
        binomial = [[math.sqrt(value * (1 - value) / (RECORDS - 1)) for value in row] for row in strict]
        errors = [[value / 2 if place % 3 == 1 else value for place, value in enumerate(row)] for row in binomial]
        files = [task.replace("/", "--") for task in (*TASKS, "probes/facts", "probes/skills")]
        facts = [1 - row / 10 for row in rows]
        full = {"scores": {"strict": 1.0, "lenient": 1.0}, "records": RECORDS}
        options = {"learning_rate": None, "fraction": 0.05, "unfiltered": ["bias", "norm", "ln_"], "decay": "all"}
        content = {
            "run": run,
            "tasks": TASKS,
            "scores": {"strict": strict, "lenient": lenient},
            "predictions": {
                f"predictions/{row:02d}/{name}.jsonl": digest([row, name, method, seed])
                for row in rows
                for name in files
            },
            "probes": {"probes/facts": facts, "probes/skills": facts, "probes/text": [1.2 + row / 7 for row in rows]},
            "errors": {"strict": errors, "lenient": errors},
            "probe_errors": {
                "probes/facts": [math.sqrt(value * (1 - value) / 99) for value in facts],
                "probes/skills": [value / 30 for value in facts],
                "probes/text": [None] * 9,
            },
            "probe_changes": {"probes/facts": {"value": -0.1 - 1e-17, "error": 0.0272659924344}},
            "ceilings": dict.fromkeys(TASKS, full) | {"probes/facts": {**full, "records": 100}},
            "drift": {"relative_l2": 0.0547528206708, "blocks": {f"layers.{n}": 0.05 / 3 for n in range(6)}},
            "warnings": {f"{task}: truncated answers in evaluation": 9 * n for n, task in enumerate(TASKS)}
            | {"toy/news: empty answers in evaluation": 3, "what is alone": 1},
            "notes": {"base_row": dict.fromkeys(TASKS, run), "mofo": {"share": 1 / 3, "steps": 49}},
            "provenance": {
                "clbench": "0.1.0",
                "commit": "f9f3683e1ff7202efdfdfaf2fbb837cb41f871eb+changes",
                "packages": dict.fromkeys(("torch", "transformers", "tokenizers", "numpy", "typer"), "1.2.3"),
                "code": {"clbench": "8" * 64, "clbench-mofo": "e" * 64},
                "model_files": {f"file{n}.json": "d" * 64 for n in range(5)},
                "command": ["clbench", "run", "--runs-dir", "/home/ada/runs", "--plugin", method],
                "arithmetic": {"cpu_capability": "AVX512", "threads": 1},
            },
        }
        made = make_record(method, seed=seed, options={method: options}, **content | changed)
        return made.model_copy(update={"method": made.method.model_copy(update={"defaults": {method: options}})})

    return large
