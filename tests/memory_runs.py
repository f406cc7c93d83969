"""Peak memory of real runs, each in a process of its own: `python tests/memory_runs.py [NAME…]`, two minutes each.

SmolLM2-135M learns the eight tasks of `trace:mini` (8 records each, global batch 8 in micro-batches of 4) and is scored
on two records of each. What a process holds before it loads a model (libraries) is taken off.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec

BF16 = {"protocol.precision": "bf16"}
RUNS = {
    "sequential fp32": ("sequential", BF16),
    "sequential bf16": ("sequential", BF16 | {"protocol.weights": "bf16", "protocol.moments": "bf16"}),
    "sequential bf16 8bit": ("sequential", BF16 | {"protocol.weights": "bf16", "protocol.moments": "8bit"}),
    "lora fp32": ("lora", BF16),
    "lora frozen-bf16": ("lora", BF16 | {"protocol.weights": "frozen-bf16"}),
    "lora frozen-int8": ("lora", BF16 | {"protocol.weights": "frozen-int8"}),
    "lora frozen-nf4": ("lora", BF16 | {"protocol.weights": "frozen-nf4"}),
    "loramoe fp32": ("loramoe", BF16),
    "loramoe frozen-bf16": ("loramoe", BF16 | {"protocol.weights": "frozen-bf16"}),
}
COMMON = {
    "protocol.global_batch": 8,
    "protocol.epochs": 1,
    "protocol.max_answer_tokens": 16,
    "protocol.evaluate": "ends",
    "stream.train_examples": 8,
    "stream.test_examples": 2,
    "runtime.micro_batch": 4,
}


def measure(plugin: str, settings: dict[str, object]) -> dict[str, float]:
    """One run, in this process: MB before a model is loaded, and at the peak."""
    import resource

    import accelerate  # noqa: F401
    import peft  # noqa: F401
    import transformers.models.llama.modeling_llama  # noqa: F401

    import clbench

    for name in filter(find_spec, ("bitsandbytes", "torchao")):
        import_module(name)

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        clbench.run(
            stream="trace:mini",
            plugin=plugin,
            model=os.environ.get("CLBENCH_MEMORY_MODEL", "smollm2"),
            probe="none",
            settings=sections(COMMON | settings),
            runs_dir=f"{folder}/runs",
            leaderboards_dir=f"{folder}/boards",
        )
        return {"libraries": before, "peak": peak()}


def sections(settings: dict[str, object]) -> dict[str, dict[str, object]]:
    """`protocol.epochs: 1` to `protocol: {epochs: 1}`."""
    found: dict[str, dict[str, object]] = {}
    for key, value in settings.items():
        section, name = key.split(".")
        found.setdefault(section, {})[name] = value
    return found


def main(names: list[str]) -> None:
    """Each run in its own process, a line each."""
    for name in names or RUNS:
        done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stdout.write(f"{name}: {done.stderr.strip().splitlines()[-1]}\n")
            continue
        told = json.loads(done.stdout.strip().splitlines()[-1])
        sys.stdout.write(f"{name:24} {told['peak'] - told['libraries']:7.0f} MB above {told['libraries']:.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(measure(*RUNS[sys.argv[2]])) + "\n")
    else:
        main(sys.argv[1:])
