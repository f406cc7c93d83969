"""`clbench.ForgettingCallback`: what a model forgets while it is trained, for every trainer built on transformers' own.

Small probes are asked before training and every so many steps, the base's scores are compared record by record, and
what is lost beyond doubt is said when it is lost (`looks`: why many looks make no false alarms). Training goes on to
the bit as without it (`undisturbed`).
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import TrainerCallback

from clbench.base.atomic import write_json
from clbench.base.errors import OptionError
from clbench.base.hashing import digest
from clbench.data.sources import TaskData
from clbench.forgetting.local import Desk, answers, losses_of, make_evaluator
from clbench.forgetting.looks import Look, Plan
from clbench.forgetting.probing import load_probes
from clbench.forgetting.query import Files
from clbench.forgetting.undisturbed import undisturbed, without_adapter
from clbench.forgetting.verdicts import TOLERANCE, Pair
from clbench.plugins.own import SCORER
from clbench.plugins.registry import registry
from clbench.runs.predictions import score_records
from clbench.spec.protocol import Protocol, Runtime
from clbench.spec.wording import several

FILE = "forgetting.json"
Scores = dict[str, list[float]]
log = logging.getLogger("clbench")


class ForgettingCallback(TrainerCallback):
    """Probes while a trainer trains.

    Args:
        probes: names, groups or YAML files; `quick` when nothing is named at all.
        data: files of your own questions; and at most one folder of the probes' local files.
        every_steps: optimizer steps between two looks.
        records: of each probe, drawn once with the seed; the same ones at every look.
        tolerance: drop of a score that does not matter.
        budget: share of the time (0–1) that looks may take; one that would exceed it is left out; with 1 none is.
        stop: end the training when something is lost.
        restore_best: at the end, where something is lost, put the weights back to the last look at which no score had
            fallen by more than the tolerance.
        scorer: of your own questions.
        seed: of the draw.
        batch: prompts a batch.
    """

    def __init__(
        self,
        probes: str | Sequence[str] = (),
        *,
        data: Files = (),
        every_steps: int = 100,
        records: int = 64,
        tolerance: float = TOLERANCE,
        budget: float = 0.05,
        stop: bool = False,
        restore_best: bool = False,
        scorer: str = SCORER,
        seed: int = 0,
        batch: int = 16,
    ) -> None:
        if every_steps < 1 or records < 1 or not 0 < tolerance <= 1 or not 0 < budget <= 1:
            raise OptionError("ForgettingCallback: every_steps and records from 1, tolerance and budget above 0, to 1")
        files = [Path(one) for one in several(data)]
        loaded = load_probes(several(probes), files, registry(), scorer=scorer)
        self.probes = [_sample(one, records, seed) for one in loaded]
        self.every_steps, self.budget, self.batch = every_steps, budget, batch
        self.tolerance, self.stop, self.restore_best = tolerance, stop, restore_best
        self.looks: list[Look] = []
        self.left_out = 0
        self._spent = self._cost = 0.0

    @property
    def share(self) -> float:
        """Share of the time since the training began that was spent here."""
        return self._spent / max(time.perf_counter() - self._began, 1e-9)

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """The base's scores."""
        self._check(args)
        model, self._tokenizer = known["model"], _tokenizer(known)
        self._plan = Plan(max(1, state.max_steps // self.every_steps + 1), self.tolerance)
        self._began, self._spent, self._desk = time.perf_counter(), 0.0, _desk(model, self.batch)
        self._path = Path(args.output_dir) / FILE
        if state.is_world_process_zero:
            self._base = self._base_scores(model, state)
        self._best = _trained(model) if self.restore_best and not state.global_step else None
        self._best_step = self._seen = self._begun = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """A look, where one is due and there is time for it."""
        if state.global_step % self.every_steps == 0 and state.is_world_process_zero:
            self._look(args, state, control, known["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """The last look, and back to the best point where that is wanted."""
        if not state.is_world_process_zero:
            return
        if self._seen != state.global_step:
            self._look(args, state, control, known["model"])
        if self.left_out:
            log.warning(
                "forgetting: %d looks were left out, as looks may take %.0f %% of the time",
                self.left_out,
                100 * self.budget,
            )
        if self.restore_best and self.looks and self.looks[-1].lost:
            self._go_back(known["model"])

    def _go_back(self, model: Any) -> None:
        if self._best is None:  # of a training that was taken up again
            log.warning("forgetting: no look since step %d can be gone back to", self._begun)
            return
        _put_back(model, self._best)
        log.warning("forgetting: the weights are those of step %d again", self._best_step)

    def _check(self, args: Any) -> None:
        if getattr(args, "deepspeed", None) or getattr(args, "fsdp", None):
            raise OptionError(
                "ForgettingCallback: each process must hold the whole model; it does not under FSDP or ZeRO"
            )
        if args.world_size > 1 and (self.stop or self.restore_best):
            raise OptionError("ForgettingCallback: stop and restore_best work in one process only")

    def _base_scores(self, model: Any, state: Any) -> Scores:
        """Those of the model before training: of a training that is taken up again, from the file of its beginning."""
        wanted = digest([[one.task.name, [record.to_json() for record in one.test]] for one in self.probes])
        adapted = hasattr(model, "disable_adapter")
        if state.global_step and not adapted:
            if (kept := _kept(self._path, wanted)) is not None:
                return kept
            log.warning(
                "forgetting: compared with step %d, as %s is not of this training", state.global_step, self._path
            )
        with without_adapter(model):
            found = self._measure(model)
        write_json(self._path, {"records": wanted, "scores": found})
        return found

    def _look(self, args: Any, state: Any, control: Any, model: Any) -> None:
        self._seen, elapsed = state.global_step, time.perf_counter() - self._began
        if self.budget < 1 and self._spent + self._cost > self.budget * elapsed:
            self.left_out += 1
            return
        scores = self._measure(model)
        look = self._plan.judge(state.global_step, self._pairs(scores))
        self.looks.append(look)
        _show(args, state, look)
        if look.lost:
            self._say(look)
            control.should_training_stop = control.should_training_stop or self.stop
        elif self.restore_best and not look.fell(self.tolerance):
            self._best, self._best_step = _trained(model), state.global_step

    def _say(self, look: Look) -> None:
        for one in look.lost:
            log.warning(
                "forgetting: %s is lost at step %d: %.3f, was %.3f (p = %.2g, tested at %.2g as one of %d looks)",
                one.probe, look.step, one.tuned, one.base, one.p_corrected, self._plan.level / self._plan.looks,
                self._plan.looks,
            )  # fmt: skip

    def _pairs(self, scores: Mapping[str, Sequence[float]]) -> dict[str, Pair]:
        return {
            one.task.name: Pair(
                tuple(self._base[one.task.name]), tuple(scores[one.task.name]), loss=one.task.measure == "loss"
            )
            for one in self.probes
        }

    def _measure(self, model: Any) -> Scores:
        """The scores of all records, and what they cost."""
        began = time.perf_counter()
        evaluator = make_evaluator(self._tokenizer, self._desk)
        with undisturbed(model, self._tokenizer):
            found = {one.task.name: _scores(one, evaluator, model) for one in self.probes}
        self._cost = time.perf_counter() - began
        self._spent += self._cost
        return found


def _scores(data: TaskData, evaluator: Any, model: Any) -> list[float]:
    found = answers(evaluator, model, data, known={})
    if data.task.measure != "loss":
        return score_records(data.task, found, scorer=registry().scorer(data.task.scorers.strict))
    told = losses_of(found)
    total = sum(number for _, number in told)
    return [nats * len(told) / total for nats, _ in told]


def _sample(data: TaskData, size: int, seed: int) -> TaskData:
    """A fixed sample, in the order of the records."""
    if size >= len(data.test):
        return data
    drawn = sorted(random.Random(f"clbench looks {seed}").sample(range(len(data.test)), size))
    return replace(data, test=tuple(data.test[index] for index in drawn))


def _desk(model: Any, batch: int) -> Desk:
    """This process alone asks, on the model's own device."""
    alone: Any = SimpleNamespace(device=next(model.parameters()).device, process_index=0, num_processes=1)
    return Desk(alone, Protocol(), Runtime(eval_batch=batch))


def _tokenizer(known: Mapping[str, Any]) -> Any:
    found = known.get("processing_class")
    found = getattr(found, "tokenizer", found)
    if found is None:
        raise OptionError("ForgettingCallback: the trainer has no tokenizer; give it one: Trainer(processing_class=…)")
    return found


def _trained(model: Any) -> dict[str, Any]:
    """A copy of what is trained, in main memory."""
    return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}


def _put_back(model: Any, kept: Mapping[str, Any]) -> None:
    own = dict(model.named_parameters())
    for name, tensor in kept.items():
        own[name].data.copy_(tensor)


def _kept(path: Path, wanted: str) -> Scores | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        return told["scores"] if told["records"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _show(args: Any, state: Any, look: Look) -> None:
    """The curves, where the trainer's own go: its history, TensorBoard, W&B."""
    values = {f"forgetting/{one.probe.removeprefix('probes/')}": one.tuned for one in look.verdicts}
    state.log_history.append({**values, "step": look.step})
    if "tensorboard" in (args.report_to or ()):
        _to_tensorboard(Path(args.output_dir) / "runs", values, look.step)
    if "wandb" in (args.report_to or ()):
        import wandb  # type: ignore[import-not-found]

        wandb.log({**values, "train/global_step": look.step})


def _to_tensorboard(folder: Path, values: Mapping[str, float], step: int) -> None:
    from torch.utils.tensorboard import SummaryWriter

    begun = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime) if folder.is_dir() else []
    with SummaryWriter(str(begun[-1] if begun else folder)) as writer:  # beside the trainer's own
        for name, value in values.items():
            writer.add_scalar(name, value, step)
