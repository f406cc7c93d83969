"""The conformance kit: good methods pass, and each way to be bad is named."""

import json
import tempfile

import pytest
import small

from clbench import testing
from clbench.base.errors import OptionError, UnknownNameError
from clbench.methods.method import Footprint, Method, MethodOptions
from clbench.methods.methodspec import MethodSpec
from clbench.testing import conformance, reach, world

# What each method of the hostile package is caught at, and what is said of it.
HOSTILE = {
    "past": ("no-peeking", "it was stopped: the training data of kit/first cannot be read now"),
    "hoard": ("memory", "16 training examples of the past are kept; it counts 0"),
    "sneak": ("memory", "training_data trains on 16 examples of the past; it counts 0"),
    "hunter": ("no-peeking", "calls gc.get_objects to look for objects that it was not given"),
    "reader": ("no-peeking", "reads stream/first.test.jsonl"),
    "draws": ("randomness", "after_step moves Python's global generator"),
    "forgets": ("resumes", "times has another"),
    "vandal": ("no-writing", "writes leaderboards/results/board/sequential/forged.json"),
    "leaks": ("no-secrets", "after_experience puts an environment variable's secret into the record"),
    "pickles": ("state", "state /generator: Random is neither a tensor nor a JSON value"),
    "cheap": ("footprint", "bytes; stored_bytes says 100"),
    "cuts": ("accumulates", "of its length apart"),
    # cheats
    "elsewhere": ("memory", "training_data trains on 16 examples of the past; it counts 0"),
    "scores": ("functions", "clbench.runs.predictions:score_records was replaced by a function of cheats.py"),
    "renames": ("no-writing", "writes runs/forged.json"),
    "links": ("no-writing", "writes runs"),
    "forks": ("leaves-nothing", "starts a process (os.fork), which may outlive the run"),
    "threads": ("leaves-nothing", "before_experience leaves the thread 'mole'"),
    "steps": ("footprint", "optimizer steps, which no record counts"),
    "asks": ("no-peeking", "before_experience: test examples pass through the model"),
    "opens": ("asking", "run.score tells what answers to test records of kit/first are worth"),
    "prices": ("no-peeking", "it was stopped: only answers to the present experience's own records are scored"),
    "copies": ("footprint", "bytes are its own; stored_bytes says 0"),
    "recodes": ("answers", "scores: "),
    "recalls": ("answers", "answers of row 0 are not what the weights give"),
    "shrinks": ("answers", "prompts and answers are not the stream's test records"),
}
# Cheats that hurt several properties at once: all of them, and what is said of the first.
SEVERAL = {
    "frames": ({"no-peeking", "footprint"}, "after_backward: test examples pass through the model"),
    "compressed": ({"memory", "footprint"}, "16 examples of the past pass through the model; it counts 0"),
    "decodes": ({"functions", "answers"}, "clbench.evaluation.evaluator:Evaluator.predict was replaced"),
    "loops": ({"footprint", "memory"}, "extra passes are counted at the model's embedding; extra_passes says 0.00"),
}
ONE_RUN = {"loads", "learns", "state", "footprint", "memory", "randomness", "no-peeking", "no-writing", "no-secrets"}
ONE_RUN |= {"leaves-nothing", "functions", "asking"}


class Options(MethodOptions):
    strength: float = 0.1


class Anchor(Method):
    """The tutorial's method with a memory: an honest third party."""

    Options = Options

    def __init__(self, options=None):
        super().__init__(options)
        self.anchors, self.kept = {}, []

    def before_experience(self, run, experience):
        self.anchors = {name: p.detach().clone() for name, p in run.model.named_parameters()}

    def training_data(self, run, experience, data):
        return [*data, *(small.Example(*one) for one in self.kept)] if self.options.strength else data

    def after_backward(self, run):
        for name, p in run.model.named_parameters():
            p.grad.add_((p - self.anchors[name]).detach(), alpha=self.options.strength)

    def after_experience(self, run, experience, data):
        for one in run.rng("anchor", experience.index).sample(list(data), 1):
            self.kept.append([one.task, one.prompt, one.answer])

    def state_dict(self):
        return {"anchors": self.anchors, "kept": self.kept}

    def load_state_dict(self, state):
        self.anchors, self.kept = state["anchors"], list(state["kept"])

    def footprint(self):
        return Footprint(
            stored_examples=len(self.kept), stored_bytes=100 + sum(p.nbytes for p in self.anchors.values())
        )


CAPABILITIES = frozenset({"edits_gradients", "edits_data", "stores_examples"})
LAB = small.registry_with(MethodSpec("anchor", f"{__name__}:Anchor", "for a test", CAPABILITIES))

test_sequential_conforms = conformance("sequential", identity={})


def failed(outcomes):
    return {one.name: one.reason for one in outcomes if one.status == "failed"}


@pytest.mark.long
def test_an_honest_third_party_conforms():
    outcomes = testing.check("anchor", identity={"anchor.strength": 0}, registry=LAB)
    assert failed(outcomes) == {"light": outcomes[1].reason}
    assert "cannot register" in outcomes[1].reason  # it is known to this process only
    assert {one.status for one in outcomes if one.name != "light"} == {"passed"}


