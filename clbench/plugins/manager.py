"""Finding plugins and loading them one by one: a broken one becomes a row that says why, never a crash.

Entry-point group `clbench.plugins`. Environment: `CLBENCH_DISABLE_PLUGINS=a,b` skips plugins,
`CLBENCH_STRICT_PLUGINS=1` makes a broken one fatal, `CLBENCH_TRACE_PLUGINS=1` writes every hook call to standard error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import pluggy

from clbench import API_VERSION, __version__
from clbench.base.errors import PluginError
from clbench.plugins import hookspecs

GROUP = "clbench.plugins"
BUILTIN = "clbench.plugins.builtin"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin, loaded or not.

    Args:
        name: entry point's name.
        package: distribution that brings it.
        version: of that distribution.
        target: module.
        status: `ok`, `broken`, or `disabled` by the environment.
        error: why it is broken, in one line.
        hooks: what it implements.
        api: plugin API that it was written for.
    """

    name: str
    package: str
    version: str
    target: str
    status: Literal["ok", "broken", "disabled"] = "ok"
    error: str = ""
    hooks: tuple[str, ...] = ()
    api: int = API_VERSION

    @property
    def label(self) -> str:
        """`mofo (clbench-mofo 0.1.0)`."""
        return f"{self.name} ({self.package} {self.version})"


@dataclass(slots=True)
class Plugins:
    """All plugins of this environment, and the calls to them."""

    manager: pluggy.PluginManager
    records: dict[str, PluginRecord] = field(default_factory=dict)

    def add(self, record: PluginRecord) -> PluginRecord:
        """List a plugin, under `name@package` when its name is taken."""
        if record.name in self.records:
            record = replace(record, name=f"{record.name}@{record.package}")
        self.records[record.name] = record
        return record

    def fail(self, name: str, error: BaseException | str) -> None:
        """Mark a plugin as broken and take all of it out; fatal under `CLBENCH_STRICT_PLUGINS=1`."""
        reason = error if isinstance(error, str) else one_line(error)
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        self.records[name] = replace(self.records[name], status="broken", error=reason, hooks=())
        if os.environ.get("CLBENCH_STRICT_PLUGINS") == "1":
            raise PluginError(f"plugin {self.records[name].label} failed to load: {reason}")

    def collect(self, hook: str) -> Iterator[tuple[PluginRecord, Any]]:
        """Everything that a registration hook yields, with the plugin it comes from; a failing plugin is broken."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        for implementation in implementations:
            try:
                found = _call(hook, implementation, {})
                if isinstance(found, str):
                    raise TypeError(f"{hook} gave the text {found!r:.60}, not a list")
                items = list(found or ())
            except (Exception, SystemExit) as error:
                self.fail(implementation.plugin_name, error)
                continue
            for item in items:
                yield self.records[implementation.plugin_name], item

    def emit(self, hook: str, **arguments: Any) -> None:
        """Tell all observers; one that fails is reported once and switched off for good."""
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            try:
                _call(hook, implementation, arguments)
            except (Exception, SystemExit) as error:
                log.warning("observer %s failed in %s and is switched off: %s", name, hook, one_line(error))
                self.manager.unregister(name=name)
                self.records[name] = replace(self.records[name], status="broken", error=one_line(error))


def _call(hook: str, implementation: Any, arguments: Mapping[str, Any]) -> Any:
    if os.environ.get("CLBENCH_TRACE_PLUGINS") == "1":
        shown = ", ".join(f"{key}={value!r:.60}" for key, value in arguments.items())
        sys.stderr.write(f"{hook}({shown}) -> {implementation.plugin_name}\n")
    with contextlib.redirect_stdout(sys.stderr):  # a plugin that prints must not spoil --json
        return implementation.function(**{name: arguments[name] for name in implementation.argnames})


def one_line(error: BaseException) -> str:
    """`ModuleNotFoundError: No module named 'x'`."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def load_plugins(*, only: Collection[str] | None = None) -> Plugins:
    """Load every plugin of this environment, clbench's own first.

    Args:
        only: names or packages of those to load besides clbench's own; None: all.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    _load(plugins, EntryPoint("clbench", BUILTIN, GROUP), package="clbench", version=__version__)
    names = {name.strip() for name in os.environ.get("CLBENCH_DISABLE_PLUGINS", "").split(",")}
    disabled = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if entry.value == BUILTIN:
            continue
        package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
        left_out = only is not None and entry.name not in only and package not in only
        if left_out or entry.name in names or package in names:
            disabled.append(PluginRecord(entry.name, package, version, entry.value, status="disabled"))
        else:
            _load(plugins, entry, package=package, version=version)
    for record in disabled:
        plugins.add(record)
    return plugins


def _load(plugins: Plugins, entry: EntryPoint, *, package: str, version: str) -> None:
    record = plugins.add(PluginRecord(entry.name, package, version, entry.value))
    if record.name != entry.name:
        taken = plugins.records[entry.name]
        plugins.fail(record.name, f"the plugin name {entry.name!r} is taken by {taken.package} {taken.version}")
        return
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = entry.load()
        plugins.manager.register(module, name=entry.name)
        plugins.manager.check_pending()  # a misspelt hook
    except (Exception, SystemExit) as error:
        plugins.fail(entry.name, error)
        return
    hooks = tuple(sorted(caller.name for caller in plugins.manager.get_hookcallers(module) or ()))
    plugins.records[entry.name] = replace(record, hooks=hooks)
