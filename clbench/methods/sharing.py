"""Whether methods are exact in several processes, and with parameters in parts, asked before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench.base.errors import OptionError, RunError
from clbench.methods.methodspec import MethodSpec

if TYPE_CHECKING:
    from clbench.spec.protocol import Protocol


def alone(spec: MethodSpec) -> bool:
    """Whether a method trains in one process only."""
    return "one_process" in spec.capabilities


def bears_parts(spec: MethodSpec) -> bool:
    """Whether a method is exact where a process holds a part of each parameter; one that declares nothing is."""
    return "sharded_ok" in spec.capabilities or not spec.capabilities


def check_sharing(specs: Sequence[MethodSpec], protocol: Protocol, *, processes: int, in_parts: bool) -> None:
    """What the specs alone tell.

    Args:
        specs: of the methods of a run.
        protocol: what weights and moments are kept in.
        processes: that train together.
        in_parts: whether each holds a part of each parameter only.

    Raises:
        RunError: a method is not exact there; with the reason that it declares.
        OptionError: weights or moments in fewer bits are not put into parts.
    """
    for spec in specs:
        reason = f": {spec.limit}" if spec.limit else ""
        if processes > 1 and alone(spec):
            raise RunError(f"method {spec.name!r} trains in one process{reason}; run it without a launcher")
        if in_parts and not bears_parts(spec):
            raise RunError(
                f"method {spec.name!r} is not exact when parameters or gradients are sharded (FSDP){reason}; "
                "run it on one device, or on several without sharding"
            )
    if in_parts and (protocol.weights, protocol.moments) != ("fp32", "fp32"):
        raise OptionError(
            f"protocol.weights={protocol.weights}, protocol.moments={protocol.moments}: where parameters are sharded "
            "(FSDP), weights and moments are fp32; leave both out, or run without sharding"
        )
