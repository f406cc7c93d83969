"""Whether a run again on this processor can be the record's bit by bit: rounding depends on its vector instructions.

Told without torch, which takes seconds to load: it chooses its instructions by the processor's flags and one variable
(`compute_cpu_capability` in ATen's DispatchStub.cpp), and `tests/verification/test_processor.py` compares the two.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clbench.runs.record import Record

_ASKED = {"avx512": "AVX512", "avx2": "AVX2", "default": "DEFAULT"}
_NEEDS = {"AVX512": {"avx512vl", "avx512bw", "avx512dq", "fma"}, "AVX2": {"avx2", "fma"}}
_FLAGS = Path("/proc/cpuinfo")


def capability() -> str | None:
    """As `torch.backends.cpu.get_cpu_capability()` has it; None where that cannot be told: no x86, or no Linux."""
    if platform.machine() not in ("x86_64", "AMD64") or not _FLAGS.is_file():
        return None
    if asked := _ASKED.get(os.environ.get("ATEN_CPU_CAPABILITY", "")):
        return asked
    found = re.search(r"^flags\s*:(.*)$", _FLAGS.read_text(errors="replace"), re.MULTILINE)
    flags = set(found[1].split()) if found else set()
    return next((name for name, needed in _NEEDS.items() if needed <= flags), "DEFAULT")


def remark(record: Record) -> str:
    """A line for whoever would run it again here; empty of a GPU's run, and where the record says nothing of it."""
    made = record.provenance.get("arithmetic")
    if record.costs.device != "cpu" or not isinstance(made, Mapping):
        return ""
    here, threads = capability(), made.get("threads")
    same = here == made.get("cpu_capability")
    have = "which this processor has, too" if same else f"this processor {f'has {here}' if here else 'is another'}"
    again = f"with OMP_NUM_THREADS={threads} a run again can be the same"
    return f"made with {told(made)}; {have}: {again if same else 'a run again may differ by rounding'}"


def told(arithmetic: Mapping[str, Any]) -> str:
    """`AVX512 and 1 thread`."""
    threads = arithmetic.get("threads")
    return f"{arithmetic.get('cpu_capability')} and {threads} thread{'' if threads == 1 else 's'}"


def unlike(one: Record, other: Record) -> str:
    """What of two runs' arithmetic may explain that they differ; empty where it is the same, or not known."""
    both = [record.provenance.get("arithmetic") for record in (one, other)]
    if both[0] == both[1] or not all(isinstance(made, Mapping) for made in both):
        return ""
    return f"; made with {told(both[0] or {})}, and with {told(both[1] or {})}, which may differ by rounding"
