"""What is fixed for a run: said before its first step, and the same until its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.base import seeding
from clbench.base.errors import OptionError
from clbench.base.hashing import digest
from clbench.base.progress import Progress
from clbench.engine.resume import StopSignal
from clbench.methods.methodspec import UNPACKAGED
from clbench.methods.sharing import check_sharing
from clbench.models import device, environment
from clbench.models.bearing.checks import check
from clbench.models.loading import load_model
from clbench.plugins.registry import Registry
from clbench.runs import provenance
from clbench.runs.runconfig import RunConfig
from clbench.runs.rundir import RunDir
from clbench.runs.saving import Checkpointer

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from clbench.models.loading import LoadedModel


@dataclass(frozen=True, slots=True)
class Fixed:
    """Of one run.

    Args:
        config: what is run.
        run_dir: where.
        registry: methods, scorers, observers.
        progress: told of each step.
        stop: whether the user or the cluster wants the run to end.
        provenance: of the run's beginning.
        checkpointer: of its state.
    """

    config: RunConfig
    run_dir: RunDir
    registry: Registry
    progress: Progress
    stop: StopSignal
    provenance: Mapping[str, Any]
    checkpointer: Checkpointer

    def say(self, text: str) -> None:
        """Tell whoever looks on, and the run's own log."""
        self.progress.say_once(text)
        if self.run_dir.path.is_dir():
            self.run_dir.event("note", text=text)

    def emit(self, hook: str, **values: Any) -> None:
        """Call observers."""
        self.registry.plugins.emit(hook, run_id=self.run_dir.run_id, **values)

    def check_stop(self) -> None:
        """End here if that was asked for, or a checkpoint could not be written; called where everything is saved.

        Raises:
            KeyboardInterrupt: it was.
            RecordError: the folder cannot be written.
        """
        self.checkpointer.check()
        if self.stop.requested:
            self.checkpointer.wait()
            raise KeyboardInterrupt(f"run {self.run_dir.run_id} is saved; the same command continues it")

    def load_model(self, device: torch.device) -> LoadedModel:
        """The base model; its random weights, if it has any, are the seed's.

        Raises:
            ModelError: it cannot be loaded, or is no causal language model.
        """
        seeding.seed_global(self.config.seed, "model")
        ref, runtime = self.config.model, self.config.runtime
        protocol = self.config.plan.protocol
        loaded = load_model(
            ref, device=device, runtime=runtime, plugins=self.registry.plugins, weights=protocol.weights
        )
        return check(loaded, name=ref.name, precision=protocol.precision)


def fix(config: RunConfig, *, run_dir: RunDir, registry: Registry, progress: Progress, stop: StopSignal) -> Fixed:
    """All that is known before anything is loaded."""
    found = {**_provenance(config), "model_files": dict(config.model.files), "arithmetic": device.arithmetic()}
    if driver := device.driver(config.runtime.device):
        found["driver"] = driver
    checkpointer = Checkpointer(
        run_dir.checkpoints,
        identity={"run": run_dir.run_id, **provenance.identity(found)},
        runtime=config.runtime,
        writable=run_dir.writable,
    )
    return Fixed(config, run_dir, registry, progress, stop, found, checkpointer)


def _provenance(config: RunConfig) -> dict[str, Any]:
    """Versions, code and command; of methods that are in no package the text as well."""
    found = provenance.collect(command=config.command, modules=modules_of(config))
    texts = config.texts()
    if texts:
        found["methods"] = texts
        found["code"] |= {f"{UNPACKAGED} {name}": digest(text) for name, text in texts.items()}
    return found


def modules_of(config: RunConfig) -> dict[str, str]:
    """The distributions of a run's methods, each with its top-level module."""
    return {
        entry.plugin.package: entry.spec.target.partition(":")[0].partition(".")[0]
        for entry in config.choice.entries
        if not entry.spec.text
    }


@dataclass(frozen=True, slots=True)
class Devices:
    """Where a run computes.

    Args:
        accelerator: device and other processes.
        sharded: whether a process holds only a part of each parameter.
    """

    accelerator: Accelerator
    sharded: bool

    @property
    def device(self) -> torch.device:
        """Of the model."""
        return self.accelerator.device

    @property
    def share(self) -> int:
        """Processes that share gradients and moments."""
        return self.accelerator.num_processes if self.sharded else 1

    def warnings(self) -> tuple[str, ...]:
        """What is asked for in vain, for the record."""
        vain = environment.note()
        return (vain,) if vain else ()


def find_devices(config: RunConfig) -> Devices:
    """As `runtime.device` and the launcher say.

    Raises:
        ClbenchError: what is to be trained cannot be by several processes, or not with parameters in parts.
    """
    accelerator = device.make_accelerator(config.runtime.device)
    sharded = str(accelerator.distributed_type).endswith("FSDP")
    specs = [entry.spec for entry in config.choice.entries]
    check_sharing(specs, config.plan.protocol, processes=accelerator.num_processes, in_parts=sharded)
    if config.runtime.compile and accelerator.num_processes > 1:
        raise OptionError("runtime.compile: is for one process, as it was never tried in several; leave it out")
    return Devices(accelerator, sharded)
