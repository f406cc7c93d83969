"""What of this machine clbench can use, and what is missing for what."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from clbench import __version__
from clbench.base import home

State = Literal["ok", "missing", "wrong"]
LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "peft", "numpy", "scipy")
NEEDED_FOR = {
    "matplotlib": "pictures, clbench plot (pip install 'clbench[plot]')",
    "pandas": "data frames from Python",
    "gguf": "models in GGUF files (pip install 'clbench[gguf]')",
    "sacrebleu": "the scorer bleu",
    "lm_eval": "probes of lm-evaluation-harness (pip install clbench-lm-eval)",
    "avalanche": "Avalanche's plugins as methods (pip install clbench-avalanche)",
    "numba": "a faster MoFO on a CPU (pip install 'clbench-mofo[fast]')",
    "ray": "--launcher ray (pip install 'clbench[ray]')",
    "submitit": "--launcher slurm (pip install 'clbench[slurm]')",
    "tensorboard": "--track tensorboard",
    "wandb": "--track wandb",
    "trackio": "--track trackio",
}
ROOM = 2 << 30  # bytes free, below which a small run's checkpoints may not fit


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: of it.
        state: `ok`; `missing`, which only what is named there needs; `wrong`, which needs mending.
        detail: what was found, or what to do.
    """

    name: str
    state: State
    detail: str


def examine() -> Iterator[Finding]:
    """Versions, devices, plugins, data, disk; loads torch."""
    yield Finding("clbench", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from _libraries()
    yield _device()
    yield from _plugins()
    yield from _data()
    yield from _folders()
    yield _sandbox()


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        yield (
            Finding(name, "ok", _version(name)) if find_spec(name) else Finding(name, "missing", "methods that use it")
        )
    for name, purpose in NEEDED_FOR.items():
        known = find_spec(name) is not None
        yield Finding(name, "ok" if known else "missing", _version(name) if known else f"needed for {purpose}")


def _version(name: str) -> str:
    packages = importlib.metadata.packages_distributions().get(name, [name])
    return importlib.metadata.version(packages[0])


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("device", "ok", f"CPU, {torch.get_num_threads()} threads; torch sees no CUDA device")
    names = [torch.cuda.get_device_name(one) for one in range(torch.cuda.device_count())]
    return Finding("device", "ok", ", ".join(names))


def _plugins() -> Iterator[Finding]:
    from clbench.plugins.registry import registry

    records = registry().plugins.records.values()
    good = [one.label for one in records if one.status == "ok"]
    yield Finding("plugins", "ok", ", ".join(good))
    for one in records:
        if one.status == "broken":
            yield Finding(f"plugin {one.label}", "wrong", one.error)


def _data() -> Iterator[Finding]:
    from clbench.base.errors import DataError
    from clbench.data.archives import suites, trace

    kinds = {
        "TRACE archive": (trace.REGISTER, "trace:500 … trace:reasoning"),
        "other suites' archives": (suites.REGISTER, "cl-4:o-lora, superni:sapt …"),
    }
    for name, (register, streams) in kinds.items():
        try:
            known = ", ".join(f"{register.kind}:{one}" for one in register.entries())
        except DataError as error:
            yield Finding(name, "wrong", str(error))
            continue
        missing = f"needed for {streams}: clbench data add {register.kind} PATH"
        yield Finding(name, "ok" if known else "missing", known or missing)


def _folders() -> Iterator[Finding]:
    for name, folder in {"runs": home.runs_dir(), "boards": home.leaderboards_dir(), "data": home.data_dir()}.items():
        place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(place).free
        state: State = "ok" if free >= ROOM else "wrong"
        yield Finding(f"{name} folder", state, f"{folder}, {free / 2**30:.1f} GiB free")


def _sandbox() -> Finding:
    from clbench.base.errors import ClbenchError
    from clbench.sandbox import sandbox

    try:
        sandbox.check()
    except ClbenchError as error:
        return Finding("sandbox", "missing", f"needed for HumanEval (--allow-code): {error}")
    return Finding("sandbox", "ok", "programs that a model wrote can be run (--allow-code)")
