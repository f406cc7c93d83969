"""Names to specs to objects: methods, scorers, summaries, tasks and streams of clbench and of all plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from clbench.base.errors import OptionError, PluginError, UnknownNameError, did_you_mean, unknown_name
from clbench.methods.methodspec import MethodSpec, Regime
from clbench.metrics.summaries import SummarySpec
from clbench.plugins.manager import PluginRecord, Plugins, load_plugins, one_line
from clbench.scoring.spec import ScorerSpec

if TYPE_CHECKING:
    from clbench.methods.method import Method
    from clbench.spec.taskfiles import Catalog, Document


class Named(Protocol):
    """A spec."""

    @property
    def name(self) -> str:
        """What it is chosen by."""
        ...


Spec = TypeVar("Spec", bound=Named)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Spec]):
    """A spec and the plugin that brought it."""

    spec: Spec
    plugin: PluginRecord


class Table(Generic[Spec]):
    """The specs of one kind. A name that two plugins claim belongs to neither until one of them is disabled."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, Entry[Spec]] = {}
        self.conflicts: dict[str, list[PluginRecord]] = {}

    def add(self, spec: Spec, plugin: PluginRecord) -> None:
        """Register one spec."""
        if spec.name in self.conflicts:
            self.conflicts[spec.name].append(plugin)
        elif spec.name in self.entries:
            self.conflicts[spec.name] = [self.entries.pop(spec.name).plugin, plugin]
        else:
            self.entries[spec.name] = Entry(spec, plugin)

    def get(self, name: str, *, broken: Sequence[PluginRecord] = ()) -> Entry[Spec]:
        """The spec of that name.

        Raises:
            PluginError: two plugins claim the name, or the plugin that it seems to belong to is broken.
            UnknownNameError: nobody has it.
        """
        if name in self.conflicts:
            owners = " and ".join(plugin.label for plugin in self.conflicts[name])
            raise PluginError(
                f"{self.kind} {name!r} is claimed by {owners}; uninstall one, or CLBENCH_DISABLE_PLUGINS=NAME"
            )
        if name in self.entries:
            return self.entries[name]
        for plugin in broken:
            if name in (plugin.name, plugin.package.removeprefix("clbench-")):
                raise PluginError(f"{self.kind} {name!r}: plugin {plugin.label} did not load: {plugin.error}")
        reasons = "".join(f"; plugin {plugin.label} did not load: {plugin.error}" for plugin in broken)
        raise UnknownNameError(f"{unknown_name(self.kind, name, self.entries)}{reasons}")


