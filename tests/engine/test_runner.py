"""The outer loop: which cells of R each way of training measures, what a run leaves, and what it refuses."""

import json
from collections import Counter
from importlib.metadata import version

import pytest
import small
import torch

from clbench.base.errors import RunError
from clbench.methods.method import Footprint, Method, MethodOptions
from clbench.methods.methodspec import MethodSpec
from clbench.metrics.matrix import read_matrix
from clbench.plugins.hookspecs import hookimpl
from clbench.runs.predictions import read

T = 3


def lab(*classes, observer=None, **spec):
    """A registry with these classes as methods, called by their names in lower case."""
    specs = [
        MethodSpec(name=one.__name__.casefold(), target=f"{__name__}:{one.__name__}", summary="for a test", **spec)
        for one in classes
    ]
    return small.registry_with(*specs, observer=observer)


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream")


@pytest.fixture
def run(stream, llama, home):
    """Runs one method on the small stream and gives its outcome."""

    def run(method="sequential", *, home=home, stream=stream, model=llama, **changes):
        (outcome,) = small.run_stream(stream, method, model=model, home=home, **changes)
        return outcome

    return run


def measured(rows):
    """Which cells are there, a letter each."""
    return ["".join("-" if cell is None else "x" for cell in row) for row in rows]


def prediction_files(outcome):
    root = outcome.run_dir.path / "predictions"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in small.files_below(root)}


# --- what is trained and measured when


@pytest.mark.parametrize("schedule", ["full", "seen", "ends"])
def test_sequential_measures_what_the_schedule_says(run, schedule):
    outcome = run(protocol={"evaluate": schedule})
    expected = {
        "full": ["xxx", "xxx", "xxx", "xxx"],
        "seen": ["xxx", "x--", "xx-", "xxx"],
        "ends": ["---", "x--", "-x-", "xxx"],
    }[schedule]
    assert measured(outcome.record.scores["strict"]) == measured(outcome.record.scores["lenient"]) == expected
    assert len(prediction_files(outcome)) == "".join(expected).count("x")
    assert outcome.record.costs.steps == T * 2 * 2  # two epochs of six examples in batches of four
    assert len({cell for row in outcome.record.scores["strict"] for cell in row}) > T, "training changed something"


def test_a_schedule_changes_which_cells_are_measured_and_not_their_values(run):
    full, ends = (run(protocol={"evaluate": schedule}).record.scores["strict"] for schedule in ("full", "ends"))
    for row, other in zip(full, ends, strict=True):
        assert all(cell is None or cell == value for value, cell in zip(row, other, strict=True))


@pytest.mark.parametrize("schedule", ["full", "ends"])
def test_frozen_is_the_base_model_in_every_row(run, schedule):
    outcome = run("frozen", protocol={"evaluate": schedule})
    base, *rows = outcome.record.scores["strict"]
    assert None not in base
    assert rows == [base] * T
    assert {path.partition("/")[0] for path in prediction_files(outcome)} == {"00"}
    assert outcome.record.costs.steps == outcome.record.footprint.trainable_parameters == 0
    assert base == run().record.scores["strict"][0]


def test_joint_has_a_last_row_only_and_each_task_as_often_as_its_budget_says(run):
    epochs = {"own/word": 1, "own/number": 3, "own/stance": 2}
    Peek.seen.clear()
    outcome = run("peek", lab=lab(Peek, regime="joint"), protocol={"epochs": epochs})
    assert measured(outcome.record.scores["strict"]) == ["xxx", "---", "---", "xxx"]
    (data,) = Peek.seen.values()
    assert Counter(one.task for one in data) == {task: 6 * times for task, times in epochs.items()}
    assert outcome.record.costs.steps == 9  # 36 examples
    assert run("joint", protocol={"epochs": epochs}).record.scores == outcome.record.scores


def test_single_keeps_each_tasks_own_score_and_the_base_before_it(run):
    outcome = run("single")
    base, *rows = outcome.record.scores["strict"]
    own = [rows[t][t] for t in range(T)]
    assert rows == [tuple(own[j] if j <= t else base[j] for j in range(T)) for t in range(T)]
    assert {path for path in prediction_files(outcome) if not path.startswith("00")} == {
        "01/own--word.jsonl",
        "02/own--number.jsonl",
        "03/own--stance.jsonl",
    }
    assert own[0] == run().record.scores["strict"][1][0]
    assert outcome.record.costs.steps == T * 2 * 2


