"""GEM, A-GEM and OGD, as methods of clbench: `clbench run --plugin gem`. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import Capability, MethodSpec, hookimpl

CAPABILITIES: frozenset[Capability] = frozenset({"edits_gradients", "stores_examples", "extra_backward"})


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The methods `gem`, `agem` and `ogd`."""
    yield MethodSpec(
        name="gem",
        target="clbench_gem.method:Gem",
        summary="the nearest gradient that raises no past task's loss, to first order, on a memory of its records",
        capabilities=CAPABILITIES,
        limit="it projects the whole gradient",
        source="Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, 2017, arXiv:1706.08840",
    )
    yield MethodSpec(
        name="agem",
        target="clbench_gem.method:AGem",
        summary="the nearest gradient that does not raise the mean loss of a sample of past records, to first order",
        capabilities=CAPABILITIES,
        limit="it projects the whole gradient",
        source="Chaudhry et al., Efficient Lifelong Learning with A-GEM, 2019, arXiv:1812.00420",
    )
    yield MethodSpec(
        name="ogd",
        target="clbench_gem.ogd:Ogd",
        summary="gradients without their part along those of past outputs, of which a basis is kept",
        capabilities=frozenset({"edits_gradients", "extra_backward"}),
        limit="its basis is of whole gradients",
        source="Farajtabar et al., Orthogonal Gradient Descent for Continual Learning, AISTATS 2020, arXiv:1910.07104",
    )
