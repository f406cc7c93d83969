"""What of a run depends on the processor is told, as torch itself has it."""

import os
import subprocess
import sys

import pytest

from clbench.verification import processor

MADE = {"cpu_capability": "AVX512", "threads": 1}


@pytest.mark.parametrize("asked", ["", "default", "avx2"])
def test_the_capability_is_torchs_own(asked, process_env, monkeypatch):
    if processor.capability() is None:
        pytest.skip("no x86 processor under Linux")
    if asked == "avx2" and processor.capability() == "DEFAULT":
        pytest.skip("this processor has no AVX2")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", asked)
    ask = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    env = process_env(ATEN_CPU_CAPABILITY=asked) if asked else process_env()
    env = env if asked else {name: value for name, value in env.items() if name != "ATEN_CPU_CAPABILITY"}
    done = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, check=True)
    assert processor.capability() == done.stdout.strip()
    assert os.environ["ATEN_CPU_CAPABILITY"] == asked


@pytest.mark.parametrize(
    ("here", "line"),
    [
        ("AVX512", "which this processor has, too: with OMP_NUM_THREADS=1 a run again can be the same"),
        ("AVX2", "this processor has AVX2: a run again may differ by rounding"),
        (None, "this processor is another: a run again may differ by rounding"),
    ],
)
def test_whether_a_run_again_may_differ_is_said(make_record, monkeypatch, here, line):
    monkeypatch.setattr(processor, "capability", lambda: here)
    assert processor.remark(make_record(provenance={"arithmetic": MADE})) == f"made with AVX512 and 1 thread; {line}"


def test_nothing_is_said_of_what_is_not_known(make_record):
    assert processor.remark(make_record()) == ""
    gpu = make_record(provenance={"arithmetic": MADE})
    gpu = gpu.model_copy(update={"costs": gpu.costs.model_copy(update={"device": "NVIDIA H200"})})
    assert processor.remark(gpu) == ""


def test_two_runs_of_other_arithmetic_are_told_apart(make_record):
    one, other = (make_record(provenance={"arithmetic": MADE | {"threads": number}}) for number in (1, 4))
    assert processor.unlike(one, one) == ""
    assert processor.unlike(one, make_record()) == ""
    said = "; made with AVX512 and 1 thread, and with AVX512 and 4 threads, which may differ by rounding"
    assert processor.unlike(one, other) == said
