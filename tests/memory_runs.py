"""Peak memory of real runs, each in a process of its own: `python tests/memory_runs.py MODEL [NAME…] [--python PATH]`.

A model of MODEL, a folder, learns one batch of four texts of 100 tokens in one pass, is scored on two, and is compared
with its base; in bf16 arithmetic. What a process holds before it loads a model (libraries) is taken off. The texts are
of one length, so that a checkout that pads and one that does not do the same. `--python` is the interpreter of another
checkout's environment, so that one script measures before and after.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

RUNS = {
    "sequential": ("sequential",),
    "sequential bf16": ("sequential", "protocol.weights=bf16", "protocol.moments=bf16"),
    "sequential bf16 foreground": (
        "sequential",
        "protocol.weights=bf16",
        "protocol.moments=bf16",
        "runtime.background_saving=false",
    ),
    "sequential bf16 8bit": ("sequential", "protocol.weights=bf16", "protocol.moments=8bit"),
    "lora": ("lora",),
    "lora frozen-bf16": ("lora", "protocol.weights=frozen-bf16"),
    "lora frozen-int8": ("lora", "protocol.weights=frozen-int8"),
    "lora frozen-nf4": ("lora", "protocol.weights=frozen-nf4"),
    "loramoe": ("loramoe",),
    "loramoe frozen-bf16": ("loramoe", "protocol.weights=frozen-bf16"),
}
SAID = (
    "The council discussed the budget of the library and of the two schools for an hour, and agreed on the second plan."
)
RECORD = {"prompt": f"{SAID} {SAID} What was decided?\nAnswer:", "answer": f" {SAID}"}
STREAM = """\
stream: mine
tasks:
  own/one:
    data: {files: {train: four.jsonl, test: two.jsonl}}
    scorers: {strict: exact, lenient: exact}
    max_new_tokens: 8
protocol:
  {learning_rate: 1.0e-4, epochs: 1, global_batch: 4, max_prompt_tokens: 512, max_answer_tokens: 64, precision: bf16,
  evaluate: ends}
"""
LIBRARIES = ("accelerate", "peft", "transformers.models.llama.modeling_llama", "bitsandbytes", "torchao")


def measure(model: str, plugin: str, *settings: str) -> dict[str, float]:
    """One run, in this process: MB before a model is loaded, and at the peak."""
    for name in LIBRARIES:
        if find_spec(name.partition(".")[0]):
            import_module(name)
    from clbench.cli import main

    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        stream = _write_stream(Path(folder))
        places = ("--runs-dir", f"{folder}/runs", "--leaderboards-dir", f"{folder}/boards")
        sets = [word for one in (*settings, "runtime.micro_batch=4") for word in ("--set", one)]
        asked = ("--stream", str(stream), "--plugin", plugin, "--model", model, "--probe", "none", "--quiet")
        sys.argv = ["clbench", "run", *asked, *places, *sets]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise
    return {"libraries": before, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write_stream(folder: Path) -> Path:
    for name, number in (("four", 4), ("two", 2)):
        (folder / f"{name}.jsonl").write_text(f"{json.dumps(RECORD)}\n" * number, encoding="utf-8")
    (folder / "mine.yaml").write_text(STREAM, encoding="utf-8")
    return folder / "mine.yaml"


def main() -> None:
    """Each run in its own process, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("names", nargs="*", choices=[*RUNS, []])
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    for name in given.names or RUNS:
        command = [given.python, __file__, "--one", given.model, *RUNS[name]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stdout.write(f"{name}: {(done.stderr.strip() or 'failed').splitlines()[-1]}\n")
            continue
        told = json.loads(done.stdout.strip().splitlines()[-1])
        sys.stdout.write(f"{name:24} {told['peak'] - told['libraries']:7.0f} MB above {told['libraries']:.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        asked = sys.argv[2:]
        found = measure(*asked)
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        main()
