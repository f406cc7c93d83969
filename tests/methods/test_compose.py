"""`a+b`: what goes together, who is called when, and why other pairs are refused."""

import itertools
from dataclasses import replace

import pytest

from clbench.base.errors import OptionError
from clbench.methods.compose import Compose, check_composition
from clbench.methods.method import Footprint, Method, MethodOptions
from clbench.methods.methodspec import MethodSpec


def spec(name, *capabilities, regime="sequential"):
    return MethodSpec(name, "module:Class", "…", capabilities=frozenset(capabilities), regime=regime)


PLAIN, LOSS = spec("sequential"), spec("ewc", "adds_loss")
DATA, GRADIENTS = spec("replay", "edits_data", "stores_examples"), spec("gem", "edits_gradients", "extra_backward")
OPTIMIZER, MODEL = spec("mofo", "owns_optimizer"), spec("lora", "changes_model")
JOINT, SINGLE = spec("joint", regime="joint"), spec("single", regime="single")


@pytest.mark.parametrize(
    ("specs", "regime"),
    [
        ([PLAIN], "sequential"),
        ([DATA, OPTIMIZER], "sequential"),
        ([DATA, GRADIENTS, LOSS, OPTIMIZER, MODEL], "sequential"),
        ([JOINT, OPTIMIZER], "joint"),
        ([OPTIMIZER, SINGLE], "single"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(one.name for one in value),
)
def test_what_goes_together(specs, regime):
    assert {check_composition(order) for order in itertools.permutations(specs)} == {regime}


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (OPTIMIZER, spec("hft", "owns_optimizer"), "each brings its own optimizer, and a model can have only one"),
        (MODEL, spec("loramoe", "changes_model"), "each rebuilds the model, and neither knows the other's modules"),
        (JOINT, SINGLE, "one trains {}, the other {}"),
        (spec("frozen", regime="frozen"), JOINT, "one trains {}, the other {}"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_refusal_names_both_and_the_reason(first, second, reason):
    for order in itertools.permutations([first, second, DATA]):
        one, other = (each for each in order if each is not DATA)
        with pytest.raises(OptionError) as caught:
            check_composition(order)
        label, why = "+".join(each.name for each in order), reason.format(one.regime, other.regime)
        assert str(caught.value) == f"{label}: {one.name!r} and {other.name!r} cannot be combined: {why}"


def test_a_method_cannot_stand_twice():
    with pytest.raises(OptionError, match=r"mofo\+mofo: 'mofo' stands twice"):
        check_composition([OPTIMIZER, replace(OPTIMIZER)])


class Recorder(Method):
    """Writes down each call; adds its number to data and loss."""

    def __init__(self, number, calls, **options):
        super().__init__(MethodOptions(**options))
        self.number, self.calls = number, calls

    def prepare_model(self, model):
        return [*model, self.number]

    def before_experience(self, run, experience):
        self.calls.append(("before", self.number))

    def training_data(self, run, experience, data):
        return [*data, self.number]

    def extra_loss(self, run, batch, output):
        return self.number or None

    def after_backward(self, run):
        self.calls.append(("backward", self.number))

    def after_step(self, run):
        self.calls.append(("step", self.number))

    def after_experience(self, run, experience, data):
        self.calls.append(("after", self.number))

    def state_dict(self):
        return {"number": self.number}

    def load_state_dict(self, state):
        self.number = state["number"]

    def footprint(self):
        return Footprint(self.number, 1, 2, 0.5)


def test_every_hook_calls_the_members_in_order():
    calls = []
    both = Compose({"a": Recorder(1, calls), "b": Recorder(2, calls)})
    for hook, arguments in {
        "before_experience": (None, None),
        "after_backward": (None,),
        "after_step": (None,),
        "after_experience": (None, None, []),
    }.items():
        getattr(both, hook)(*arguments)
    assert calls == [(kind, n) for kind in ("before", "backward", "step", "after") for n in (1, 2)]


def test_compose_overrides_every_hook_of_a_method():
    hooks = {name for name, value in vars(Method).items() if callable(value) and not name.startswith("_")} - {"Options"}
    assert hooks <= set(vars(Compose))


def test_data_model_and_loss_pass_through_all_members():
    both = Compose({"a": Recorder(1, []), "b": Recorder(2, []), "c": Recorder(0, [])})
    assert both.prepare_model([]) == [1, 2, 0]
    assert both.training_data(None, None, [9]) == [9, 1, 2, 0]
    assert both.extra_loss(None, {}, None) == 3  # None of the third adds nothing
    assert Compose({"c": Recorder(0, [])}).extra_loss(None, {}, None) is None
    assert both.footprint() == Footprint(3, 3, 6, 1.5)


def test_optimizer_is_that_of_the_one_member_that_has_one():
    class Owner(Method):
        def make_optimizer(self, named_params, run):
            return "mine"

    assert Compose({"a": Method(), "b": Owner()}).make_optimizer([], None) == "mine"
    assert Compose({"a": Method()}).make_optimizer([], None) is None
    with pytest.raises(AssertionError, match="without declaring owns_optimizer"):
        Compose({"a": Owner(), "b": Owner()}).make_optimizer([], None)


def test_state_is_kept_by_member():
    both = Compose({"a": Recorder(1, []), "b": Recorder(2, [])})
    other = Compose({"a": Recorder(7, []), "b": Recorder(8, [])})
    other.load_state_dict(both.state_dict())
    assert other.state_dict() == {"a": {"number": 1}, "b": {"number": 2}}


@pytest.mark.parametrize(
    ("rates", "rate"), [((None, None), None), ((1e-3, None), 1e-3), ((None, 1e-4), 1e-4), ((1e-3, 1e-3), 1e-3)]
)
def test_learning_rate_is_that_of_the_member_that_sets_one(rates, rate):
    members = {f"m{n}": Recorder(n, [], learning_rate=one) for n, one in enumerate(rates)}
    assert Compose(members).options.learning_rate == rate


def test_two_learning_rates_are_refused():
    with pytest.raises(OptionError, match=r"a\+b: two learning rates are set \(0.001, 0.01\); keep one"):
        Compose({"a": Recorder(1, [], learning_rate=1e-2), "b": Recorder(2, [], learning_rate=1e-3)})


def test_an_optimizer_over_a_frozen_base_is_allowed_and_said():
    from clbench.methods.compose import composition_notes

    adapter = MethodSpec("adapter", "x:Y", "s", frozenset({"changes_model", "freezes_base"}))
    filtered = MethodSpec("filtered", "x:Y", "s", frozenset({"owns_optimizer"}))
    assert check_composition([adapter, filtered]) == "sequential"
    (note,) = composition_notes([adapter, filtered])
    assert note == (
        "adapter+filtered: adapter freezes the base model, so filtered acts on what adapter adds and on nothing else"
    )
    assert composition_notes([filtered]) == composition_notes([adapter]) == []
