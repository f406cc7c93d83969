"""Fixtures for all tests: folders, the command line, third-party packages, records."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings
from pydantic import BaseModel

from clbench.plugins.registry import registry
from clbench.runs.record import Record

pytest_plugins = ("small", "records")  # models that train in milliseconds, a stream of three tasks, the CLI in process
settings.register_profile("clbench", deadline=None)  # a busy machine is no error
settings.load_profile("clbench")
ROOT = Path(__file__).parent.parent
PACKAGES = Path(__file__).parent / "data_plugins"
SWITCHES = ("CLBENCH_DISABLE_PLUGINS", "CLBENCH_STRICT_PLUGINS", "CLBENCH_TRACE_PLUGINS")


def pytest_collection_modifyitems(items):
    """Tests of a minute each are run when they are asked for; those that kill processes with their campaign, too."""
    skip = pytest.mark.skip(reason="takes a minute: CLBENCH_LONG=1 runs it (tox -e long)")
    for item in items:
        asked = "CLBENCH_LONG" in os.environ or ("CLBENCH_FAULTS" in os.environ and item.get_closest_marker("faults"))
        if item.get_closest_marker("long") and not asked:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _own_folder(tmp_path_factory):
    """What serves all projects of a user is not touched where no test gives a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty CLBENCH_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("CLBENCH_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_data():
    """The folder of real records, which the project holds no copy of."""
    folder = os.environ.get("CLBENCH_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CLBENCH_TEST_DATA names no folder of real records")
    return Path(folder)


@pytest.fixture(scope="session")
def process_env():
    """The environment of a child process, which finds clbench whether or not it is installed."""

    def environment(**changes):
        own = {name: value for name, value in os.environ.items() if name not in SWITCHES}
        paths = (changes.pop("PYTHONPATH", ""), str(ROOT), own.get("PYTHONPATH", ""))
        return {**own, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **changes}

    return environment


@pytest.fixture
def run_cli(tmp_path, home, process_env):
    """`python -m clbench …` in a process of its own, with its own home."""

    def run(*args, env=None, cwd=None):
        return subprocess.run(
            [sys.executable, "-m", "clbench", *map(str, args)],
            cwd=cwd or tmp_path,
            env=process_env(**(env or {})),
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )

    return run


@pytest.fixture
def clear_registry(monkeypatch):
    """An unspoilt environment and registry; call it to have the registry made anew."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    registry.cache_clear()
    yield registry.cache_clear
    registry.cache_clear()


@pytest.fixture(scope="session")
def install():
    """Puts packages of data_plugins into a folder as `pip install --target` would, without building anything."""

    def install(folder, *names):
        for name in names:
            project = tomllib.loads((PACKAGES / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            module = name.replace("-", "_")
            shutil.copytree(PACKAGES / name / "src" / module, folder / module)
            info = folder / f"{module}-{project['version']}.dist-info"
            info.mkdir()
            about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n"
            (info / "METADATA").write_text(about, encoding="utf-8")
            groups = [
                f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
                for group, entries in project["entry-points"].items()
            ]
            (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
        return folder

    install.packages = PACKAGES
    return install


@pytest.fixture
def installed(install, tmp_path, monkeypatch, clear_registry):
    """Installs packages of data_plugins for this process, and forgets them afterwards."""

    def installed(*names):
        monkeypatch.syspath_prepend(str(install(tmp_path / "site", *names)))
        clear_registry()
        return registry()

    before = set(sys.modules)
    yield installed
    modules = {path.name.replace("-", "_") for path in PACKAGES.iterdir()}
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in modules:
            del sys.modules[name]


@pytest.fixture(scope="session")
def make_record():
    """A valid record of two tasks, with changes to any of its parts."""

    def make(method="sequential", *, seed=0, order="order1", final=(0.5, 0.8), options=None, board=None, **changes):
        options = {method: {"learning_rate": None}} if options is None else options
        content = {
            "run": f"toy_{method}_s{seed}_{order}",
            "board": {
                "stream": "toy",
                "variant": "files",
                "stream_version": 1,
                "protocol": {"name": "toy/1", "scorer": "strict", "learning_rate": 1e-3},
                "tasks": "a" * 64,
                "data": "b" * 64,
                "model": {"name": "clbench/tiny", "hash": "c" * 64},
                "scorer_version": "1",
                "train_examples": None,
                "test_examples": None,
                **(board or {}),
            },
            "method": {
                "name": method,
                "regime": "sequential",
                "options": options,
                "defaults": {name: {"learning_rate": None} for name in options},
                "packages": {"clbench": "0.1.0"},
            },
            "seed": seed,
            "order": order,
            "tasks": ["toy/a", "toy/b"],
            "scores": {
                "strict": [[0.1, 0.2], [0.9, 0.3], [*final]],
                "lenient": [[0.2, 0.2], [0.9, 0.4], [*final]],
            },
            "costs": {
                "train_seconds": 12.34,
                "eval_seconds": 5.6,
                "steps": 1200,
                "train_tokens": 34567,
                "answer_tokens": 4567,
                "generated_tokens": 890,
                "peak_memory_bytes": 3 << 30,
                "device": "cpu",
            },
            "footprint": {"trainable_parameters": 1_000_000},
        }
        return Record.model_validate(content | changes)

    return make


@pytest.fixture(scope="session")
def replaced():
    """A record with another value at a place, unchecked: `replaced(record, ("method", "name"), "\\x1b[2J")`."""

    def replaced(whole, place, value):
        if not place:
            return value
        first, *rest = place
        if isinstance(whole, BaseModel):
            return whole.model_copy(update={first: replaced(getattr(whole, first), rest, value)})
        if isinstance(whole, dict):
            return {**whole, first: replaced(whole.get(first), rest, value)}
        return tuple(replaced(one, rest, value) if number == first else one for number, one in enumerate(whole))

    return replaced
