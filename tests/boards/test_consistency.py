"""A record that contradicts itself is found; those of real runs never do."""

import pytest
import small

from clbench.boards.consistency import contradictions
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec

SCHEDULES = ("full", "seen", "ends")
NONE = None


class Plain(Method):
    """A method with a name that a file name cannot have."""


LAB = small.registry_with(MethodSpec("plain", f"{__name__}:Plain", "…"))


@pytest.fixture(scope="module")
def real(tmp_path_factory, llama):
    """A real record of each regime and schedule."""
    home = tmp_path_factory.mktemp("consistency")
    stream = small.write_stream(home / "stream", train=4, test=2)

    def real(method, schedule):
        protocol = {"evaluate": schedule, "epochs": 1}
        (outcome,) = small.run_stream(stream, method, model=llama, home=home, lab=LAB, protocol=protocol)
        return outcome.record

    return real


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("method", ["sequential", "joint", "single", "frozen", "plain"])
def test_records_of_real_runs_do_not_contradict_themselves(real, method, schedule):
    record = real(method, schedule)
    assert record.predictions
    assert contradictions(record) == []


@pytest.fixture
def sound(make_record):
    """A record as a run of two tasks leaves it, with changes to some of its parts."""

    def sound(method="sequential", *, regime="sequential", rows=("xx", "xx", "xx"), evaluate="full", **changes):
        names = ("toy--a", "toy--b")
        files = [
            f"predictions/0{row}/{name}.jsonl"
            for row, cells in enumerate(rows)
            for name, cell in zip(names, cells, strict=True)
            if cell == "x"
        ]
        board = {"protocol": {"name": "toy/1", "scorer": "strict", "evaluate": evaluate}}
        content = {"run": f"toy_{method}_tiny_order1_s0_0123abcd", "predictions": dict.fromkeys(files, "0" * 64)}
        record = make_record(method, board=board, **content | changes)
        return record.model_copy(update={"method": record.method.model_copy(update={"regime": regime})})

    return sound


def scores(*rows):
    return {"strict": list(rows), "lenient": list(rows)}


def test_a_sound_record_is_sound(sound, make_record):
    assert contradictions(sound()) == []
    assert contradictions(make_record()) == [], "what a record does not state cannot be wrong"


FIRST = ([0.1, 0.2], [0.9, NONE], [0.5, 0.8])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"scores": scores(*FIRST)}, "a cell that evaluate=full measures is missing"),
        ({"scores": scores(*FIRST), "evaluate": "ends"}, "there is a cell that evaluate=ends does not measure"),
        (
            {"scores": {"strict": [[0.1, 0.2], [0.9, 0.1], [0.5, 0.8]], "lenient": list(FIRST)}},
            "strict and lenient scores have not the same cells; a cell that evaluate=full measures is missing",
        ),
        ({"rows": ("xx", "x-", "xx")}, "do not fit together: predictions/01/toy--b.jsonl"),
        ({"scores": scores(*FIRST), "evaluate": "seen"}, "do not fit together: predictions/01/toy--b.jsonl"),
        ({"seed": 1}, "run toy_sequential_tiny_order1_s0_0123abcd is not named after sequential, tiny, order1, s1"),
        ({"order": "order2"}, "is not named after"),
        ({"run": "toy_mofo_tiny_order1_s0_0123abcd"}, "is not named after"),
        ({"run": "toy_sequential_tiny_order1_s0_0123abcd-2"}, "is not named after"),
        ({"regime": "joint"}, "sequential is the name of another regime than joint"),
        (
            {"method": "joint", "run": "toy_joint_tiny_order1_s0_0123abcd"},
            "joint is the name of another regime than sequential",
        ),
        ({"regime": "frozen"}, "strict scores of a frozen model change"),
        ({"regime": "frozen"}, "a frozen model was trained"),
        ({"regime": "single"}, "strict scores of separate models depend on later tasks"),
    ],
    ids=str,
)
def test_a_contradiction_is_found(sound, changes, complaint):
    assert complaint in "; ".join(contradictions(sound(**changes)))


def test_bounds_fill_in_what_they_did_not_measure(sound):
    single = sound(
        "single", regime="single", rows=("xx", "x-", "-x"), scores=scores([0.1, 0.2], [0.9, 0.2], [0.9, 0.8])
    )
    assert contradictions(single) == []
    still = scores(*[[0.1, 0.2]] * 3)
    frozen = sound(
        "frozen", regime="frozen", rows=("xx", "--", "--"), scores=still, footprint={"trainable_parameters": 0}
    )
    assert contradictions(frozen) == ["a frozen model was trained"]
    costs = frozen.costs.model_copy(update={"steps": 0})
    assert contradictions(frozen.model_copy(update={"costs": costs})) == []


def test_a_task_without_any_file_of_predictions_is_no_contradiction(sound):
    assert contradictions(sound(rows=("-x", "-x", "-x"))) == []


@pytest.mark.parametrize("index", range(6))
def test_any_one_missing_file_is_found(sound, index):
    record = sound()
    left = dict(item for place, item in enumerate(record.predictions.items()) if place != index)
    assert len(contradictions(record.model_copy(update={"predictions": left}))) == 1
