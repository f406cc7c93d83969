"""The bridge to Avalanche: `clbench run --plugin avalanche`. Registration only; torch and Avalanche stay unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The method `avalanche`, which runs one of Avalanche's plugins."""
    yield MethodSpec(
        name="avalanche",
        target="clbench_avalanche.method:Avalanche",
        summary="a plugin of Avalanche (EWCPlugin, RWalkPlugin) inside clbench's loop",
        capabilities=frozenset({"adds_loss", "extra_backward"}),
        limit="Avalanche's plugins look at whole parameters",
        source="Carta et al., Avalanche: A PyTorch Library for Deep Continual Learning, JMLR 24 (363), 2023",
    )
