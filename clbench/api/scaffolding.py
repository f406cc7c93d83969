"""Packages to begin with: a method and a stream that work at once, in which an idea takes the example's place."""

from __future__ import annotations

import re
from pathlib import Path

from clbench import __version__
from clbench.api.exporting import PROJECT, TEST
from clbench.base import atomic
from clbench.base.errors import FileError, OptionError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_METHOD_INIT = '''\
"""{title}: what clbench reads when it lists methods; torch is imported in `method.py`, when the method is chosen."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods():
    """The one method of this package."""
    yield MethodSpec(
        name="{name}",
        target="{package}.method:{cls}",
        summary="L2 pull towards the weights before each task",
        capabilities=frozenset({{"edits_gradients"}}),
    )
'''
_METHOD = '''\
"""{title}: an L2 pull towards the weights before each task. Your idea takes its place."""

import torch
from pydantic import Field

from clbench import Footprint, Method, MethodOptions


class Options(MethodOptions):
    """What `-o {name}.KEY=VALUE` sets.

    Args:
        strength: of the pull, per step.
    """

    strength: float = Field(default=0.01, ge=0)


class {cls}(Method):
    """Every hook that there is: docs/hooks.md and clbench/methods/method.py of clbench."""

    Options = Options
    anchors = {{}}  # before the first task

    def before_experience(self, run, experience):
        """Remember where the task begins."""
        self.anchors = {{name: p.detach().clone() for name, p in run.model.named_parameters()}}

    @torch.no_grad()
    def after_backward(self, run):
        """Add the gradient of strength * |p - anchor|^2."""
        for name, p in run.model.named_parameters():
            if p.grad is not None:
                p.grad.add_(p - self.anchors[name].to(p.device), alpha=2 * self.options.strength)

    def state_dict(self):
        """All that a run needs to go on after it was cut off."""
        return {{"anchors": self.anchors}}

    def load_state_dict(self, state):
        """Take it up again."""
        self.anchors = {{name: anchor.clone() for name, anchor in state["anchors"].items()}}

    def footprint(self):
        """What the method keeps beside the model."""
        return Footprint(stored_bytes=sum(p.nbytes for p in self.anchors.values()))
'''
_METHOD_README = """\
# clbench-{name}

A method of clbench. `src/{package}/method.py` is an example that works; put your idea in its place.

    pip install -e .
    clbench check {name} --identity {name}.strength=0
    clbench run --stream trace --plugin sequential --plugin {name}
    clbench compare {name}:sequential
"""
_STREAM_INIT = '''\
"""{title}: where clbench finds this package's tasks and streams."""

from pathlib import Path

from clbench import hookimpl


@hookimpl
def clbench_task_dirs():
    """One YAML file a task, streams below `streams/`."""
    yield Path(__file__).parent / "tasks"
'''
_SCORING = '''\
"""Scores of this package's tasks, from 0 to 1; a task file names a function as `{package}.scoring:near`."""


def near(*, prompt, prediction, answer):
    """How near a number is: 1 if it is equal, 0 if it is off by the answer's size or more, or no number."""
    try:
        wrote, gold = float(prediction), float(answer)
    except ValueError:
        return 0.0
    return max(0.0, 1.0 - abs(wrote - gold) / max(1.0, abs(gold)))
'''
_PARITY = """\
task: {name}/parity
summary: whether a number is odd or even; records are JSON, one a line
language: en
data: {{files: {{train: parity.train.jsonl, test: parity.test.jsonl}}}}
template: {{prefix: "Is ", suffix: " odd or even?\\nAnswer:", answer: " (odd|even)"}}
scorers: {{strict: exact, lenient: stripped}}
side: [macro_f1]
max_new_tokens: 4
"""
_DOUBLE = """\
task: {name}/double
summary: twice a number; records are CSV, whose columns become prompt and answer by `forms`
language: en
data: {{files: {{train: double.train.csv, test: double.test.csv}}}}
forms:
  - prompt: "Question: {{{{ question }}}}\\nAnswer:"
    answer: " {{{{ result }}}}"
scorers: {{strict: exact, lenient: "{package}.scoring:near"}}
max_new_tokens: 6
"""
_STREAM = """\
stream: {name}
summary: two small tasks, one after the other
tasks: [{name}/parity, {name}/double]
protocol:
  name: {name}/1
  learning_rate: 1.0e-3
  epochs: 2
  global_batch: 8
"""
_STREAM_README = """\
# clbench-{name}

A stream of clbench: tasks in `src/{package}/tasks/{name}/`, their order, protocol and records in `tasks/streams/`.

    pip install -e .
    clbench validate src
    clbench run --stream {name} --plugin sequential
"""
_STREAM_TEST = '''\
"""The stream is found, its files are valid, and its own score does what it says."""

from pathlib import Path

from {package}.scoring import near
from clbench.cli.validate import check_file
from clbench.plugins.registry import registry

TASKS = Path(__file__).parents[1] / "src" / "{package}" / "tasks"


def test_every_file_is_valid():
    catalog = registry().catalog()
    for path in sorted(TASKS.rglob("*.yaml")):
        check_file(path, catalog)


def test_the_stream_has_its_tasks():
    assert list(registry().catalog().stream("{name}").tasks) == ["{name}/parity", "{name}/double"]


def test_near():
    assert near(prompt="", prediction=" 12", answer="12") == 1.0
    assert near(prompt="", prediction="9", answer="12") == 0.75
    assert near(prompt="", prediction="twelve", answer="12") == 0.0
'''


