"""Which records count: n is the number of independent runs, whoever wrote the records."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.boards.admission import admit
from clbench.boards.entries import entry_of

CELLS = [f"predictions/0{row}/toy--{task}.jsonl" for row in range(3) for task in "ab"]


@pytest.fixture(scope="session")
def entry(make_record):
    """A board's entry: `entry("mofo", seed=1, digits="0123ab", …)`, a digit a file of predictions; `=`: as before."""

    def entry(method="mofo", *, digits=None, path=None, **changes):
        seed = changes.get("seed", 0)
        digits = digits or f"00{seed}{seed}{seed}{seed}"
        files: dict[str, str] = {}
        for place, (name, digit) in enumerate(zip(CELLS, digits, strict=True)):
            files[name] = files[CELLS[place - 2]] if digit == "=" else f"{digit}{name[13]}" * 32
        record = make_record(method, predictions=files, **changes)
        return entry_of(record, path=path or f"{method}/{seed}.json", numbers={})

    return entry


def refused(*entries, tasks=None):
    kept, refusals = admit(entries, tasks=tasks)
    assert len(kept) + len(refusals) == len(entries)
    return {one.path: one.reason for one in refusals}


def test_independent_runs_count(entry):
    runs = [entry(seed=0), entry(seed=1), entry(seed=1, order="order2", digits="002345", path="x.json")]
    runs += [entry("sequential", seed=0), entry(options={"mofo": {"fraction": 0.1}}, digits="000000", path="y.json")]
    assert refused(*runs) == {}


def test_one_seed_under_three_settings_of_probes_is_one_run(entry):
    probes = [{}, {"probes/a": [0.1, None, 0.2]}, {"probes/a": [0.1, 0.1, 0.2], "probes/b": [0.1, 0.1, 0.2]}]
    runs = [entry(seed=0, probes=asked, path=f"mofo/{number}.json") for number, asked in enumerate(probes)]
    kept, refusals = admit([*runs, entry(seed=1, path="mofo/9.json")])
    assert [one.path for one in kept] == ["mofo/2.json", "mofo/9.json"], "that with most probes"
    assert {one.reason for one in refusals} == {""}, "nothing is wrong with the others"


def test_two_runs_of_one_seed_and_order_with_other_scores_are_named(entry):
    first, second = entry(path="mofo/1.json"), entry(final=(0.9, 0.9), digits="001111", path="mofo/2.json")
    assert refused(first, second) == {
        "mofo/2.json": "is a second run of mofo, seed 0, order1 with other scores than toy_mofo_s0_order1; remove one"
    }


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("000000", "has the predictions of toy_mofo_s0_order1, so it is no further run; remove it"),
        ("000001", None),  # some answers change alike by chance
        ("00====", None),  # hardly trained: nothing has changed
        ("0000==", "has the predictions of toy_mofo_s0_order1, so it is no further run; remove it"),
        ("110000", "has the predictions of toy_mofo_s0_order1, so it is no further run; remove it"),
        ("000011", None),
        ("001111", None),
    ],
)
def test_another_runs_predictions_under_another_seed_are_named(entry, digits, reason):
    found = refused(entry(seed=0), entry(seed=1, digits=digits))
    assert found == ({"mofo/1.json": reason} if reason else {})


def test_models_that_are_not_trained_give_the_same_under_every_seed(entry):
    runs = [entry(seed=seed, digits="000000") for seed in range(3)]
    assert len(refused(*runs)) == 2
    still = [dataclasses.replace(one, trained=False) for one in runs]
    assert refused(*still) == {}


def test_a_record_of_other_tasks_is_named(entry):
    good = [entry(seed=seed) for seed in range(2)]
    short = entry(
        seed=5, tasks=["toy/a"], scores={"strict": [[0.1], [0.9]], "lenient": [[0.1], [0.9]]}, path="mofo/one.json"
    )
    other = entry(seed=6, tasks=["toy/a", "toy/c"], path="mofo/other.json")
    assert refused(*good, short, other) == {
        "mofo/one.json": "is not of the board's 2 tasks: toy/b missing; remove it",
        "mofo/other.json": "is not of the board's 2 tasks: toy/b missing; toy/c not among them; remove it",
    }
    more = dataclasses.replace(short, path="mofo/two.json", seed=9, files="")
    known = refused(short, more, good[0], tasks=frozenset({"toy/a", "toy/b"}))
    assert set(known) == {"mofo/one.json", "mofo/two.json"}, "the stream's own tasks, where they are known"


def test_another_order_under_the_same_name_is_named(entry):
    good = [entry(seed=seed) for seed in range(2)]
    turned = entry(seed=7, tasks=["toy/b", "toy/a"], path="mofo/turned.json")
    assert refused(*good, turned) == {"mofo/turned.json": "has another order of tasks under the name order1; remove it"}


@given(st.data())
def test_the_order_of_the_records_does_not_matter(entry, data):
    runs = [
        entry(seed=seed, digits=digits, final=(0.5, seed / 9), path=f"mofo/{number}.json")
        for number, (seed, digits) in enumerate(
            [(0, "000000"), (0, "001100"), (1, "000001"), (2, "002222"), (2, "002222")]
        )
    ]
    assert admit(data.draw(st.permutations(runs))) == admit(runs)
