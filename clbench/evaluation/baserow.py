"""Row 0 measured once: what a model says before it learns serves every run that begins with the same function.

An entry's name is the hash of all that its answers depend on: base model, records, how they are asked, code, libraries
and arithmetic; and of the logits that the model, as the method has prepared it, gives for some of the records. So
adapters that begin as nothing share the entry of full fine-tuning, and what changes a bit of the base model finds none.
Entries are written whole or not at all, hold the SHA-256 of what they say, and are measured again where it is wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import atomic
from clbench.base.errors import ClbenchError
from clbench.base.hashing import digest
from clbench.data.probes import ProbeData
from clbench.data.sources import TaskData
from clbench.evaluation.asking import asked_of, code
from clbench.models import device
from clbench.spec.protocol import ASKED

if TYPE_CHECKING:
    from clbench.evaluation.evaluator import Answers, Evaluator
    from clbench.runs.runconfig import RunConfig

FORM = 1
RECORDS = 4  # of each task, at whose ends logits are compared
ASK_AGAIN = "--set runtime.share_base_row=false measures it anew"


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one task or probe.

    Args:
        answers: by index of the record; none where the loss is measured.
        loss: mean loss (nats a token), where that is measured.
    """

    answers: Answers = field(default_factory=dict)
    loss: float | None = None


@dataclass(slots=True)
class BaseRow:
    """Row 0 of one run: taken from others, kept for others.

    Args:
        config: of the run.
        evaluator: of the run; a single process asks.
        folder: of all entries.
        origin: run id, and a hash of where it lies; what this very run has left is its own.
        say: told what was taken, and what is damaged.
        fresh: all is measured, and kept instead of what was there.
        taken: run id by name of what was taken.
        paths: of entries, by name of what was looked for.
        found: the same name to what was found.
    """

    config: RunConfig
    evaluator: Evaluator
    folder: Path
    origin: tuple[str, str]
    say: Callable[[str], None]
    fresh: bool = False
    taken: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    found: dict[str, Found | None] = field(default_factory=dict)

    def find(self, model: Any, data: TaskData) -> Found | None:
        """What an entry says of a task or probe; None where there is none, or none that can be trusted."""
        name = data.task.name
        if name not in self.found:
            self.found[name] = self._find(model, data)
        return self.found[name]

    def _find(self, model: Any, data: TaskData) -> Found | None:
        if not self._shares(data):
            return None
        path = self.paths[data.task.name] = self.folder / f"{digest(self._key(model, data))}.json"
        if self.fresh or not path.is_file():
            return None
        try:
            found, origin = read(path)
        except (OSError, ValueError, TypeError, KeyError) as error:
            self.say(f"row 0, {data.task.name}: measured again, as what was kept is damaged ({path}: {error})")
            return None
        if origin != list(self.origin):
            self.taken[data.task.name] = origin[0]
        return found

    def keep(self, data: TaskData, found: Found) -> None:
        """Write what `find` did not find; where that cannot be, a run goes on without it."""
        path = self.paths.get(data.task.name)
        if path is None:
            return
        answers = [[index, *answer] for index, answer in sorted(found.answers.items())]
        content = {"origin": list(self.origin), "loss": found.loss, "answers": answers}
        try:
            atomic.write_text(path, json.dumps({"sha256": digest(content), **content}, ensure_ascii=False))
        except ClbenchError as error:
            self.say(f"row 0 cannot be kept for other runs ({error})")

    def _shares(self, data: TaskData) -> bool:
        """Whether a task's answers may be any run's.

        Not those that another tool asks for, or several processes; nor those of a method that answers each prompt in a
        way of its own, of which some records' logits say too little.
        """
        if not self.config.runtime.share_base_row or self.config.choice.routes:
            return False
        external = isinstance(data, ProbeData) and data.external is not None
        return self.evaluator.accelerator.num_processes == 1 and not external

    def tell(self) -> dict[str, str]:
        """Say what was taken, and give it for the record."""
        if self.taken:
            runs = ", ".join(dict.fromkeys(self.taken.values()))
            self.say(f"row 0 of {len(self.taken)} tasks and probes is that of {runs}; {ASK_AGAIN}")
        return dict(self.taken)

    def _key(self, model: Any, data: TaskData) -> Mapping[str, Any]:
        protocol, runtime = self.config.plan.protocol, self.config.runtime
        return {
            "form": FORM,
            "model": self.config.model.identity(),
            "function": self._function(model, data),
            "asked": asked_of(data),
            "protocol": protocol.model_dump(mode="json", include=ASKED),
            "template": self.config.template,
            "runtime": runtime.model_dump(mode="json", include={"engine", "eval_batch", "micro_batch", "attention"}),
            "arithmetic": [device.device_name(self.evaluator.accelerator.device), device.arithmetic()],
            "code": code(),
        }

    def _function(self, model: Any, data: TaskData) -> str:
        """SHA-256 of the logits at the end of some records, evenly spread: all layers, at all tokens, speak in them."""
        import torch

        from clbench.data.batches import right_pad
        from clbench.training import head
        from clbench.training.losses import autocast, evaluating

        encoder, where = self.evaluator.encoder, self.evaluator.accelerator.device
        rows = [one.ids for one in encoder.wholes(data.test[:: max(1, len(data.test) // RECORDS)][:RECORDS])]
        ids = right_pad(rows, pad=encoder.pad)[0].to(where)
        ends = torch.tensor([number * ids.shape[1] + len(row) - 1 for number, row in enumerate(rows)], device=where)
        with evaluating(model), torch.no_grad(), autocast(self.evaluator.protocol, where):
            logits = head.run(model, {"input_ids": ids, "use_cache": False}, ends).logits
        return hashlib.sha256(logits.float().cpu().numpy().tobytes()).hexdigest()


def read(path: Path) -> tuple[Found, list[str]]:
    """An entry and whose it is; a ValueError where it is not what was written."""
    from clbench.evaluation.evaluator import Answer

    told = json.loads(path.read_text("utf-8"))
    if told.pop("sha256") != digest(told):
        raise ValueError("is not what was written")
    answers = {index: Answer(*answer) for index, *answer in told["answers"]}
    return Found(answers, told["loss"]), told["origin"]
