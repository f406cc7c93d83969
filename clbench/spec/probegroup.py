"""Groups of probes under one name, as YAML files: `--probe general-trace` asks TRACE's six."""

from __future__ import annotations

from pydantic import Field

from clbench.spec.frozen import Frozen
from clbench.spec.task import Name


class ProbeGroup(Frozen):
    """What a group file says.

    Args:
        group: its name.
        summary: one line for people.
        probes: names of its probes.
        source: who groups them so.
        examples: records of each at most, where the user does not say.
    """

    group: Name
    summary: str
    probes: tuple[Name, ...]
    source: str = ""
    examples: int | None = Field(default=None, ge=1)