class Registry:
    """All that can be named on the command line."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.methods: Table[MethodSpec] = Table("method")
        self.scorers: Table[ScorerSpec] = Table("scorer")
        self.summaries: Table[SummarySpec] = Table("summary")
        self.task_dirs: list[Path] = []
        self.stream_files: list[Path] = []
        self.documents: dict[str, Document] = {}
        places: dict[str, tuple[type, Callable[[Any, PluginRecord], None]]] = {
            "clbench_methods": (MethodSpec, self.methods.add),
            "clbench_metrics": (ScorerSpec, self.scorers.add),
            "clbench_summaries": (SummarySpec, self.summaries.add),
            "clbench_task_dirs": (Path, lambda folder, _: self.task_dirs.append(folder)),
            "clbench_streams": (Path, lambda path, _: self.stream_files.append(path)),
        }
        found = {hook: list(self._collect(hook, kind)) for hook, (kind, _) in places.items()}
        for hook, items in found.items():
            for plugin, item in items:
                if plugins.records[plugin.name].status == "ok":  # all of a plugin, or nothing
                    places[hook][1](item, plugin)

    def _collect(self, hook: str, kind: type) -> Iterator[tuple[PluginRecord, Any]]:
        """What plugins register; one that gives something unusable is broken."""
        for plugin, item in self.plugins.collect(hook):
            try:
                reason = _problem(item, kind)
            except Exception as error:  # a spec with fields of wrong types
                reason = one_line(error)
            if reason:
                self.plugins.fail(plugin.name, f"{hook} gave {item!r:.60}: {reason}")
            else:
                yield plugin, item

    @property
    def broken(self) -> list[PluginRecord]:
        """Plugins that did not load."""
        return [record for record in self.plugins.records.values() if record.status == "broken"]

    def catalog(self) -> Catalog:
        """All task and stream files, and streams that stand in none."""
        from clbench.spec.taskfiles import Catalog

        return Catalog.find(self.task_dirs, streams=self.stream_files, documents=self.documents)

    def method(self, name: str) -> Entry[MethodSpec]:
        """One method by name; no composition."""
        return self.methods.get(name, broken=self.broken)

    def composition(self, text: str) -> MethodChoice:
        """What `--plugin a+b` means, checked from specs alone."""
        names = [part.strip() for part in text.split("+")]
        entries = tuple(self.method(name) for name in names)
        from clbench.methods.compose import check_composition

        regime = check_composition([entry.spec for entry in entries])
        return MethodChoice(entries, regime)

    def scorer(self, name: str) -> ScorerSpec:
        """One scorer by name; or, as `package.module:function`, a function of a plugin's own package.

        Raises:
            PluginError: two plugins claim the name.
            UnknownNameError: nobody has it, or the function is of no package that is loaded as a plugin.
        """
        return self._own_function(name) if ":" in name else self.scorers.get(name, broken=self.broken).spec

    def _own_function(self, name: str) -> ScorerSpec:
        """Whoever writes a task file may name what its package brings, and no other code of this machine."""
        package = name.partition(":")[0].partition(".")[0]
        known = {one.target.partition(".")[0] for one in self.plugins.records.values() if one.status == "ok"}
        if package not in known:
            raise UnknownNameError(
                f"scorer {name!r}: {package!r} is no package that is loaded as a plugin, so none of its functions "
                f"is called; there is {', '.join(sorted(known))}"
            )
        try:
            return ScorerSpec(name, name, "named in a task's file")
        except ValueError as error:
            raise PluginError(str(error)) from error

    def summary_specs(self) -> list[SummarySpec]:
        """All summaries, in the order of registration.

        Raises:
            PluginError: two plugins claim one name.
        """
        return [self.summaries.get(name).spec for name in (*self.summaries.entries, *self.summaries.conflicts)]


def _problem(item: Any, kind: type) -> str:
    """Why something that a plugin registers cannot be used, or the empty string."""
    if not isinstance(item, kind):
        return f"not a {kind.__name__}"
    if isinstance(item, Path):
        return "" if item.exists() else "there is no such file or folder"
    return item.problem() if isinstance(item, MethodSpec) else ""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """One `--plugin` argument."""

    entries: tuple[Entry[MethodSpec], ...]
    regime: Regime

    @property
    def name(self) -> str:
        """`replay+mofo`."""
        return "+".join(entry.spec.name for entry in self.entries)

    @property
    def routes(self) -> bool:
        """Whether prompts are answered each in a way of its own."""
        return any("routes_prompts" in entry.spec.capabilities for entry in self.entries)

    def create(self, options: Mapping[str, Mapping[str, Any]]) -> Method:
        """Import the method (or methods) and validate the options given for it.

        Args:
            options: by method name; those of methods that are not part of this choice are left alone.
        """
        members = {entry.spec.name: entry.spec.create(options.get(entry.spec.name)) for entry in self.entries}
        if len(members) == 1:
            return next(iter(members.values()))
        from clbench.methods.compose import Compose

        return Compose(members)

    def options(self, method: Method) -> dict[str, dict[str, Any]]:
        """All options of the created method, defaults included, by member name; for the record."""
        members = getattr(method, "members", None) or {self.entries[0].spec.name: method}
        return {name: member.options.model_dump(mode="json") for name, member in members.items()}


def check_option_names(options: Mapping[str, Any], choices: Sequence[MethodChoice]) -> None:
    """Refuse options for a method that does not run: nothing that a user sets is ignored.

    Raises:
        OptionError: with the nearest name.
    """
    running = [entry.spec.name for choice in choices for entry in choice.entries]
    for name in options:
        if name not in running:
            raise OptionError(f"-o {name}.…: no method {name!r} in this run{did_you_mean(name, running)}")


@cache
def registry() -> Registry:
    """The registry of this process."""
    return Registry(load_plugins())
