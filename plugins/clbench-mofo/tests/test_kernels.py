"""The kernels compile for a GPU (Hopper's architecture, none needed); `test_device.py` holds what they compute."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="this build of torch comes without Triton")

SCRIPT = """
import triton.language as tl
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from clbench_mofo import kernels

KINDS = {"rows": "*i64", "numbers": "*fp32", "w": "fp32", "rest": "fp32", "beta2": "fp32", "w2": "fp32"}
TURNS = {"SPAN": 1 << 15, "BLOCK": 1 << 11}
FLOATS, HALVES = ({"WEIGHTS": kind, "GRADIENTS": kind} for kind in (tl.float32, tl.bfloat16))
ROUNDING = {"FIRST": 1, "SECOND": 2, "MOVED": 0}


def built(kernel, **constants):
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    kinds = {name: KINDS.get(name, "*i32") for name in kernel.arg_names}
    pointers = [name for name in kernel.arg_names if kinds[name][0] == "*" and name not in constants]
    source = ASTSource(
        kernel,
        {name: "constexpr" if name in constants else kind for name, kind in kinds.items()},
        constexprs={(kernel.arg_names.index(name),): value for name, value in constants.items()},
        attrs={(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in pointers},
    )
    return compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False}).asm["ptx"]


for kinds in (FLOATS, HALVES):
    built(kernels.look, **kinds, **TURNS)
    built(kernels.keep, **kinds, **TURNS)
    filtered = built(kernels.moments, SCORE=0, FILTERED=True, ALIGNED=True, HALF=False, **ROUNDING, **kinds, **TURNS)
    assert "ld.global.v4" in filtered, "moments are read by sixteen bytes"
    assert "div.rn.f32" not in filtered, "the quotients are for what moves"
whole = built(kernels.moments, SCORE=0, FILTERED=False, ALIGNED=False, HALF=True, **ROUNDING, **FLOATS, **TURNS)
assert "sqrt.rn.f32" in whole and "div.rn.f32" in whole and "fma.rn.f32" in whole
for score in range(5):
    built(kernels.digits, LOW=9, BITS=11, SCORE=score, **HALVES, **TURNS)
built(kernels.pick, BITS=9, BEGINS=False, ENDS=True)
for decayed in range(3):
    moved = built(kernels.move, SCORE=2 * decayed, DECAYED=decayed, MOVED=1, **FLOATS, **TURNS)
    assert "fma.rn.f32" not in moved, "what is not to be rounded together is not"
"""


def test_they_compile_for_a_gpu(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
