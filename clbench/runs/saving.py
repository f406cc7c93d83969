"""When a run's state is saved, and who waits for it: a thread writes a copy while the run goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import spending
from clbench.base.background import Background

if TYPE_CHECKING:
    import torch

    from clbench.runs.checkpoint import Packed
    from clbench.runs.copying import Room
    from clbench.spec.protocol import Runtime

_PATIENCE = 40  # saving takes at most a fortieth of the time between two saves
_LARGE = 2**26  # bytes of a state for whose copy memory is taken beforehand


class Checkpointer:
    """Saves a run's state when it is time, and finds it again.

    The run waits for a copy of the state only, which a thread of its own writes. Whoever needs the checkpoint to be
    there waits for that by `wait`. Where memory is too short for a copy, the run waits until its state is written.

    Args:
        folder: `checkpoints/` of the run.
        identity: what a run must be to continue from what is there.
        runtime: how often, and whether in the background.
        writable: off in all processes of a run but the first.

    Attributes:
        foreground: why the run waits for the writing, too, where it does.
    """

    def __init__(self, folder: Path, *, identity: Mapping[str, Any], runtime: Runtime, writable: bool) -> None:
        self.folder, self.identity, self.runtime, self.writable = folder, identity, runtime, writable
        self.foreground = ""
        self.saved_at = time.monotonic()
        self.cost = 0.0
        self._background, self._wanted = Background(), True
        self._room: Room | None = None
        self._prepared = False

    def load(self, *, say: Callable[[str], None]) -> dict[str, Any] | None:
        """The newest state that is whole; see `checkpoint.load`."""
        from clbench.runs import checkpoint

        if self.writable:
            checkpoint.drop_drafts(self.folder)
        return checkpoint.load(self.folder, identity=self.identity, say=say)

    def due(self, step: int) -> bool:
        """Whether this optimizer step is to be saved."""
        if self.runtime.checkpoint_steps is not None:
            return step % self.runtime.checkpoint_steps == 0
        return time.monotonic() - self.saved_at >= max(self.runtime.checkpoint_seconds, _PATIENCE * self.cost)

    def prepare(self, state: Callable[[], Mapping[str, Any]]) -> None:
        """Once, when a run has begun: memory for the first copy is taken meanwhile, which the run would wait for.

        Args:
            state: of the run; asked for by all of its processes, as they put it together.
        """
        if self._prepared:  # asked at every step
            return
        from clbench.runs import checkpoint
        from clbench.runs.copying import needed

        self._prepared, packed = True, checkpoint.packed(state())
        if not self.writable:
            return
        size, pinned = needed(packed.tensors.values())
        if size >= _LARGE and not packed.parted and (room := self._find_room(packed.tensors)):
            self._background.start(partial(room.take, size, pinned=pinned, touched=True))

    def save(self, state: Mapping[str, Any], *, then: Callable[[], None] = lambda: None) -> None:
        """Write one, when the one before is written; asked for by all processes of a run at the same step.

        Args:
            state: of the run, and where it stands.
            then: called when the checkpoint is there.
        """
        from clbench.runs import checkpoint

        self.wait()
        began, packed = time.monotonic(), checkpoint.packed(state)
        with spending.on("saving"):
            if packed.parted:
                self.foreground = "in the foreground: each process writes its parts"
                self._write(packed, began=began, then=then)
            elif self.writable:
                self._save(packed, began=began, then=then)
        self.saved_at = time.monotonic()

    def _save(self, packed: Packed, *, began: float, then: Callable[[], None]) -> None:
        from clbench.runs import checkpoint

        if room := self._find_room(packed.tensors):
            copied = checkpoint.Packed(packed.state, room.copy(packed.tensors))
            self._background.start(partial(self._write, copied, began=began, then=then, room=room))
        else:
            self._write(packed, began=began, then=then)

    def _find_room(self, tensors: Mapping[str, torch.Tensor]) -> Room | None:
        """Where the copy goes; None where it must not be made."""
        from clbench.runs.copying import Room

        if not self.runtime.background_saving:
            return None
        room = self._room = self._room or Room()
        if lacking := room.lacks(tensors.values()):
            size = f"{lacking / 2**30:.2f} GiB"
            self.foreground = f"in the foreground: a copy of {size} would take over half of the memory that is free"
            return None
        return room

    def _write(self, packed: Packed, *, began: float, then: Callable[[], None], room: Room | None = None) -> None:
        from clbench.runs import checkpoint

        if room is not None:
            room.wait()
        checkpoint.write(self.folder, packed, identity=self.identity, wanted=lambda: self._wanted)
        self.cost = time.monotonic() - began
        if self._wanted and self.writable:
            then()

    def check(self) -> None:
        """Raise what has gone wrong in the background; do not wait.

        Raises:
            RecordError: the folder cannot be written.
        """
        self._background.check()

    def wait(self) -> None:
        """Until all that was saved is there.

        Raises:
            RecordError: the folder cannot be written.
        """
        with spending.on("waiting"):
            self._background.wait()

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """At the end nothing is going on any more: what was saved is there, or, stopped at once, is given up."""
        try:
            yield
        except KeyboardInterrupt:
            self._wanted = False
            raise
        except BaseException:
            self._background.settle()
            raise
        self.wait()
