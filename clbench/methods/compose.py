"""`replay+mofo`: several methods in one run, each doing its part in the order they are written.

What cannot go together is refused from the specs alone, before anything is imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import OptionError
from clbench.data.example import Example
from clbench.methods.method import Experience, Footprint, Method, MethodOptions, Run, as_measured
from clbench.methods.methodspec import MethodSpec, Regime

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from clbench.data.tokenising import Encoded

_EXCLUSIVE = {
    "owns_optimizer": "each brings its own optimizer, and a model can have only one",
    "replaces_loss": "each minimises a loss of its own, and a step has only one",
    "changes_model": "each rebuilds the model, and neither knows the other's modules",
}


def check_composition(specs: Sequence[MethodSpec]) -> Regime:
    """The regime of a composition.

    Raises:
        OptionError: two of the methods cannot go together; the message names both and the reason.
    """
    for spec in specs:
        if sum(other.name == spec.name for other in specs) > 1:
            raise OptionError(f"{_label(specs)}: {spec.name!r} stands twice")
    for capability, reason in _EXCLUSIVE.items():
        having = [spec.name for spec in specs if capability in spec.capabilities]
        if len(having) > 1:
            raise OptionError(f"{_label(specs)}: {having[0]!r} and {having[1]!r} cannot be combined: {reason}")
    others = [spec for spec in specs if spec.regime != "sequential"]
    if len(others) > 1:
        raise OptionError(
            f"{_label(specs)}: {others[0].name!r} and {others[1].name!r} cannot be combined: "
            f"one trains {others[0].regime}, the other {others[1].regime}"
        )
    return others[0].regime if others else "sequential"


def composition_notes(specs: Sequence[MethodSpec]) -> list[str]:
    """What a reader of a composition's result must know."""
    owners = [spec.name for spec in specs if "owns_optimizer" in spec.capabilities]
    frozen = [spec.name for spec in specs if "freezes_base" in spec.capabilities]
    return [
        f"{_label(specs)}: {base} freezes the base model, so {owner} acts on what {base} adds and on nothing else"
        for owner in owners
        for base in frozen
    ]


def _label(specs: Sequence[MethodSpec]) -> str:
    return "+".join(spec.name for spec in specs)


class Compose(Method):
    """Several methods as one. Each hook calls the members in order; data and losses pass through all of them."""

    def __init__(self, members: Mapping[str, Method]) -> None:
        rates = {rate for member in members.values() if (rate := member.options.learning_rate) is not None}
        if len(rates) > 1:
            raise OptionError(
                f"{'+'.join(members)}: two learning rates are set ({', '.join(map(str, sorted(rates)))}); keep one"
            )
        super().__init__(MethodOptions(learning_rate=next(iter(rates), None)))
        self.members = dict(members)

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Each member changes what the one before it left."""
        for member in self.members.values():
            model = member.prepare_model(model)
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The optimizer of the only member that has one."""
        made = [member.make_optimizer(named_params, run) for member in self.members.values()]
        own = [optimizer for optimizer in made if optimizer is not None]
        assert len(own) <= 1, "a member made an optimizer without declaring owns_optimizer"
        return own[0] if own else None

    def before_experience(self, run: Run, experience: Experience) -> None:
        """To all."""
        for member in self.members.values():
            member.before_experience(run, experience)

    def training_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """Through all."""
        for member in self.members.values():
            data = member.training_data(run, experience, data)
        return data

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """Through all; rows that one has made of examples pass by those after it."""
        rows: list[Encoded] = []
        for member in self.members.values():
            wanted = member.batch_data(run, batch)
            batch = [one for one in wanted if isinstance(one, Example)]
            rows += [one for one in wanted if not isinstance(one, Example)]
        return [*batch, *rows]

    def rehearsal_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """One after the other."""
        return [one for member in self.members.values() for one in member.rehearsal_data(run, experience, data)]

    def extra_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """The sum of all terms."""
        terms = [member.extra_loss(run, batch, output) for member in self.members.values()]
        present = [term for term in terms if term is not None]
        return sum(present[1:], start=present[0]) if present else None

    def own_loss(self, run: Run, batch: Mapping[str, torch.Tensor], output: Any) -> torch.Tensor | None:
        """That of the only member that has one."""
        own = [loss for one in self.members.values() if (loss := one.own_loss(run, batch, output)) is not None]
        assert len(own) <= 1, "a member replaced the loss without declaring replaces_loss"
        return own[0] if own else None

    def after_backward(self, run: Run) -> None:
        """To all, in order: `gem+agem` would project twice."""
        for member in self.members.values():
            member.after_backward(run)

    def after_step(self, run: Run) -> None:
        """To all."""
        for member in self.members.values():
            member.after_step(run)

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """To all."""
        for member in self.members.values():
            member.after_experience(run, experience, data)

    @contextlib.contextmanager
    def evaluating(self, run: Run, task: str | None = None) -> Iterator[None]:
        """Inside all."""
        with contextlib.ExitStack() as stack:
            for member in self.members.values():
                stack.enter_context(as_measured(member, run, task))
            yield

    def state_dict(self) -> dict[str, Any]:
        """By member."""
        return {name: member.state_dict() for name, member in self.members.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """By member."""
        for name, member in self.members.items():
            member.load_state_dict(state[name])

    def footprint(self) -> Footprint:
        """The sum."""
        return sum((member.footprint() for member in self.members.values()), start=Footprint())
