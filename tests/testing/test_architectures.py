"""A method on other architectures: what works, what is refused, and what fails is told apart."""

import pytest
import small

from clbench import testing
from clbench.base.errors import OptionError, UnknownNameError
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.testing.architectures import attempts, choose
from clbench.testing.families import FAMILIES, family


class Refuses(Method):
    def prepare_model(self, model):
        raise OptionError("-o refuses: no model is good enough")


class Breaks(Method):
    def prepare_model(self, model):
        raise KeyError("weight")


class Idles(Method):
    def after_backward(self, run):
        for p in run.model.parameters():
            p.grad = None


def fares(method, *names):
    spec = MethodSpec(method.__name__.lower(), f"{__name__}:{method.__name__}", "for a test")
    subject = testing.make_subject(spec.name, registry=small.registry_with(spec))
    return [(one.family, one.status, one.reason) for one in attempts(subject, choose(names))]


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        (Method, "works", ""),
        (Refuses, "refused", "-o refuses: no model is good enough"),
        (Breaks, "fails", "KeyError: 'weight'"),
        (Idles, "fails", "no weight has changed"),
    ],
)
def test_how_a_method_fares(method, status, reason):
    assert fares(method, "bloom") == [("BLOOM", status, reason)]


def test_bounds_that_train_nothing_work():
    subject = testing.make_subject("frozen")
    assert [one.status for one in attempts(subject, [family("gpt2")])] == ["works"]


def test_which_architectures():
    assert choose(["all"]) == tuple(one for one in FAMILIES if one.causal)
    assert choose(["Mamba", "gpt2"]) == (family("mamba"), family("GPT-2"))
    with pytest.raises(UnknownNameError, match="no architecture 'lama'"):
        choose(["lama"])
