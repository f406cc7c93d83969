"""What a stream did to its probes: values, standard errors and rows, by their definitions; and training unmoved."""

import json
import math
from statistics import fmean, stdev

import pytest
import small
from probing import Outside, write_choice, write_generate

from clbench.engine.proberequest import ProbeRequest
from clbench.plugins.registry import registry
from clbench.runs.predictions import read
from clbench.scoring import SCORERS, load_scorer

T = 3
FILES = {"own/quiz": "own--quiz", "own/say": "own--say", "outside/even": "outside--even"}


@pytest.fixture
def run(tmp_path, llama, home):
    """Runs a stream of three tasks beside four probes, one of them a loss."""
    stream = small.write_stream(tmp_path / "stream", epochs=1, learning_rate=2e-2)
    text = stream.read_text("utf-8")
    own = stream.with_name("own.yaml")
    variants = "variants: {files: {source: files, probes: [probes/text, probes/facts], probe_examples: 3}}\n"
    own.write_text(text + variants, "utf-8")
    quiz, say = write_choice(tmp_path / "quiz", size=16), write_generate(tmp_path / "say")
    outside = Outside()

    def run(method="sequential", *, probes=True, schedule="before-after", name="home", limit=None, **changes):
        names = (str(quiz), str(say), "outside:even") if probes else ()
        (outcome,) = small.run_stream(
            own if probes else stream,
            method,
            model=llama,
            home=tmp_path / name,
            lab=small.registry_with(observer=outside.plugin()),
            probes=ProbeRequest(names, limit, schedule),
            **changes,
        )
        return outcome

    return run


def scores_of(outcome, row, name, role="strict"):
    """The scores of the saved answers, record by record."""
    path = outcome.run_dir.path / "predictions" / f"{row:02d}" / f"{FILES[name]}.jsonl"
    strict = {"own/quiz": "likelihood", "own/say": "fuzz_levenshtein", "outside/even": "stated"}
    lenient = {"own/quiz": "likelihood_per_byte", "own/say": "exact", "outside/even": "stated"}
    score = load_scorer(registry().scorer((strict if role == "strict" else lenient)[name]))
    return [score(prompt=one.prompt, prediction=one.prediction, answer=one.answer) for one in read(path)]


def rows_of(values):
    return "".join("-" if value is None else "x" for value in values)


def test_changes_are_paired_over_the_records(run):
    outcome = run()
    record, found = outcome.record, outcome.record.probe_changes
    assert list(found) == ["probes/text", "probes/facts", *FILES, "general-ability"]
    changed = set()
    for name in FILES:
        before, after = scores_of(outcome, 0, name), scores_of(outcome, T, name)
        differences = [new - old for old, new in zip(before, after, strict=True)]
        changed |= {name} if stdev(differences) else set()
        assert found[name].value == pytest.approx(fmean(differences), abs=1e-12)
        assert found[name].error == pytest.approx(stdev(differences) / math.sqrt(len(differences)), abs=1e-12)
    assert len(changed) > 1, "probes that do not change show nothing"
    text = record.probes["probes/text"]
    assert (found["probes/text"].value, found["probes/text"].error) == (text[T] - text[0], None)


def test_general_ability_is_the_mean_of_all_but_losses(run):
    found = run().record.probe_changes
    parts = [found[name] for name in ("probes/facts", *FILES)]
    whole = found["general-ability"]
    assert whole.value == pytest.approx(fmean(one.value for one in parts), abs=1e-12)
    assert whole.error == pytest.approx(math.sqrt(sum(one.error**2 for one in parts)) / len(parts), abs=1e-12)


