"""What the documents say is true: commands run, hooks are all described, the tutorial's method works as printed."""

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clbench.plugins import hookspecs
from clbench.plugins.hookspecs import PROJECT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = ["--set", "stream.train_examples=4", "--set", "stream.test_examples=2", "--set", "stream.probe_examples=4"]
SMALL += ["--set", "protocol.epochs=1", "--set", "protocol.max_answer_tokens=4", "--quiet"]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every `clbench …` line of the shell blocks, without comments."""
    lines = [line for block in blocks(text, "bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if "clbench " in line]


def test_first_commands_are_the_promised_ones():
    first = blocks(README, "bash")[0].splitlines()
    assert first[0] == "python -m pip install uv"
    assert first[1].startswith("uv run clbench run --stream trace --plugin")


@pytest.mark.slow
def test_the_readmes_run_command_runs(run_cli, tmp_path):
    (command,) = [one for one in commands(README) if one[:3] == ["uv", "run", "clbench"]]
    arguments = [one for one in command[3:] if one != "mofo"]
    arguments = arguments if "mofo" not in command else arguments[: arguments.index("--plugin") + 2]
    done = run_cli(*arguments, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "op " in done.stdout
    assert "bwt.gem" in done.stdout
    assert list((tmp_path / "home/leaderboards").glob("*.md"))


@pytest.mark.slow
def test_the_readmes_example_in_python_runs(tmp_path, home, process_env):
    (text,) = [one for one in blocks(README, "python") if "clbench.run(" in one]
    script = tmp_path / "example.py"
    script.write_text(f"{text}\nassert len(clbench.board()) == 2\n", encoding="utf-8")
    env = process_env(CLBENCH_HOME=str(home))
    done = subprocess.run([sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "halved" / "pyproject.toml").is_file()


def test_the_readmes_options_exist(run_cli):
    text = "".join(run_cli(name, "--help").stdout for name in ("run", "show", "forget"))
    ours = "\n".join(line for line in README.splitlines() if "pytest" not in line)
    used = set(re.findall(r"(?<![!-])--[a-z][a-z-]+", ours))
    known = set(re.findall(r"--[a-z-]+", text))
    assert used <= known


def test_the_gates_of_the_forget_page_are_yaml_whose_commands_exist(run_cli):
    page = (ROOT / "docs/forget.md").read_text(encoding="utf-8")
    workflow, hooks = (yaml.safe_load(block) for block in blocks(page, "yaml"))
    steps = [one["run"] for one in workflow["jobs"]["forget"]["steps"] if "run" in one]
    (hook,) = hooks["repos"][0]["hooks"]
    gates = [one for one in (*steps, hook["entry"]) if one.startswith("clbench forget ")]
    assert len(gates) == 2
    known = set(re.findall(r"--[a-z-]+", run_cli("forget", "--help").stdout))
    assert {word for gate in gates for word in shlex.split(gate) if word.startswith("--")} <= known


def test_every_hook_is_documented_with_its_arguments():
    text = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")
    for name, function in vars(hookspecs).items():
        if hasattr(function, f"{PROJECT}_spec"):
            arguments = ", ".join(inspect.signature(function).parameters)
            assert f"`{name}({arguments})`" in text, name
            assert function.__doc__


def test_the_commands_of_the_science_check_are_those_of_its_plan():
    plan, report = commands((ROOT / "docs/science.md").read_text(encoding="utf-8"))
    assert plan == ["clbench", "run", "plans/science.yaml"]
    assert report[:4] == ["clbench", "plan", "report", "plans/science.yaml"]
    assert all((ROOT / path).is_file() for path in (plan[-1], "docs/science.yaml", report[-1]))


@pytest.mark.slow
def test_the_plan_of_the_science_check_can_be_listed(call, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("plan", "show", ROOT / "plans/science.yaml")
    assert done.code == 0, done.err
    last = done.out.splitlines()[-1]
    assert last == "plan science: 0 done, 0 running, 0 failed, 290 left; 330 more after a choice"


def test_the_examples_of_plans_are_read(call, home, tmp_path, monkeypatch):
    """The plan of the document is listed and its commands are understood; nothing is run."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/plans.md").read_text(encoding="utf-8")
    small = "run: {settings: {stream.train_examples: 4, stream.test_examples: 2, stream.probe_examples: 2}, "
    (plan,) = blocks(text, "yaml")
    (tmp_path / "forgetting.yaml").write_text(plan.replace("run: {stream", small + "stream", 1), encoding="utf-8")
    for _, command, *arguments in commands(text):
        if "tuned.yaml" in arguments and command == "run":
            continue  # which the command before it writes
        dry = {"plan": (), "watch": ("--once",)}.get(command, () if "--dry-run" in arguments else ("--dry-run",))
        done = call(command, *arguments, *dry)
        assert done.code == 0, done.err


@pytest.mark.parametrize("plugin", ["anchor", "anchor+lora"])
def test_the_tutorials_method_is_real(tmp_path, run_cli, plugin):
    text = (ROOT / "docs/write-a-method.md").read_text(encoding="utf-8")
    module = tmp_path / "site" / "clbench_anchor"
    module.mkdir(parents=True)
    init, method = blocks(text, "python")[:2]
    (module / "__init__.py").write_text(init, encoding="utf-8")
    (module / "method.py").write_text(method, encoding="utf-8")
    info = tmp_path / "site" / "clbench_anchor-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clbench-anchor\nVersion: 0.1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[clbench.plugins]\nanchor = clbench_anchor\n", encoding="utf-8")
    options = [
        "--stream",
        "trace:mini",
        "--plugin",
        plugin,
        "-o",
        "anchor.strength=0.5",
        "--set",
        "protocol.evaluate=ends",
    ]
    done = run_cli("run", *options, *SMALL, "--json", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 0, done.stderr
    assert f'"{plugin}"' in done.stdout


def test_a_stream_of_the_docs_is_valid(tmp_path):
    from clbench.plugins.registry import registry

    (text,) = blocks((ROOT / "docs/tasks.md").read_text(encoding="utf-8"), "yaml")
    path = tmp_path / "pets.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = registry().catalog().stream(str(path))
    assert list(loaded.tasks) == ["cats", "dogs"]
    assert loaded.stream.protocol.epochs == 2


def test_links_between_documents_exist():
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for name in re.findall(
            r"`((?:docs|clbench|leaderboards|tests)/[\w./-]+\.(?:md|py|yaml))`", path.read_text("utf-8")
        ):
            assert (ROOT / name).is_file(), f"{path.name} names {name}"
