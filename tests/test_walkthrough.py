"""A researcher's working day, from wheels alone in an empty folder: `uv run tox -e walk` says how long it took."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WANTED = os.environ.get("CLBENCH_WALK")
PLAN = """plan: day
run:
  stream: "trace:mini"
  seeds: 2
  orders: 2
  settings: {stream.train_examples: 48, stream.test_examples: 8, stream.probe_examples: 8, protocol.epochs: 1,
             protocol.max_answer_tokens: 16}
methods: [sequential, mofo, replay]
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WANTED, reason="builds wheels and trains for minutes: CLBENCH_WALK=1, or tox -e walk"),
]


class Shell:
    """One user's terminal, in an empty folder, where clbench is installed."""

    def __init__(self, folder, programs):
        self.folder, self.commands = folder, []
        foreign = ("CLBENCH", "VIRTUAL_ENV", "PYTHON")
        ours = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.env = {**ours, "PATH": f"{programs}{os.pathsep}{ours['PATH']}", "CLBENCH_HOME": str(folder / "home")}

    def __call__(self, line, *, code=0):
        """A command to its end; what it said."""
        began = time.monotonic()
        done = subprocess.run(line, shell=True, cwd=self.folder, env=self.env, capture_output=True, encoding="utf-8")
        self.commands.append((line, time.monotonic() - began))
        assert done.returncode == code, f"{line}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    def begin(self, line):
        """A command that goes on beside the others."""
        self.commands.append((line, 0.0))
        return subprocess.Popen(
            line, shell=True, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@pytest.fixture
def shell(tmp_path):
    """clbench with its plugins, of built wheels, in an environment of its own."""
    uv = shutil.which("uv") or pytest.skip("needs uv")

    def do(*arguments):
        subprocess.run([uv, *arguments], cwd=ROOT, check=True, capture_output=True)

    do("build", "--all-packages", "--wheel", "--out-dir", tmp_path / "wheels")
    do("venv", "--python", sys.executable, "--seed", tmp_path / "env")
    wheels = sorted((tmp_path / "wheels").glob("*.whl"))
    (core,) = [one for one in wheels if one.name.startswith("clbench-")]
    others = [one for one in wheels if one != core]
    do("pip", "install", "--python", tmp_path / "env/bin/python", f"clbench[plot] @ {core.as_uri()}", *others)
    (tmp_path / "empty").mkdir()
    return Shell(tmp_path / "empty", tmp_path / "env/bin")


def test_a_working_day(shell):
    folder = shell.folder
    assert "mofo" in shell("clbench doctor")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    assert "12 runs; 0 finished" in shell("clbench run plan.yaml --dry-run")
    running = shell.begin("clbench run plan.yaml")
    began = time.monotonic()
    while "running" not in shell("clbench watch plan.yaml --once"):
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() - began < 300
        shell.commands.pop()
        time.sleep(5)
    said, _ = running.communicate(timeout=3600)
    shell.commands.append(("(until the plan is finished)", time.monotonic() - began))
    assert running.returncode == 0, said
    assert "left out" not in said
    assert said.count("no model can score above") == 3, "what is true of all runs is said once"
    assert "plan day: 12 done, 0 running, 0 failed, 0 left" in shell("clbench plan show plan.yaml")
    assert "nothing was done" in shell("clbench run plan.yaml")

    for kind, begin in {"md": "| Method", "csv": "method,", "latex": "% board", "html": "<table>"}.items():
        text = shell(f"clbench leaderboard --format {kind} --metric op --metric vs.op --metric bwt.gem")
        assert text.startswith(begin)
        assert all(name in text for name in ("sequential", "mofo", "replay"))
    shell("clbench plot curves 'trace-mini*' --out curves.pdf")
    shell("clbench plot R 'trace-mini_mofo_tiny_order1*' --out r.svg")
    shell("clbench report 'trace-mini*' --out report.html")
    assert "mofo : sequential" in shell("clbench compare mofo:sequential replay:sequential")
    assert (folder / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (folder / "r.svg").read_text("utf-8")
    assert "replay" in (folder / "report.html").read_text("utf-8")

    shell("clbench new method pull")
    shell("pip install -e ./clbench-pull")
    assert "pull" in shell("clbench check pull --identity pull.strength=0")
    (folder / "plan.yaml").write_text(PLAN.replace("replay]", "replay, pull]"), encoding="utf-8")
    said = shell("clbench run plan.yaml")
    assert said.count("(found finished)") == 12, "what is there is not trained again"
    (board,) = (folder / "home/leaderboards").glob("*.md")
    assert re.search(r"^\| pull +\| +4 ", board.read_text("utf-8"), flags=re.MULTILINE)
    tell(shell.commands)


def tell(commands):
    """How many, and how long each took."""
    own = [line for line, _ in commands if not line.startswith("(")]
    lines = [f"{seconds:7.1f} s  {line}" for line, seconds in commands]
    sys.stdout.write(
        "\n".join(("", *lines, f"{len(own)} commands, {sum(one for _, one in commands) / 60:.1f} minutes\n"))
    )