def new_method(name: str, folder: Path | None = None) -> Path:
    """Write a method's package, which passes `clbench check` once it is installed.

    Args:
        name: of the method.
        folder: new or empty; `clbench-NAME` if it is left out.

    Raises:
        ClbenchError: the name is none, or the folder is in use.
    """
    words = _words(name)
    files = {
        "pyproject.toml": PROJECT.format(**words, summary=f"The method {name} of clbench"),
        "README.md": _METHOD_README.format(**words),
        f"src/{words['package']}/__init__.py": _METHOD_INIT.format(**words),
        f"src/{words['package']}/method.py": _METHOD.format(**words),
        "tests/test_conformance.py": TEST.format(name=name).replace(
            f'conformance("{name}")', f'conformance("{name}", identity={{"{name}.strength": 0}})'
        ),
    }
    return _write(files, folder or Path(f"clbench-{name}"))


def new_stream(name: str, folder: Path | None = None) -> Path:
    """Write a stream's package: two tasks with records, a score of its own, tests.

    Args:
        name: of the stream.
        folder: new or empty; `clbench-NAME` if it is left out.

    Raises:
        ClbenchError: the name is none, or the folder is in use.
    """
    words = _words(name)
    root, tasks = f"src/{words['package']}", f"src/{words['package']}/tasks"
    files = {
        "pyproject.toml": PROJECT.format(**words, summary=f"The stream {name} of clbench"),
        "README.md": _STREAM_README.format(**words),
        f"{root}/__init__.py": _STREAM_INIT.format(**words),
        f"{root}/scoring.py": _SCORING.format(**words),
        f"{tasks}/{name}/parity.yaml": _PARITY.format(**words),
        f"{tasks}/{name}/double.yaml": _DOUBLE.format(**words),
        f"{tasks}/streams/{name}.yaml": _STREAM.format(**words),
        **{f"{tasks}/streams/{file}": text for file, text in _records().items()},
        "tests/test_stream.py": _STREAM_TEST.format(**words),
    }
    return _write(files, folder or Path(f"clbench-{name}"))


def _records() -> dict[str, str]:
    """Numbers below 100, every fifth one for the test, so that no record is in both splits."""
    files = {}
    for split, numbers in {
        "train": [n for n in range(100) if n % 5],
        "test": [n for n in range(100) if not n % 5],
    }.items():
        parity = (
            f'{{"prompt": "Is {n} odd or even?\\nAnswer:", "answer": " {("even", "odd")[n % 2]}"}}\n' for n in numbers
        )
        files[f"parity.{split}.jsonl"] = "".join(parity)
        files[f"double.{split}.csv"] = "question,result\n" + "".join(f"twice {n},{2 * n}\n" for n in numbers)
    return files


def _words(name: str) -> dict[str, str]:
    if not NAME.fullmatch(name):
        raise OptionError(f"{name!r}: a name is of small letters and digits with single hyphens, such as my-method")
    package = f"clbench_{name.replace('-', '_')}"
    title = name.replace("-", " ").capitalize()
    cls = "".join(part.capitalize() for part in name.split("-"))
    return {"name": name, "package": package, "cls": cls, "title": title, "version": __version__}


def _write(files: dict[str, str], folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder}: is not empty; give a new folder")
    for name, text in files.items():
        atomic.write_text(folder / name, text)
    return folder