def test_single_is_what_going_back_to_the_base_model_by_hand_gives(run):
    single = run("single").record.scores["strict"]
    rewound = run("rewind", lab=lab(Rewind), protocol={"reset_optimizer": True}).record.scores["strict"]
    assert [single[t + 1][t] for t in range(T)] == [rewound[t + 1][t] for t in range(T)]


class Rewind(Method):
    """Goes back to the base model before each experience."""

    def prepare_model(self, model):
        self.base = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return model

    def before_experience(self, run, experience):
        run.model.load_state_dict(self.base)


class Peek(Method):
    """Looks at what it is given."""

    seen = {}

    def training_data(self, run, experience, data):
        self.seen[experience.index] = list(data)
        return data


# --- what a method sees


class Keeper(Method):
    """Keeps the data themselves instead of copies, and reads them later."""

    def after_experience(self, run, experience, data):
        assert len(data) == 6
        self.kept = data

    def before_experience(self, run, experience):
        if experience.index == 2:
            list(self.kept)


def test_data_of_a_passed_experience_cannot_be_read(run, home):
    with pytest.raises(PermissionError, match="training data of own/word cannot be read now"):
        run("keeper", lab=lab(Keeper))
    assert not small.files_below(home / "leaderboards") - {home / "leaderboards" / ".lock"}