@pytest.mark.parametrize("role", ["strict", "lenient"])
def test_changes_and_errors_are_of_the_scorer_that_ranks(run, role):
    outcome = run(protocol={"scorer": role})
    record = outcome.record
    for name in FILES:
        for row in (0, T):
            scores = scores_of(outcome, row, name, role)
            n, mean = len(scores), fmean(scores)
            assert record.probes[name][row] == pytest.approx(mean)
            if set(scores) <= {0.0, 1.0}:
                expected = math.sqrt(mean * (1 - mean) / (n - 1))
                assert record.probe_errors[name][row] == pytest.approx(expected, abs=1e-12)
        change = fmean(scores_of(outcome, T, name, role)) - fmean(scores_of(outcome, 0, name, role))
        assert record.probe_changes[name].value == pytest.approx(change)
    lenient = record.errors["lenient"]
    for row in range(T + 1):
        for place, (score, error) in enumerate(zip(record.scores["lenient"][row], lenient[row], strict=True)):
            assert error == pytest.approx(math.sqrt(score * (1 - score) / 2), abs=1e-12), (
                row,
                place,
            )  # `exact`: 0 or 1
    assert set(record.probe_errors["probes/text"]) == {None}


def test_one_record_has_no_error_and_neither_has_the_mean(run):
    found = run(limit=1).record.probe_changes
    assert [found[name].error for name in ("own/quiz", "own/say", "general-ability")] == [None] * 3


@pytest.mark.parametrize(("method", "evaluate"), [("sequential", "full"), ("joint", "ends"), ("single", "full")])
def test_probes_never_shift_training(run, method, evaluate):
    plain = run(method, probes=False, name="plain", protocol={"evaluate": evaluate})
    probed = run(method, schedule="every", protocol={"evaluate": evaluate})
    assert probed.record.scores == plain.record.scores
    assert probed.record.errors == plain.record.errors
    assert probed.record.drift == plain.record.drift
    assert probed.record.board.name != plain.record.board.name

    def answers(outcome):
        root = outcome.run_dir.path / "predictions"
        names = [name.rpartition("/")[2] for name in small.STREAM_TASKS]
        return {
            path.relative_to(root): path.read_bytes()
            for path in small.files_below(root)
            if path.stem.removeprefix("own--") in names
        }

    assert answers(probed) == answers(plain) != {}


@pytest.mark.parametrize(
    ("method", "evaluate", "schedule", "given", "own"),
    [
        ("sequential", "full", "every", "xxxx", "xxxx"),
        ("sequential", "ends", "before-after", "x--x", "-xxx"),
        ("sequential", "ends", "every", "xxxx", "-xxx"),
        ("joint", "ends", "before-after", "x--x", "---x"),
        ("single", "full", "before-after", "x--x", "xxxx"),
        ("frozen", "full", "before-after", "xxxx", "xxxx"),
        ("frozen", "ends", "every", "xxxx", "xxxx"),
    ],
)
def test_rows_in_which_a_probe_is_asked(run, method, evaluate, schedule, given, own):
    outcome = run(method, schedule=schedule, protocol={"evaluate": evaluate})
    probes, errors = outcome.record.probes, outcome.record.probe_errors
    for name in FILES:
        assert rows_of(probes[name]) == rows_of(errors[name]) == given
    assert rows_of(probes["probes/text"]) == rows_of(probes["probes/facts"]) == own
    assert ("own/quiz" in outcome.record.probe_changes) is (given[0] == given[-1] == "x")
    assert ("probes/facts" in outcome.record.probe_changes) is (own[0] == "x")
    if method == "frozen":
        assert all(len(set(values)) == 1 for values in probes.values())
        assert {one.value for one in outcome.record.probe_changes.values()} == {0.0}
        assert {one.error for one in outcome.record.probe_changes.values()} == {None}
        folders = {path.parent.name for path in small.files_below(outcome.run_dir.path / "predictions")}
        assert folders == {"00"}


def test_the_record_on_disk_says_the_same(run):
    outcome = run()
    content = json.loads(outcome.run_dir.record_path.read_text("utf-8"))
    assert content["probe_changes"] == {
        name: {"value": one.value, "error": one.error} for name, one in outcome.record.probe_changes.items()
    }
    assert set(SCORERS) >= {"likelihood", "stated"}
