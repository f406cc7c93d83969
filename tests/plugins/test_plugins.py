"""Discovery of plugins: each broken package is a row with its reason, and hurts nobody else."""

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from clbench.base.errors import PluginError
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.manager import PluginRecord, load_plugins, one_line

# Package, and what its row must say.
BROKEN = {
    "clbench-import": "ModuleNotFoundError: No module named 'a_package_that_is_not_there'",
    "clbench-exit": "SystemExit: needs CUDA",
    "clbench-argument": "'perplexity'",
    "clbench-misspelt": "unknown hook 'clbench_method'",
    "clbench-future": "method 'future' needs plugin API 99; this clbench has 1",
    "clbench-nospec": "not a MethodSpec",
    "clbench-raises": "KeyError: 'no configuration file'",
}


def short(package):
    return package.removeprefix("clbench-")


@pytest.fixture
def plugins(clear_registry):
    """The plugins of this environment; `add` gives it one more that is made of functions."""
    loaded = load_plugins()

    def add(name, **hooks):
        for hook, function in hooks.items():
            function.__name__ = hook
            hookimpl(function)
        loaded.manager.register(SimpleNamespace(**hooks), name=name)
        loaded.add(PluginRecord(name, f"clbench-{name}", "1.0", name))

    return SimpleNamespace(add=add, all=loaded)


def test_builtin_plugin_needs_no_installation(plugins):
    record = next(iter(plugins.all.records.values()))
    assert (record.name, record.package, record.status) == ("clbench", "clbench", "ok")
    assert {"clbench_methods", "clbench_metrics", "clbench_summaries", "clbench_task_dirs"} <= set(record.hooks)


def test_good_package(installed):
    record = installed("clbench-example").plugins.records["example"]
    assert record.label == "example (clbench-example 1.0)"
    assert (record.status, record.error, record.target) == ("ok", "", "clbench_example")
    assert set(record.hooks) == {
        f"clbench_{hook}" for hook in ("commands", "methods", "metrics", "summaries", "task_dirs")
    }
    assert "clbench_example.method" not in sys.modules  # imported when it is chosen


@pytest.mark.parametrize(("package", "reason"), BROKEN.items())
def test_broken_package_is_a_row_with_its_reason(installed, package, reason):
    registry = installed(package, "clbench-example")
    record = registry.plugins.records[short(package)]
    assert (record.package, record.version, record.status, record.hooks) == (package, "1.0", "broken", ())
    assert reason in record.error
    assert "\n" not in record.error
    assert registry.plugins.records["example"].status == "ok"
    assert {"sequential", "example"} <= set(registry.methods.entries)


@pytest.mark.parametrize("package", BROKEN)
def test_nothing_of_a_broken_package_stays(installed, package):
    registry = installed(package)
    assert short(package) not in dict(registry.plugins.manager.list_name_plugin())
    assert not {"early", "future"} & set(registry.methods.entries)


@pytest.mark.parametrize("package", BROKEN)
def test_asking_for_a_broken_package_by_name_gives_its_reason(installed, package):
    registry = installed(package)
    reason = registry.plugins.records[short(package)].error
    with pytest.raises(PluginError) as caught:
        registry.method(short(package))
    assert (
        str(caught.value)
        == f"method {short(package)!r}: plugin {short(package)} ({package} 1.0) did not load: {reason}"
    )


def test_all_of_them_at_once(installed):
    registry = installed("clbench-example", *BROKEN)
    assert {record.package for record in registry.broken} == set(BROKEN)
    assert registry.method("example").plugin.package == "clbench-example"


