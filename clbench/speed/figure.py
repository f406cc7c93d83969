"""One measured line, and the machine that it was measured on."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LIBRARIES = ("clbench", "torch", "transformers", "numpy")


@dataclass(frozen=True, slots=True)
class Figure:
    """Of one thing on one shape.

    Args:
        part: steps, training, answering or projection.
        shape: of the model.
        what: was measured.
        value: in `unit`; None where it was not measured.
        unit: such as `ms` or `tokens/s`.
        beside: what it is compared with: how many times as long, or as many.
        note: what a reader must know, such as why it was not measured.
    """

    part: str
    shape: str
    what: str
    value: float | None
    unit: str
    beside: dict[str, float] = field(default_factory=dict)
    note: str = ""


def machine(device: torch.device) -> dict[str, Any]:
    """Versions, processor or card, threads."""
    import torch

    from clbench.models.device import arithmetic, device_name

    found: dict[str, Any] = {"device": device_name(device), "python": platform.python_version(), **arithmetic()}
    if device.type == "cuda":
        found["cuda"] = torch.version.cuda
    return found | {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
