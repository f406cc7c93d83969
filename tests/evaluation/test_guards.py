"""The guards of the evaluation: what is trained is what is measured, and the batch size leaves answers alone."""

import contextlib
import functools
import json
from types import SimpleNamespace

import pytest
import small
import torch

from clbench.evaluation.guards import Guards
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.models.bearing.checks import ASKING, TRAINING
from clbench.models.loading import load_model
from clbench.runs.recordparts import NOT_REPEATABLE
from clbench.training import runstate

SUSPICIONS = ("training left the logits", "greedy answers depend")


class Aside(Method):
    """Trains an adapter that the model does not use."""

    def prepare_model(self, model):
        model.requires_grad_(False)
        model.aside = torch.nn.Linear(2, 2)
        return model

    def extra_loss(self, run, batch, output):
        return run.model.aside.weight.square().mean()


class Hidden(Method):
    """Trains the model, and has the base model measured."""

    def prepare_model(self, model):
        self.base = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return model

    @contextlib.contextmanager
    def evaluating(self, run):
        kept = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
        run.model.load_state_dict(self.base)
        yield
        run.model.load_state_dict(kept)


class Relapse(Hidden):
    """Is the base model again after the second experience."""

    def evaluating(self, run):
        return contextlib.nullcontext()

    def after_experience(self, run, experience, data):
        if experience.index == 2:
            run.model.load_state_dict(self.base)


class Still(Method):
    """Makes steps of length 0, and says so."""

    def make_optimizer(self, named_params, run):
        return torch.optim.SGD([p for _, p in named_params], lr=0.0)


SPECS = [MethodSpec(one.__name__.casefold(), f"{__name__}:{one.__name__}", "…") for one in (Hidden, Relapse, Still)]
SPECS += [MethodSpec("aside", f"{__name__}:Aside", "…"), MethodSpec("whole", f"{__name__}:Aside", "…", regime="joint")]
SPECS += [MethodSpec("apart", f"{__name__}:Aside", "…", regime="single")]
LAB = small.registry_with(*SPECS)


@pytest.fixture
def run(tmp_path, llama, home):
    """Runs one method on the small stream and gives its outcome."""
    stream = small.write_stream(tmp_path / "stream")

    def run(method="sequential", *, home=home, model=llama, **changes):
        (outcome,) = small.run_stream(stream, method, model=model, home=home, lab=LAB, **changes)
        return outcome

    return run


@pytest.fixture
def deaf(monkeypatch):
    """Every model that is loaded reads its padding as text."""

    def load(*arguments, **options):
        loaded = load_model(*arguments, **options)
        forward = loaded.model.forward

        @functools.wraps(forward)
        def deaf(*args, attention_mask=None, position_ids=None, **more):
            return forward(*args, **more)

        loaded.model.forward = deaf
        return loaded

    monkeypatch.setattr("clbench.engine.fixed.load_model", load)


@pytest.fixture
def broken(deaf, monkeypatch):
    """So does every model, and what is tried when it is loaded does not show it."""
    monkeypatch.setattr("clbench.engine.fixed.check", lambda loaded, **_: loaded)


def suspicions(record):
    return {text: number for text, number in record.warnings.items() if text.startswith(SUSPICIONS)}


def result(outcome):
    """All that two runs can be compared by."""
    record = outcome.record.model_dump(mode="json")
    for name in NOT_REPEATABLE:
        del record["costs"][name]
    del record["provenance"]["command"]
    root = outcome.run_dir.path / "predictions"
    return record, {path.relative_to(root): path.read_bytes() for path in small.files_below(root)}


# --- training that does not reach the model


def test_an_adapter_that_is_not_used_is_found_after_each_task(run):
    record = run("aside").record
    assert record.costs.steps == 12
    assert suspicions(record) == {
        f"training left the logits of {task} unchanged: is what is trained part of what is measured?": 1
        for task in small.STREAM_TASKS
    }


JOINED = "+".join(small.STREAM_TASKS)


@pytest.mark.parametrize(("method", "names"), [("whole", [JOINED]), ("apart", small.STREAM_TASKS)])
def test_so_it_is_when_trained_on_all_tasks_at_once_and_on_each_alone(run, method, names):
    found = suspicions(run(method).record)
    assert [text.split()[5] for text in found] == list(names)


def test_an_adapter_that_is_off_in_every_measurement_is_found(run):
    assert len(suspicions(run("hidden").record)) == 3


def test_a_model_that_is_the_base_model_again_is_found(run):
    (text,) = suspicions(run("relapse").record)
    assert text.startswith("training left the logits of own/number at the base model's")


