"""What a user asks for, in the user's words: the options of `clbench run`, checked one by one.

Words become runs in `session.prepare`. The command line, the conformance kit and scripts come in by this door alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from clbench.base import home
from clbench.engine.proberequest import ProbeRequest
from clbench.models.loading import BUNDLED
from clbench.spec.frozen import Frozen
from clbench.spec.stream import Schedule

Sections = Mapping[str, Mapping[str, Any]]


class Request(Frozen):
    """One `clbench run`.

    Args:
        stream: a name, `NAME:VARIANT`, or a YAML file; a preset may say it.
        plugin: methods, as written: `replay+mofo`.
        preset: settings of a published experiment, under the user's.
        model: name of the base model.
        revision: of a Hub model.
        trust_remote_code: run code of a Hub model.
        seed: seeds one by one.
        seeds: or the first N.
        order: task orders one by one.
        orders: or the default one and N - 1 random ones.
        options: of methods, by name.
        settings: of `stream`, `protocol` and `runtime`, by section.
        probe: names of probes and groups beside the stream's own.
        probe_limit: records of each at most.
        probe_schedule: in which rows of R they are asked.
        data: folder of local files.
        fresh: run again what is finished.
        runs_dir: for run directories.
        leaderboards_dir: for boards.
    """

    stream: str | None = None
    plugin: tuple[str, ...] = ()
    preset: str | None = None
    model: str = BUNDLED
    revision: str | None = None
    trust_remote_code: bool = False
    seed: tuple[int, ...] = ()
    seeds: int | None = None
    order: tuple[str, ...] = ()
    orders: int | None = None
    options: Sections = {}
    settings: Sections = {}
    probe: tuple[str, ...] = ()
    probe_limit: int | None = None
    probe_schedule: Schedule = "before-after"
    data: Path | None = None
    fresh: bool = False
    runs_dir: Path = Field(default_factory=home.runs_dir)
    leaderboards_dir: Path = Field(default_factory=home.leaderboards_dir)

    @property
    def probes(self) -> ProbeRequest:
        """What is asked beside the stream's tasks."""
        return ProbeRequest(self.probe, self.probe_limit, self.probe_schedule)