class Diary(Method):
    """Writes down every call."""

    calls = []
    kept = 0

    def prepare_model(self, model):
        self.calls.append("prepare_model")
        return model

    def make_optimizer(self, named_params, run):
        self.calls.append("make_optimizer")

    def before_experience(self, run, experience):
        assert run.experience == experience
        assert run.num_experiences == T
        self.calls.append(f"before {experience.index} {experience.task} {experience.epochs}")

    def training_data(self, run, experience, data):
        self.calls.append("training_data")
        return data[: len(data) // 2]

    def after_step(self, run):
        self.calls.append("step")

    def after_experience(self, run, experience, data):
        self.calls.append("after")
        self.kept += len(data)
        run.note("diary", self.kept)
        run.warn("diary: kept something")

    def footprint(self):
        return Footprint(stored_examples=self.kept, extra_passes=0.5)


@pytest.mark.parametrize("reset", [False, True])
def test_a_methods_calls_notes_and_costs_reach_the_record(run, reset):
    Diary.calls.clear()
    record = run("diary", lab=lab(Diary), protocol={"reset_optimizer": reset}).record
    again = ["make_optimizer"] if reset else []
    expected = ["prepare_model", "make_optimizer"]
    for index, task in enumerate(small.STREAM_TASKS, 1):
        expected += again if index > 1 else []
        expected += [f"before {index} {task} 2", "training_data", "step", "step", "after"]  # three examples of six
    assert Diary.calls == expected
    assert record.notes == {"diary": 18, "engines": ["greedy"]}
    assert record.warnings["diary: kept something"] == T
    assert (record.footprint.stored_examples, record.footprint.extra_passes) == (18, 0.5)
    assert record.method.packages == {"clbench-lab": "1.2"}


class Moments(Method):
    """Looks at how long the optimizer has been at work."""

    steps = []

    def after_step(self, run):
        state = next(iter(run.optimizer.state.values()))
        self.steps.append(int(state["step"]))


@pytest.mark.parametrize(("reset", "expected"), [(False, [*range(1, 13)]), (True, [1, 2, 3, 4] * 3)])
def test_the_optimizers_state_is_kept_or_reset_at_a_boundary(run, reset, expected):
    Moments.steps.clear()
    run("moments", lab=lab(Moments), protocol={"reset_optimizer": reset})
    assert Moments.steps == expected


class RateOptions(MethodOptions):
    strength: float = 1.0


class Rates(Method):
    """Writes down the learning rate that it trains with."""

    Options = RateOptions
    seen = set()

    def after_step(self, run):
        self.seen.add((run.protocol.learning_rate, run.optimizer.param_groups[0]["lr"]))


def test_a_methods_own_learning_rate_is_used_and_shown_and_makes_no_other_board(run):
    Rates.seen.clear()
    known = lab(Rates)
    plain = run("rates", lab=known).record
    assert Rates.seen == {(3e-3, 3e-3)}
    Rates.seen.clear()
    changed = run("rates", lab=known, options={"rates": {"learning_rate": 1e-3}}).record
    assert Rates.seen == {(1e-3, 1e-3)}
    assert changed.method.label == "rates (learning_rate=0.001)"
    assert changed.board == plain.board
    assert changed.run != plain.run


# --- what a run leaves


def test_a_run_directory_tells_the_whole_run(run, stream, home, call):
    outcome = run()
    state, record = outcome.run_dir.state(), outcome.record
    assert (state["run"], state["status"]) == (record.run, "finished")
    assert state["config"]["order"]["tasks"] == list(small.STREAM_TASKS)
    assert state["config"]["method"]["name"] == "sequential"
    assert state["provenance"]["packages"]["torch"] == version("torch")
    lines = (outcome.run_dir.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    row = ["measuring", "scored", "measured"]
    kinds = ["start", *row, *["training", "trained", *row] * T, "end"]
    assert [one["event"] for one in events if one["event"] not in ("step", "note")] == kinds
    assert all("no model can score above" in one["text"] for one in events if one["event"] == "note")
    assert [one["step"] for one in events if one["event"] == "trained"] == [4, 8, 12]
    assert [one["strict"] for one in events if one["event"] == "scored"] == [list(r) for r in record.scores["strict"]]
    assert read_matrix(outcome.run_dir.path / "matrix.json") == record.matrix()
    shown = call("metrics", outcome.run_dir.path, "--json").json
    assert shown["metrics"]["op"] == pytest.approx(sum(record.scores["strict"][T]) / T)
    for path in small.files_below(outcome.run_dir.path / "predictions"):
        name = path.stem.rpartition("--")[2]
        asked = small.examples(3, task=f"own/{name}", seed=4)
        assert [(one.prompt, one.answer) for one in read(path)] == [(one.prompt, one.answer) for one in asked]


def test_the_ranking_score_is_the_protocols(run):
    outcome = run(protocol={"scorer": "lenient"})
    assert read_matrix(outcome.run_dir.path / "matrix.json") == outcome.record.matrix("lenient")
    assert outcome.record.scores["lenient"] != outcome.record.scores["strict"]


def test_costs_and_drift_are_measured(run):
    record = run().record
    assert record.costs.steps == 12
    assert record.costs.device == "cpu"
    assert record.costs.train_seconds > 0
    assert record.costs.eval_seconds > 0
    assert record.costs.peak_memory_bytes > 1 << 20
    assert 0 < record.costs.answer_tokens < record.costs.train_tokens
    assert record.costs.generated_tokens <= (T + 1) * T * 3 * 6
    assert record.drift["relative_l2"] > 0
    assert run("frozen").record.drift["relative_l2"] == 0


def test_what_was_cut_or_empty_is_counted(run):
    record = run(protocol={"max_prompt_tokens": 16, "max_answer_tokens": 2, "evaluate": "ends"}).record
    for task in small.STREAM_TASKS:
        assert record.warnings[f"{task}: training examples prompt_truncated"] > 0
        assert record.warnings[f"{task}: training examples answer_truncated"] > 0
        assert 0 < record.warnings[f"{task}: truncated answers in evaluation"] <= 3 * 3


def test_probes_are_scored_in_every_row_and_never_trained_on(run, tmp_path):
    path = small.write_stream(tmp_path / "probed", tasks=small.STREAM_TASKS[:2])
    variants = "variants: {files: {source: files, probes: [probes/facts, probes/text], probe_examples: 4}}\n"
    path.write_text(path.read_text(encoding="utf-8") + variants, encoding="utf-8")
    Peek.seen.clear()
    outcome = run("peek", stream=path, lab=lab(Peek))
    assert set(outcome.record.probes) == {"probes/facts", "probes/text"}
    losses = outcome.record.probes["probes/text"]
    assert len(losses) == 3
    assert len(set(losses)) == 3, "each row is measured anew"
    assert {one.task for data in Peek.seen.values() for one in data} == set(small.STREAM_TASKS[:2])
    assert "02/probes--facts.jsonl" in prediction_files(outcome)
    assert read_matrix(outcome.run_dir.path / "matrix.json").probes == outcome.record.probes


# --- repeatable


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_same_seed_gives_the_same_result_bit_for_bit(run, request, tmp_path, kind):
    model = request.getfixturevalue(kind)
    one = run(home=tmp_path / "one", model=model)
    torch.rand(9)
    same = run(home=tmp_path / "two", model=model, runtime={"eval_batch": 64})
    other = run(home=tmp_path / "three", model=model, seeds=(1,))
    assert one.record.run == same.record.run != other.record.run
    assert one.record.scores == same.record.scores
    assert one.record.drift == same.record.drift != other.record.drift
    assert prediction_files(one) == prediction_files(same)
    assert prediction_files(one) != prediction_files(other)
    assert one.record.scores["strict"][0] == other.record.scores["strict"][0], "the base model has no seed"


@pytest.mark.parametrize("method", ["sequential", "single"])
def test_a_schedule_over_the_stream_goes_on_from_task_to_task(run, method):
    class Rates:
        seen = []

        @hookimpl
        def clbench_step_end(self, learning_rate):
            self.seen.append(learning_rate)

    run(method, lab=lab(observer=Rates()), protocol={"schedule": "cosine"})
    assert len(Rates.seen) == T * 4
    assert Rates.seen == sorted(Rates.seen, reverse=True)
    assert Rates.seen[-1] < 0.1 * Rates.seen[0]


# --- failing


class Diverge(Method):
    """Spoils the weights in the second experience."""

    def before_experience(self, run, experience):
        if experience.index == 2:
            with torch.no_grad():
                run.model.lm_head.weight.fill_(float("nan"))


class Exhaust(Method):
    """Asks for more memory than there is."""

    def after_step(self, run):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


@pytest.mark.parametrize(
    ("method", "complaint"),
    [(Diverge, r"the loss is nan at optimizer step 5"), (Exhaust, r"out of memory: lower runtime\.micro_tokens")],
)
def test_a_run_that_fails_says_why_and_leaves_no_row(run, home, call, method, complaint):
    with pytest.raises(RunError, match=complaint):
        run(method.__name__.casefold(), lab=lab(method))
    (folder,) = (home / "runs").iterdir()
    state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert state["status"] == "failed"
    assert complaint.partition(" ")[0] in state["error"] or "out of memory" in state["error"]
    last = json.loads((folder / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["event"], last["error"]) == ("failed", state["error"])
    assert not (folder / "record.json").exists()
    assert not list((home / "leaderboards").rglob("*.md"))
    shown = call("show", folder)
    assert shown.code == 2
    assert "is failed: " in shown.err


def test_a_failed_run_goes_on_from_its_checkpoint_and_with_fresh_begins_anew(run, home):
    def events():
        return [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]

    with pytest.raises(RunError):
        run("diverge", lab=lab(Diverge))
    (folder,) = (home / "runs").iterdir()
    for fresh, expected in ((False, ["start", "failed", "resumed", "failed"]), (True, ["start", "failed"])):
        with pytest.raises(RunError):
            run("diverge", lab=lab(Diverge), fresh=fresh)
        assert [one for one in events() if one in expected] == expected


def test_what_is_not_exact_on_sharded_parameters_is_refused_before_anything_is_loaded(run, monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.distributed_type", "DistributedType.FSDP")
    monkeypatch.setattr("clbench.engine.fixed.load_model", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(RunError, match=r"method 'peek' is not exact when parameters or gradients are sharded \(FSDP\)"):
        run("peek", lab=lab(Peek, capabilities=frozenset({"edits_gradients"})))


# --- observers


class Watcher:
    """Sees everything."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def clbench_run_start(self):
        self.seen.append("start")

    @hookimpl
    def clbench_experience_start(self, index, task):
        self.seen.append(f"begin {index} {task}")

    @hookimpl
    def clbench_step_end(self, step):
        self.seen.append(step)

    @hookimpl
    def clbench_experience_end(self, index):
        self.seen.append(f"end {index}")

    @hookimpl
    def clbench_run_end(self):
        self.seen.append("end")

    @hookimpl
    def clbench_result_saved(self, path):
        self.seen.append(f"saved {path.is_file()}")


class Stumbler:
    """Fails at its first sight."""

    @hookimpl
    def clbench_eval_end(self, after):
        raise ValueError(f"row {after}")


def test_observers_see_the_run(run):
    watcher = Watcher()
    run(lab=lab(observer=watcher))
    expected = ["start"]
    for index, task in enumerate(small.STREAM_TASKS, 1):
        expected += [f"begin {index} {task}", *range(4 * index - 3, 4 * index + 1), f"end {index}"]
    assert watcher.seen == [*expected, "end", "saved True"]


def test_an_observer_that_fails_cannot_hurt_the_run(run):
    known = lab(observer=Stumbler())
    assert run(lab=known).record.costs.steps == 12
    assert known.plugins.records["observer"].error == "ValueError: row 0"