@pytest.mark.parametrize("method", ["sequential", "joint", "single", "frozen", "still"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_nothing_is_said_of_what_is_right(run, request, method, kind):
    record = run(method, model=request.getfixturevalue(kind), protocol={"evaluate": "ends"}).record
    assert suspicions(record) == {}
    assert record.notes == {"engines": ["greedy"]}


# --- answers that depend on the batch size


def test_padding_that_is_read_as_text_is_found_and_noted(run, broken):
    record = run().record
    (text,) = suspicions(record)
    differ = record.notes["batch_size_check"]["differ"]
    assert 1 <= differ <= 3, "the longest prompt has no padding"
    assert text == f"greedy answers depend on the batch size: {differ} of 4 differ"
    assert record.notes["batch_size_check"] == {"asked": 4, "differ": differ, "precision": "fp32"}


def test_what_is_found_when_a_model_is_loaded_is_mended_and_said(run, deaf):
    record = run().record
    assert ASKING in record.warnings
    assert TRAINING not in record.warnings
    assert suspicions(record) == {}


def test_lower_precision_is_named_as_a_reason(run, broken):
    (text,) = suspicions(run(protocol={"precision": "bf16"}).record)
    assert text.endswith("differ (bf16 rounds differently in batches of another size)")


def test_where_every_batch_is_one_prompt_nothing_can_depend_on_it(run, broken):
    assert suspicions(run(runtime={"eval_batch": 1}).record) == {}


@pytest.mark.parametrize(("batch", "asked"), [(1, 0), (2, 2), (3, 3), (64, 4)])
def test_the_sample_is_of_unlike_lengths_and_no_larger_than_a_batch(batch, asked):
    texts = ["a" * length for length in (9, 3, 3, 30, 12, 5, 7)]
    data = [SimpleNamespace(train=[small.Example("own/word", text, "x") for text in texts])]
    config = SimpleNamespace(data=data, runtime=SimpleNamespace(eval_batch=batch))
    encoder = SimpleNamespace(
        asked=lambda one: one.prompt, prompts=lambda prompts: [list(prompt) for prompt in prompts]
    )
    lengths = [len(one.prompt) for one in Guards(config, SimpleNamespace(encoder=encoder))._sample()]
    assert lengths == {0: [], 2: [3, 30], 3: [3, 7, 30], 4: [3, 7, 9, 30]}[asked]


# --- looking changes nothing


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_results_are_the_same_with_and_without_guards(run, request, tmp_path, monkeypatch, kind):
    model = request.getfixturevalue(kind)
    looked = result(run(home=tmp_path / "with", model=model))
    monkeypatch.setattr(Guards, "look", lambda *_, **__: None)
    assert result(run(home=tmp_path / "without", model=model)) == looked


def test_a_model_that_draws_when_it_is_asked_moves_no_random_stream(run, monkeypatch):
    moved = []

    def load(*arguments, **options):
        loaded = load_model(*arguments, **options)
        loaded.model.register_forward_hook(lambda *_: moved.append(torch.rand(1).item()) and None)
        return loaded

    look = Guards.look

    def watched(self, state, *, row):
        before, number = json.dumps(runstate.random_states(state.device), default=str), len(moved)
        look(self, state, row=row)
        assert len(moved) > number or row == 3
        assert json.dumps(runstate.random_states(state.device), default=str) == before

    monkeypatch.setattr("clbench.engine.fixed.load_model", load)
    monkeypatch.setattr(Guards, "look", watched)
    torch.set_printoptions(threshold=100_000)
    run()
    torch.set_printoptions(profile="default")
    assert len(moved) > 100


class Killed(BaseException):
    """What `kill -9` looks like from inside."""


@pytest.mark.parametrize("method", ["aside", "relapse"])
def test_interrupted_again_and_again_the_warnings_are_those_of_the_whole_run(run, broken, tmp_path, method):
    from clbench.engine.fixed import Fixed

    runtime, left, deaths = {"eval_batch": 2, "checkpoint_steps": 1}, [0], 0
    whole = result(run(method, home=tmp_path / "whole", runtime=runtime))
    assert len(suspicions(SimpleNamespace(**whole[0]))) >= 2

    def asked(self):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fixed, "check_stop", asked)
        for _ in range(30):
            left[0] = 9
            try:
                outcome = run(method, runtime=runtime)
                break
            except Killed:
                deaths += 1
    assert deaths > 2
    assert result(outcome) == whole
