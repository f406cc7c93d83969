"""MoFO, the momentum-filtered optimizer: `clbench run --plugin mofo`. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The method `mofo`; its ablations are values of the option `score`."""
    yield MethodSpec(
        name="mofo",
        target="clbench_mofo.method:Mofo",
        summary="AdamW that moves only the entries with the largest momentum in each tensor",
        capabilities=frozenset({"owns_optimizer"}),
        source="Chen et al., MoFO: Momentum-Filtered Optimizer for Mitigating Forgetting in LLM Fine-Tuning, 2024, "
        "arXiv:2407.20999",
    )
