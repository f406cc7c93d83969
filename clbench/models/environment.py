"""What a launcher's or a user's environment asks for, where the protocol says otherwise: left aside, and named.

`accelerate launch` sets variables from a saved configuration, and accelerate's objects read them when they are made.
Precision is `protocol.precision`'s, accumulation follows from `protocol.global_batch`, and fp32 means fp32.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

PLAIN = {"", "no", "none", "false", "0", "default", "eager"}
"""Values that ask for nothing."""

ASKED = (
    "ACCELERATE_MIXED_PRECISION",
    "ACCELERATE_DOWNCAST_BF16",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS",
    "ACCELERATE_DYNAMO_BACKEND",
    "ACCELERATE_USE_DEEPSPEED",
    "ACCELERATE_USE_FSDP",
    "ACCELERATE_USE_MEGATRON_LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG",
    "ACCELERATE_TORCH_DEVICE",
)
TF32 = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")


def asked(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that ask for what the protocol does not say."""
    found = {name: environ[name] for name in (*ASKED, *TF32) if environ.get(name, "").lower() not in PLAIN}
    if wants_parts(environ):
        found.pop("ACCELERATE_USE_FSDP")
    if found.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS") == "1":
        del found["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"]
    return found


def wants_parts(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether several processes are to hold a part of each parameter, as a large model is trained."""
    several = environ.get("WORLD_SIZE", "1") != "1"
    return several and environ.get("ACCELERATE_USE_FSDP", "").lower() not in PLAIN


def note(environ: Mapping[str, str] = os.environ) -> str | None:
    """All of it in one line, or None."""
    told = ", ".join(f"{name}={value}" for name, value in asked(environ).items())
    return f"the environment asks for {told}: left aside, as the protocol says otherwise" if told else None


@contextlib.contextmanager
def set_aside() -> Iterator[None]:
    """Within, nothing that is made sees what the environment asks for."""
    held = asked()
    for name in held:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(held)


def pin_arithmetic() -> None:
    """fp32 products are fp32's, on a GPU too, whatever was switched before; cuBLAS reads its variable at its start."""
    import torch

    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    if torch.cuda.is_available():
        with set_aside():
            torch.cuda.current_blas_handle()
