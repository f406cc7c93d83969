"""Named randomness: every use of chance draws from a generator of its own, seeded from (seed, name).

What one part draws cannot shift another's: a method that samples a memory trains on the same batches in the same
order as one that does not, so runs with one seed are paired.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one named use; the same on every machine and Python."""
    text = "\x1f".join(["clbench", str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rng(seed: int, *names: str | int) -> random.Random:
    """Python's generator for one named use."""
    return random.Random(derive(seed, *names))


def torch_rng(seed: int, *names: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """Torch's generator for one named use."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *names))


def seed_global(seed: int, *names: str | int) -> None:
    """Seed torch's global generators (dropout, initialisation), for code that takes no generator."""
    import torch

    torch.manual_seed(derive(seed, *names) % 2**63)