@pytest.mark.parametrize("package", [*BROKEN, "clbench-impostor"])
def test_strict_makes_a_broken_package_fatal(installed, package, monkeypatch):
    monkeypatch.setenv("CLBENCH_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=rf"plugin .*\({package} 1\.0\) failed to load: "):
        installed("clbench-example", package)


@pytest.mark.parametrize("disabled", ["import", "clbench-import", "other, import"])
def test_disabled_plugin_is_not_imported(installed, disabled, monkeypatch):
    monkeypatch.setenv("CLBENCH_DISABLE_PLUGINS", disabled)
    registry = installed("clbench-import", "clbench-example")
    assert registry.plugins.records["import"].status == "disabled"
    assert registry.plugins.records["example"].status == "ok"


def test_second_plugin_of_one_name_is_broken_and_names_the_first(installed):
    registry = installed("clbench-example", "clbench-impostor")
    assert registry.plugins.records["example"].package == "clbench-example"
    impostor = registry.plugins.records["example@clbench-impostor"]
    assert impostor.error == "the plugin name 'example' is taken by clbench-example 1.0"
    assert "impostor" not in registry.methods.entries


@pytest.mark.parametrize("package", ["clbench-example", "clbench-impostor"])
def test_of_two_plugins_with_one_name_either_can_be_disabled(installed, package, monkeypatch):
    monkeypatch.setenv("CLBENCH_DISABLE_PLUGINS", package)
    registry = installed("clbench-example", "clbench-impostor")
    other = {"clbench-example": "impostor", "clbench-impostor": "example"}[package]
    assert registry.plugins.records["example"].status == "ok"
    assert registry.plugins.records[f"example@{package}"].status == "disabled"
    assert registry.method(other).plugin.package == f"clbench-{other}"


# --- calls


def test_failing_observer_is_reported_once_and_switched_off(plugins, caplog):
    seen = []
    plugins.add("bad", clbench_run_error=lambda error: 1 / 0, clbench_run_start=lambda run_id: seen.append("bad"))
    plugins.add("good", clbench_run_error=lambda error: seen.append(error))  # noqa: PLW0108 (hooks have named arguments)
    for number in range(3):
        plugins.all.emit("clbench_run_error", run_id="r", error=f"e{number}")
    plugins.all.emit("clbench_run_start", run_id="r", config={})
    assert seen == ["e0", "e1", "e2"]
    assert [record.getMessage() for record in caplog.records] == [
        "observer bad failed in clbench_run_error and is switched off: ZeroDivisionError: division by zero"
    ]
    assert plugins.all.records["bad"].status == "broken"


def test_observer_that_exits_cannot_end_the_run(plugins, caplog):
    def leave(error):
        sys.exit("tracker needs a login")

    plugins.add("bad", clbench_run_error=leave)
    plugins.all.emit("clbench_run_error", run_id="r", error="e")
    assert "SystemExit: tracker needs a login" in caplog.text


def test_interrupt_in_an_observer_is_the_users(plugins):
    def interrupt(error):
        raise KeyboardInterrupt

    plugins.add("any", clbench_run_error=interrupt)
    with pytest.raises(KeyboardInterrupt):
        plugins.all.emit("clbench_run_error", run_id="r", error="e")


def test_package_with_a_failing_observer_keeps_its_method(installed, caplog):
    registry = installed("clbench-observer")
    with caplog.at_level(logging.WARNING):
        for step in (1, 2):
            registry.plugins.emit("clbench_step_end", run_id="r", step=step, loss=1.0, learning_rate=1e-3, tokens=5)
    assert caplog.text.count("the tracker cannot be reached at step 1") == 1
    assert "step 2" not in caplog.text
    assert registry.composition("watched").create({}).footprint().extra_parameters == 0


@pytest.mark.parametrize(
    ("found", "reason"),
    [("text", "TypeError: clbench_methods gave the text 'text', not a list"), (3, "TypeError"), (None, "")],
)
def test_registration_hook_must_give_an_iterable(plugins, found, reason):
    plugins.add("odd", clbench_methods=lambda: found)
    given = [item for record, item in plugins.all.collect("clbench_methods") if record.name == "odd"]
    assert given == []
    assert plugins.all.records["odd"].error.startswith(reason)
    assert bool(plugins.all.records["odd"].error) == bool(reason)


def test_what_a_plugin_prints_does_not_spoil_standard_output(plugins, capsys):
    plugins.add("loud", clbench_methods=lambda: print("hello") or [], clbench_run_error=lambda: print("seen"))  # noqa: T201
    list(plugins.all.collect("clbench_methods"))
    plugins.all.emit("clbench_run_error", run_id="r", error="e")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\nseen\n")


def test_trace_shows_every_call(plugins, monkeypatch, capsys):
    monkeypatch.setenv("CLBENCH_TRACE_PLUGINS", "1")
    plugins.add("mine", clbench_run_error=lambda error: None)
    list(plugins.all.collect("clbench_methods"))
    plugins.all.emit("clbench_run_error", run_id="r", error="x" * 200)
    trace = capsys.readouterr().err
    assert "clbench_methods() -> clbench\n" in trace
    assert "clbench_run_error(run_id='r', error='xxx" in trace
    assert trace.endswith("-> mine\n")
    assert max(map(len, trace.splitlines())) < 160


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("a\n  b"), "ValueError: a b"), (ValueError(), "ValueError"), (SystemExit(3), "SystemExit: 3")],
)
def test_one_line(error, line):
    assert one_line(error) == line


# --- the packages are real


@pytest.mark.slow
@pytest.mark.parametrize("package", ["clbench-example", "clbench-exit"])
def test_pip_installs_what_the_tests_install(package, tmp_path, install, process_env):
    """The folder that `install` makes is, for clbench, what pip makes of the same package."""
    for module in ("pip", "hatchling"):
        pytest.importorskip(module, reason="needs pip and hatchling")
    source = install.packages / package
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet"]
    done = subprocess.run([*command, "--target", tmp_path / "pip", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    install(tmp_path / "ours", package)
    listed = [
        subprocess.run(
            [sys.executable, "-m", "clbench", "plugins", "--json"],
            env=process_env(PYTHONPATH=str(tmp_path / folder)),
            capture_output=True,
            text=True,
        ).stdout
        for folder in ("pip", "ours")
    ]
    assert json.loads(listed[0]) == json.loads(listed[1])
    assert short(package) in listed[0]
