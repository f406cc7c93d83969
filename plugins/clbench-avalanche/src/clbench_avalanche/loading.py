"""Importing Avalanche: some 15 seconds, once, when something of it is really wanted."""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from random import Random

MODULES = ("avalanche.benchmarks", "avalanche.training.plugins", "avalanche.training.storage_policy")


def load() -> ModuleType:
    """The package `avalanche` with the parts that the bridge needs.

    Importing it replaces `torch.utils.data.Dataset.__add__` for the whole process; that is undone, as nothing here adds
    datasets by `+`. The warnings of its dependencies (JAXopt is no longer maintained) say nothing to a user of clbench.
    """
    if "avalanche" not in sys.modules:
        original = Dataset.__add__
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in MODULES:
                importlib.import_module(name)
        Dataset.__add__ = original
    return sys.modules["avalanche"]


@contextlib.contextmanager
def own_randomness(rng: Random, device: torch.device | None = None) -> Iterator[None]:
    """Avalanche draws from torch's global generators: here from `rng`'s, and the global ones go on as if it had not."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(rng.getrandbits(63))
        yield