@pytest.mark.parametrize(("kind", "expected"), HOSTILE.items())
def test_each_hostile_method_is_caught_at_what_it_does(installed, unspoilt, kind, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the sneak has its stash
    properties = {*ONE_RUN, expected[0]}
    caught = failed(testing.check(f"hostile-{kind}", registry=installed("clbench-hostile"), properties=properties))
    assert list(caught) == [expected[0]]
    assert expected[1] in caught[expected[0]]


@pytest.fixture
def unspoilt(monkeypatch):
    """What cheats change in this process is as it was afterwards."""
    from clbench.evaluation.evaluator import Evaluator
    from clbench.runs import predictions
    from clbench.scoring import edit

    monkeypatch.setattr(Evaluator, "predict", Evaluator.predict)
    monkeypatch.setattr(predictions, "score_records", predictions.score_records)
    monkeypatch.setattr(edit.fuzz_levenshtein, "__code__", edit.fuzz_levenshtein.__code__)
    monkeypatch.setattr(edit.fuzz_levenshtein, "__kwdefaults__", edit.fuzz_levenshtein.__kwdefaults__)
    monkeypatch.setattr(json, "clbench_stash", [], raising=False)


@pytest.mark.parametrize(("kind", "expected"), SEVERAL.items())
def test_cheats_that_hurt_several_rules(installed, unspoilt, kind, expected):
    caught = failed(
        testing.check(f"hostile-{kind}", registry=installed("clbench-hostile"), properties=ONE_RUN | expected[0])
    )
    assert set(caught) == expected[0]
    assert any(expected[1] in reason for reason in caught.values()), caught


def test_what_the_kit_does_not_notice(installed, unspoilt):
    """Records that are nobody's test are nobody's fault here; a run's record says that they were trained on."""
    assert not failed(testing.check("hostile-invents", registry=installed("clbench-hostile"), properties=ONE_RUN))


def test_a_name_with_markup_is_refused_at_registration(installed):
    first, *others = testing.check("hostile-markup", registry=installed("clbench-hostile"))
    assert (first.name, first.status) == ("loads", "failed")
    assert "must be lower-case letters, digits and hyphens" in first.reason
    assert {(one.status, one.reason) for one in others} == {("skipped", "it does not load")}


def test_torch_at_registration(installed):
    registry = installed("clbench-hostile")
    caught = failed(testing.check("hostile-heavy", registry=registry, properties={"loads", "light"}))
    assert caught["light"].startswith("registering it imports torch")


class Often(Method):
    """Nothing but data: four times as many steps, over which rounding grows to a seventh of the update."""

    def training_data(self, run, experience, data):
        return list(data) * 4


@pytest.mark.long
def test_rounding_that_many_steps_amplify_is_no_fault():
    lab = small.registry_with(MethodSpec("often", f"{__name__}:Often", "for a test", frozenset({"edits_data"})))
    (outcome,) = testing.check("often", registry=lab, properties=["accumulates"])
    assert (outcome.status, outcome.reason) == ("passed", "")


def test_what_a_method_raises_comes_with_its_traceback(installed):
    (outcome,) = testing.check("hostile-past", registry=installed("clbench-hostile"), properties=["no-peeking"])
    assert "in training_data\n" in outcome.traceback
    assert outcome.traceback.rstrip().splitlines()[-1].startswith("PermissionError: the training data of kit/first")


def test_compositions_are_checked_as_one():
    properties = {"learns", "resumes", "no-peeking"}
    outcomes = testing.check("anchor+joint", registry=LAB, options={"anchor.strength": 0.2}, properties=properties)
    assert {(one.name, one.status, one.reason) for one in outcomes} == {(name, "passed", "") for name in properties}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("no-such",), UnknownNameError),
        (("sequential", {"mofo.fraction": 1}), OptionError),
        (("sequential", {"fraction": 1}), OptionError),
        (("sequential", {"sequential.fraction": 1}), OptionError),
    ],
)
def test_wrong_names_and_options_are_the_callers_errors(arguments, error):
    name, *more = arguments
    with pytest.raises(error):
        testing.check(name, **({"options": more[0]} if more else {}))


@pytest.mark.parametrize(
    "hide",
    [
        lambda text, ids: text,
        lambda text, ids: {"a": [("b", {text})]},
        lambda text, ids: {text: 1},
        lambda text, ids: setattr(box := type("Box", (), {})(), text, 1) or box,
        lambda text, ids: text.encode(),
        lambda text, ids: lambda: text,
        lambda text, ids: (one for one in [text]),
        lambda text, ids: ids,
        lambda text, ids: tuple(ids),
        lambda text, ids: __import__("torch").tensor([ids, ids]),
        lambda text, ids: __import__("numpy").array(ids),
        lambda text, ids: type("Box", (), {"__slots__": ("x",), "__init__": lambda self: setattr(self, "x", text)})(),
    ],
)
def test_an_example_is_found_however_it_is_kept(hide):
    prompt = "kit/first q01007 hawk:"
    ids = world.byte_tokenizer()(prompt)["input_ids"]
    assert reach.search([hide(prompt, ids)], packages=()).markers == {"01007"}
    assert world.is_test("01007")


def test_it_is_not_found_where_it_is_not():
    assert reach.search([{"a": "q1", "b": list(range(90))}], packages=()).markers == set()


def test_an_unknown_property_is_the_callers_error():
    with pytest.raises(UnknownNameError, match="no property 'resume'; did you mean 'resumes'"):
        testing.check("sequential", properties=["resume"])
