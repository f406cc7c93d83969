"""`replay`: past records, mixed into each step's batch or trained on for an epoch after each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, final

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Footprint, Method, MethodOptions, Run
from clbench.base.errors import DataError
from clbench.base.hashing import file_digest
from clbench.data.records import read_examples
from clbench_replay.memory import Kept, Policy, arrive, indices, keep, text_bytes

SIZE, SHARE, RATIO = 256, 0.1, 0.25  # TRACE's share; the size is 8 % of the bundled stream
EXTRA_TASK = "replay/extra"


class ReplayOptions(MethodOptions):
    """Options of `replay`.

    Args:
        policy: what is kept. `task-balanced`: a uniform sample of each task, equally many of each; `reservoir`: a
            uniform sample of all records so far; `ring`: the last records; `first`: the first records of each task, as
            TRACE does.
        size: records that the memory holds over all tasks; 256 unless `share` is set. Not with `first`.
        share: share (0–1] of each task that is kept, instead of a size; 0.1 with `first`, which has no size. Otherwise
            with `task-balanced` only.
        schedule: `mixed`: each step trains on past records too; `after-task`: one epoch over the memory after each
            task, at the learning rate reached, as TRACE does.
        ratio: past records a step for each record of its batch, with `mixed`; 0.25 by default, 0 is plain fine-tuning.
        include_current: with `after-task`, whether the task just learned is rehearsed too. TRACE: no.
        extra: a JSONL file of {"prompt", "answer"}, general records such as LIMA, which TRACE adds: `mixed` draws past
            records from the memory and from it, `after-task` rehearses it too, both with the first task also.
    """

    policy: Policy = "task-balanced"
    size: int | None = Field(default=None, ge=1, le=10_000_000)
    share: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    schedule: Literal["mixed", "after-task"] = "mixed"
    ratio: float | None = Field(default=None, ge=0, le=100, allow_inf_nan=False)
    include_current: bool = False
    extra: str | None = None

    @field_validator("size")
    @classmethod
    def _size_has_a_policy(cls, size: int | None, info: ValidationInfo) -> int | None:
        if size is not None and info.data.get("policy") == "first":
            raise PydanticCustomError(
                "size", "does not go with policy=first, which keeps a share of each task: set share"
            )
        return size

    @field_validator("share")
    @classmethod
    def _share_has_a_policy(cls, share: float | None, info: ValidationInfo) -> float | None:
        if share is not None and info.data.get("policy") not in ("first", "task-balanced"):
            raise PydanticCustomError("share", "goes with policy=first or task-balanced; with others set size")
        if share is not None and info.data.get("size") is not None:
            raise PydanticCustomError("share", "size is set as well; keep one of the two")
        return share

    @field_validator("ratio")
    @classmethod
    def _ratio_is_of_a_batch(cls, ratio: float | None, info: ValidationInfo) -> float | None:
        if ratio is not None and info.data.get("schedule") == "after-task":
            raise PydanticCustomError("ratio", "goes with schedule=mixed; after-task trains on the whole memory")
        return ratio

    @field_validator("include_current")
    @classmethod
    def _rehearsal_is_after_a_task(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("schedule") == "mixed":
            raise PydanticCustomError("rehearsal", "goes with schedule=after-task")
        return value

    @field_validator("extra")
    @classmethod
    def _extra_can_be_read(cls, extra: str | None, info: ValidationInfo) -> str | None:
        if extra is not None:
            if info.data.get("ratio") == 0:
                raise PydanticCustomError("extra", "is never drawn at ratio=0; leave one of the two out")
            read_extra(extra)
        return extra


def read_extra(path: str) -> list[Example]:
    """The records that are rehearsed beside the memory.

    Raises:
        PydanticCustomError: the file cannot be read, or is not of records.
    """
    try:
        examples = read_examples(Path(path).expanduser(), task=EXTRA_TASK)
    except DataError as error:
        raise PydanticCustomError("extra", "{why}", {"why": str(error)}) from error
    if not all(one.answer for one in examples):
        raise PydanticCustomError("extra", "{path}: an answer is empty", {"path": path})
    return examples


@final
class Replay(Method):
    """A memory that is filled after each experience, so that the first is trained as without it."""

    Options: ClassVar[type[MethodOptions]] = ReplayOptions
    options: ReplayOptions

    def __init__(self, options: ReplayOptions | None = None) -> None:
        super().__init__(options)
        self._memory: list[Kept] = []
        self._sizes: dict[str, int] = {}  # of the experiences that the memory has seen
        self._own = self._mixed = 0  # examples of the experiences and of the memory that steps trained on
        self._rehearsed: dict[str, int] = {}  # examples after each experience
        self._extra = [] if self.options.extra is None else read_extra(self.options.extra)

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example]:
        """The batch, and a fresh sample of the memory and the extra records."""
        self._own += len(batch)
        ratio = RATIO if self.options.ratio is None else self.options.ratio
        held = len(self._memory) + len(self._extra)
        if self.options.schedule != "mixed" or not held or not ratio:
            return batch
        number = min(round(ratio * len(batch)), held)
        if not number:
            run.warn("replay: steps whose batch is too small for replay.ratio, which replayed nothing")
            return batch
        self._mixed += number
        drawn = run.rng("replay.batch", run.step).sample(range(held), number)
        return [*batch, *map(self._held, drawn)]

    def _held(self, place: int) -> Example:
        """Of the memory, then of the extra records."""
        inside = place < len(self._memory)
        return self._memory[place].example if inside else self._extra[place - len(self._memory)]

    def rehearsal_data(self, run: Run, experience: Experience, data: Sequence[Example]) -> Sequence[Example]:
        """The memory and the extra records, with `after-task`."""
        if self.options.schedule != "after-task":
            return ()
        if self.options.include_current:
            self._admit(run, experience, data)
        examples = [*(one.example for one in self._memory), *self._extra]
        self._rehearsed[experience.task] = len(examples)
        return examples

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Keep something of it, and put into the record what."""
        self._admit(run, experience, data)
        run.note("replay", self._note())

    def _admit(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Once for each experience."""
        if experience.task in self._sizes:
            return
        self._sizes[experience.task] = len(data)
        arrived = arrive(experience.task, data, rng=run.rng("replay.keys", experience.index))
        policy, share = self.options.policy, self.options.share
        if share is None and policy == "first":
            share = SHARE
        self._memory = keep(self._memory, arrived, policy=policy, size=self.options.size or SIZE, share=share)

    def _note(self) -> dict[str, Any]:
        note: dict[str, Any] = {
            "examples": len(self._memory),
            "bytes": text_bytes(one.example for one in self._memory),
            "seen": dict(self._sizes),
            "indices": indices(self._memory),
            "own_examples": self._own,
            "mixed_examples": self._mixed,
            "rehearsed_examples": dict(self._rehearsed),
        }
        if self.options.extra is not None:
            digest = file_digest(Path(self.options.extra).expanduser())
            note["extra"] = {"examples": len(self._extra), "bytes": text_bytes(self._extra), "sha256": digest}
        return note

    def state_dict(self) -> dict[str, Any]:
        """Memory and counts. Draws need no state: each step's generator is named by its number."""
        return {
            "memory": [one.to_json() for one in self._memory],
            "sizes": dict(self._sizes),
            "own": self._own,
            "mixed": self._mixed,
            "rehearsed": dict(self._rehearsed),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up memory and counts."""
        self._memory = [Kept.from_json(one) for one in state["memory"]]
        self._sizes, self._rehearsed = dict(state["sizes"]), dict(state["rehearsed"])
        self._own, self._mixed = state["own"], state["mixed"]

    def footprint(self) -> Footprint:
        """The memory; and the past or extra examples trained on for each of the experiences' own."""
        more = self._mixed + sum(self._rehearsed.values())
        return Footprint(
            stored_examples=len(self._memory),
            stored_bytes=text_bytes([*(one.example for one in self._memory), *self._extra]),
            extra_passes=more / self._own if self._own else 0.0,
        )
