"""Row 0 measured once: who shares it, who does not, what is told, and what damage does."""

import json
import multiprocessing
import shutil
from types import SimpleNamespace

import pytest
import small
import torch

from clbench.base import home as places
from clbench.evaluation.baserow import BaseRow, Found, read
from clbench.evaluation.evaluator import Answer, Evaluator
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.runs.events import read_events
from clbench.runs.predictions import file_hashes

SHORT = {"epochs": 1}
ON, OFF = {"share_base_row": True}, {"share_base_row": False}
WHOLE = ("scores", "errors", "probes", "predictions", "warnings", "drift", "footprint")


class Nudged(Method):
    """Changes the base model's last bit, against its contract."""

    def prepare_model(self, model):
        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(1 + 1e-6)
        return model


class Hidden(torch.nn.Module):
    """A layer that adds nothing."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.more = inner, torch.nn.Linear(inner.in_features, inner.out_features, bias=False)
        torch.nn.init.zeros_(self.more.weight)

    def forward(self, hidden):
        return self.inner(hidden) + self.more(hidden)


class Adapted(Method):
    """Begins as the base model does, with more parameters."""

    def prepare_model(self, model):
        for layer in model.model.layers:
            layer.mlp.up_proj = Hidden(layer.mlp.up_proj)
        return model


class Routed(Adapted):
    """Says that it answers each prompt in a way of its own."""


def lab():
    specs = [
        MethodSpec(
            name=one.__name__.casefold(),
            target=f"{__name__}:{one.__name__}",
            summary="for a test",
            capabilities=frozenset({"routes_prompts"}) if one is Routed else frozenset(),
        )
        for one in (Nudged, Adapted, Routed)
    ]
    return small.registry_with(*specs)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return small.write_stream(tmp_path_factory.mktemp("streams") / "stream")


@pytest.fixture(scope="module")
def measured(stream, llama, tmp_path_factory):
    """A home in which one run has left its row 0, and that run."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_HOME", str(folder))
        (outcome,) = small.run_stream(stream, "frozen", model=llama, home=folder, runtime=ON)
    return outcome


@pytest.fixture
def run(stream, llama, home, measured):
    """Runs a method where row 0 has been measured by another run."""
    shutil.copytree(measured.run_dir.path.parent.parent / "rows", home / "rows")

    def run(method="sequential", **changes):
        runtime = {**ON, **changes.pop("runtime", {})}
        given = {"protocol": SHORT, **changes}
        (outcome,) = small.run_stream(stream, method, model=llama, home=home, runtime=runtime, **given)
        return outcome

    return run


@pytest.fixture
def asked(monkeypatch):
    """How many prompts models were asked since it was last looked at."""
    counts = []
    generate = Evaluator.generate

    def counting(self, model, prompts, **given):
        counts.append(len(prompts))
        return generate(self, model, prompts, **given)

    monkeypatch.setattr(Evaluator, "generate", counting)

    def look():
        total = sum(counts)
        counts.clear()
        return total

    return look


def same(one, other):
    return [name for name in WHOLE if getattr(one.record, name) != getattr(other.record, name)]


def notes_of(outcome):
    events = read_events(outcome.run_dir.path / "events.jsonl")
    return [one["text"] for one in events if one["event"] == "note"]


def entries():
    return sorted(places.rows_dir().glob("*.json"))


def test_a_second_method_does_not_measure_row_0_again_and_comes_to_the_same(run, asked):
    shared = run(seeds=(1,))
    taken = asked()
    assert file_hashes(shared.run_dir.path) == shared.record.predictions
    assert set(shared.record.notes["base_row"]) == set(shared.record.tasks)
    alone = run(seeds=(1,), fresh=True, runtime=OFF)
    assert asked() - taken == 9  # the records of row 0; the guards ask theirs in each run
    assert same(shared, alone) == []
    assert shared.record.costs.generated_tokens == alone.record.costs.generated_tokens
    assert "base_row" not in alone.record.notes


@pytest.mark.parametrize("method", ["adapted", "lora", "loramoe"])
def test_an_adapter_that_begins_as_nothing_shares_row_0(run, measured, method):
    assert set(run(method, lab=lab()).record.notes["base_row"].values()) == {measured.run_dir.run_id}


def test_who_answers_each_prompt_in_its_own_way_neither_takes_nor_keeps(run):
    assert "base_row" not in run("routed", lab=lab()).record.notes
    assert len(entries()) == 3


def test_what_changes_a_bit_of_the_base_model_measures_its_own(run):
    assert "base_row" not in run("nudged", lab=lab()).record.notes
    assert len(entries()) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"runtime": {"eval_batch": 2}},
        {"protocol": {"max_answer_tokens": 7}},
        {"protocol": {"precision": "bf16"}},
        {"runtime": OFF},
        {"fresh": True},
    ],
)
def test_what_is_asked_otherwise_or_anew_is_measured(run, changes):
    assert "base_row" not in run(**changes).record.notes


def test_training_is_no_part_of_it(run):
    assert run(protocol={"learning_rate": 1e-2}, seeds=(3,)).record.notes["base_row"]


def test_what_was_taken_is_said_and_how_it_is_measured_anew(run, measured):
    name = measured.run_dir.run_id
    (line,) = [one for one in notes_of(run()) if one.startswith("row 0")]
    assert name in line
    assert "runtime.share_base_row=false" in line


@pytest.mark.parametrize(
    "damage", ["{", '{"sha256": "00", "origin": ["a", "b"], "loss": null, "answers": []}', "answer"]
)
def test_what_is_damaged_is_told_and_measured_again(run, measured, damage):
    expected = measured.record.scores
    whole = [path.read_bytes() for path in entries()]
    for path in entries():
        told = json.loads(path.read_text("utf-8"))
        told["answers"][0][1] += "."
        path.write_text(json.dumps(told) if damage == "answer" else damage, "utf-8")
    outcome = run()
    assert outcome.record.scores["strict"][0] == expected["strict"][0]
    assert "base_row" not in outcome.record.notes
    assert sum("damaged" in one for one in notes_of(outcome)) == 3
    again = [json.loads(path.read_text("utf-8"))["answers"] for path in entries()]
    assert again == [json.loads(one)["answers"] for one in whole]


def test_a_home_that_cannot_be_written_is_said_and_hinders_nothing(run, home):
    shutil.rmtree(home / "rows")
    (home / "rows").write_text("a file")
    outcome = run("frozen")
    assert any("cannot be kept" in one for one in notes_of(outcome))


def test_what_a_run_has_left_itself_is_its_own(run, home):
    shutil.rmtree(home / "rows")
    whole = run()
    (whole.run_dir.path / "run.json").unlink()
    whole.run_dir.path.rename(whole.run_dir.path.with_name("before"))
    again = run()
    assert same(whole, again) == []
    assert "base_row" not in again.record.notes


def _write(folder, number):
    row = BaseRow(None, None, folder, (f"run-{number}", "00"), print)
    row.paths["one"] = folder / "entry.json"
    for _ in range(50):
        row.keep(SimpleNamespace(task=SimpleNamespace(name="one")), Found({0: Answer("x" * 10_000, False, number)}))


def test_two_processes_that_keep_the_same_leave_a_whole_entry(tmp_path):
    writers = [multiprocessing.Process(target=_write, args=(tmp_path, number)) for number in (1, 2)]
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        if (tmp_path / "entry.json").is_file():
            read(tmp_path / "entry.json")
    found, origin = read(tmp_path / "entry.json")
    assert origin[0] == f"run-{found.answers[0].tokens}"
