"""One run, fully resolved: what it is called, what it may be compared with, what `run.json` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from clbench.base.hashing import digest
from clbench.data.probes import ProbeData, is_foreign
from clbench.data.sources import TaskData, data_hash
from clbench.methods.compose import composition_notes
from clbench.methods.method import Method
from clbench.models.loading import BUNDLED
from clbench.models.ref import ModelRef
from clbench.plugins.registry import MethodChoice
from clbench.runs.record import Board, MethodPart, slug
from clbench.scoring import VERSION as SCORER_VERSION
from clbench.spec.protocol import Runtime
from clbench.spec.stream import StreamPlan

SaveModel: TypeAlias = Literal["end", "each"]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run, fully resolved.

    Args:
        plan: stream, order, protocol.
        data: the records of the plan's tasks, in its order.
        choice: which method.
        options: for it, by member name.
        model: which base model.
        seed: of all randomness.
        runtime: speed and memory.
        probes: records of what is scored and never trained on.
        command: that asks for it.
        template: hash of the chat template that prompts go through, if they do.
        save_model: whether the trained model is kept, and when; no part of what the run is.
    """

    plan: StreamPlan
    data: tuple[TaskData, ...]
    choice: MethodChoice
    options: Mapping[str, Mapping[str, Any]]
    model: ModelRef
    seed: int
    runtime: Runtime
    probes: tuple[ProbeData, ...] = ()
    command: tuple[str, ...] = ()
    template: str | None = None
    save_model: SaveModel | None = None

    def board(self) -> Board:
        """What this run may be compared with."""
        identity, resized = self.plan.identity(), "stream.probe_examples" in self.plan.changes
        return Board(
            stream=self.plan.name,
            variant=self.plan.variant,
            stream_version=self.plan.version,
            protocol=identity["protocol"] | ({"template": self.template} if self.template else {}),
            tasks=digest(identity["tasks"]),
            data=data_hash(list(self.data)),
            model=self.model.identity(),
            scorer_version=SCORER_VERSION,
            train_examples=self.plan.train_examples,
            test_examples=self.plan.test_examples,
            probes={one.task.name: one.identity for one in self.probes if is_foreign(one) or resized},
            changes=dict(self.plan.changes),
            split=self.plan.split,
        )

    def method_part(self, method: Method) -> MethodPart:
        """The method as the record has it."""
        return MethodPart(
            name=self.choice.name,
            regime=self.choice.regime,
            options=self.choice.options(method),
            defaults=self.choice.options(self.choice.create({})),
            packages={entry.plugin.package: entry.plugin.version for entry in self.choice.entries},
        )

    def run_id(self, method: Method) -> str:
        """A readable name and a hash of everything that the result depends on (not of `runtime`)."""
        tasks = [[task.name, self.plan.groups.get(task.name)] for task in self.plan.tasks]
        content = [self.board().hash, self.choice.options(method), self.seed, tasks]
        content += self._asked_otherwise()
        content += [self.texts()] if self.texts() else []
        model = self.model.name.rpartition("/")[2]
        stream = self.plan.label.replace(":", "-") + ("-eval" if self.plan.split == "eval" else "")
        label = [stream, self.choice.name, model, self.plan.order, f"s{self.seed}"]
        return "_".join([*map(slug, label), digest(content)[:8]])

    def _asked_otherwise(self) -> list[Any]:
        """Which probes beside or instead of the stream's own; nothing where it is just those of an invented world."""
        asked = {
            one.task.name: [one.plan.schedule, one.plan.examples]
            for one in self.probes
            if one.plan.given or is_foreign(one)
        }
        return [asked, *self.plan.left_out] if asked or self.plan.left_out else []

    def texts(self) -> dict[str, str]:
        """Of methods that are in no package, by name: a run of another text is another run."""
        return {entry.spec.name: entry.spec.text for entry in self.choice.entries if entry.spec.text}

    def notes(self) -> list[str]:
        """What a reader of the result must know."""
        notes = [*composition_notes([entry.spec for entry in self.choice.entries]), *self.data_notes()]
        notes += self._asked_plain()
        if self.model.name == BUNDLED and self.plan.source != "mini":
            notes.append(
                f"{BUNDLED}: a functional run, no scientific result: this model is far too small for {self.plan.label}"
            )
        return notes

    def _asked_plain(self) -> list[str]:
        """Which probes another tool asks, in its own words."""
        names = [one.task.name for one in self.probes if one.external]
        return [f"{', '.join(names)}: asked without the chat template"] if names and self.template else []

    def data_notes(self) -> list[str]:
        """How files were read, where not as they stand."""
        return [note for one in (*self.data, *self.probes) for note in one.notes]

    def describe(self, method: Method) -> dict[str, Any]:
        """The resolved configuration for `run.json`."""
        probes = [probe.task for probe in self.plan.probes]
        return {
            "stream": self.plan.label,
            "order": {"name": self.plan.order, "tasks": [task.name for task in self.plan.tasks]},
            "method": self.method_part(method).model_dump(mode="json"),
            "model": self.model.identity(),
            "seed": self.seed,
            "tasks": {task.name: task.model_dump(mode="json") for task in (*self.plan.tasks, *probes)},
            "board": {"name": self.board().name, **self.board().model_dump(mode="json")},
            "probes": {
                one.task.name: {
                    "source": one.source,
                    "schedule": one.plan.schedule,
                    "examples": one.plan.examples,
                    "data": one.hash,
                    **({"external": one.external.identity} if one.external else {}),
                }
                for one in self.probes
            },
            "runtime": self.runtime.model_dump(mode="json"),
        }
