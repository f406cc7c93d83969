"""Whether a method can train a model whose weights or moments are kept in fewer bits, asked before one is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench.base.errors import OptionError, RunError
from clbench.methods.methodspec import MethodSpec, Regime

if TYPE_CHECKING:
    import torch

    from clbench.spec.protocol import Protocol


def check_weights(specs: Sequence[MethodSpec], protocol: Protocol, *, regime: Regime) -> None:
    """What the specs alone tell.

    Raises:
        OptionError: a base that is to stay frozen would be trained, or an optimizer knows nothing of rounding.
    """
    names, weights = "+".join(spec.name for spec in specs), protocol.weights
    declared = [spec for spec in specs if spec.capabilities]
    frozen = regime == "frozen" or any("freezes_base" in spec.capabilities for spec in specs)
    if weights.startswith("frozen") and not frozen and len(declared) == len(specs):
        raise OptionError(
            f"{names}: trains the base model's weights, and protocol.weights={weights} is for methods that leave them "
            "as they are (lora, dora, loramoe, …); use weights=bf16 or fp32"
        )
    folder = next((spec.name for spec in specs if "folds_base" in spec.capabilities), None)
    if weights.startswith("frozen") and folder is not None:
        raise OptionError(
            f"{names}: {folder!r} adds what each task taught to the base model's weights, which "
            f"protocol.weights={weights} would round away; use weights=fp32"
        )
    check_optimizer(next((spec.name for spec in specs if "owns_optimizer" in spec.capabilities), None), protocol)


def check_optimizer(owner: str | None, protocol: Protocol) -> None:
    """Of a method that brings an optimizer, whether it has said so or not.

    Raises:
        OptionError: the protocol wants what only its own optimizer can do.
    """
    small = [f"protocol.{key}={value}" for key, value in _small(protocol).items()]
    if owner is not None and small:
        raise OptionError(
            f"{owner!r} brings its own optimizer, which keeps fp32 weights and moments; leave {small[0]} out, or take "
            "a method that the protocol's AdamW trains"
        )


def check_untouched(model: Any, versions: Mapping[str, int], *, method: str, protocol: Protocol) -> None:
    """After a task, of a method that has said nothing of it: what is written to weights in fewer bits is rounded away.

    Args:
        model: trained.
        versions: of its tensors before the first step.
        method: its name.
        protocol: what weights are kept in.

    Raises:
        RunError: a frozen weight was written to.
    """
    if not protocol.weights.startswith("frozen"):
        return
    for name, p in model.named_parameters():
        if not p.requires_grad and versions.get(name, p._version) != p._version:
            raise RunError(f"{method}: writes to {name}, which protocol.weights={protocol.weights} freezes; use fp32")


def _small(protocol: Protocol) -> dict[str, str]:
    """What only the protocol's own optimizer can do."""
    found = {"weights": protocol.weights} if protocol.weights == "bf16" else {}
    return found | ({"moments": protocol.moments} if protocol.moments != "fp32" else {})


def settle(model: Any, base: Sequence[torch.nn.Parameter], *, method: str, protocol: Protocol) -> None:
    """Give what a method has added its dtype: fp32 beside a base that stays frozen, bf16 where all is.

    Args:
        model: as the method prepared it.
        base: the parameters that it had before.
        method: its name.
        protocol: what weights are kept in.

    Raises:
        OptionError: the method trains weights of a base that was to stay frozen.
    """
    import torch

    if protocol.weights == "fp32":
        return
    own, wanted = {id(p) for p in base}, torch.bfloat16 if protocol.weights == "bf16" else torch.float32
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if id(p) in own and wanted == torch.float32:
            raise OptionError(
                f"{method}: trains {name} of the base model; protocol.weights={protocol.weights} freezes it"
            )
        p.data = p.data.to(wanted)
