"""Finding and reading the YAML files that define tasks and streams.

Roots are searched in this order: the `tasks/` folder beside the sources (a checkout, an editable install) or the copy
in the wheel; then the folders that plugins give (`clbench_task_dirs`). A file whose name begins with `_` is a
template for others' `include:`. Every complaint names file and line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from clbench.base import home
from clbench.base.errors import ClbenchError, FileError, did_you_mean, unknown_name
from clbench.spec.preset import Preset
from clbench.spec.probegroup import ProbeGroup
from clbench.spec.stream import Stream
from clbench.spec.task import Frozen, Task

Model = TypeVar("Model", bound=Frozen)
Location = tuple[str | int, ...]
MOST = 20  # complaints that are worth reading at once
DEEP = 500  # brackets in a file
MAX_BYTES = 200_000  # a task or stream file is a page of text


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file's content, and the line on which each key stands."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Location, int]

    def where(self, location: Location) -> str:
        """`file:line` of the nearest place that is known; of what stands in no file its name."""
        if not self.lines:
            return str(self.path)
        while location and location not in self.lines:
            location = location[:-1]
        return f"{self.path}:{self.lines.get(location, 1)}"

    @contextlib.contextmanager
    def blame(self, *location: str | int) -> Iterator[None]:
        """What is wrong with a name that stands here, with file and line."""
        try:
            yield
        except ClbenchError as error:
            raise type(error)(f"{self.where(location)}: {error}") from error


def read_yaml(path: Path) -> Document:
    """Read a YAML mapping.

    Raises:
        FileError: unreadable, not UTF-8, malformed, a key twice, an alias, or no mapping.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path}: is larger than {MAX_BYTES:,} bytes, too large for a task or stream file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text") from error
    try:
        return _parse(text, path, _loader(text))
    except FileError:
        return _parse(text, path, yaml.SafeLoader)  # which names the fault's own line; the one in C the next one


def _parse(text: str, path: Path, loader_class: Any) -> Document:
    try:
        loader = loader_class(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, path=path)) if node else {}
        data = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FileError(f"{path}:{mark.line + 1 if mark else 1}: malformed YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileError(f"{path}:1: malformed YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FileError(f"{path}:1: must be a mapping of keys to values")
    return Document(path, data, lines)


def _loader(text: str) -> Any:
    """The one in C, which is several times as fast; it recurses on the machine's stack: deep files are Python's."""
    deep = text.count("[") + text.count("{") > DEEP
    return yaml.SafeLoader if deep else getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _lines(
    node: yaml.Node, *, path: Path, at: Location = (), seen: set[int] | None = None
) -> Iterator[tuple[Location, int]]:
    """The line of every key; refuses aliases (which can explode) and keys that stand twice."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        raise FileError(f"{path}:{node.start_mark.line + 1}: aliases (*name) are not allowed; write the value out")
    seen.add(id(node))
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise FileError(f"{path}:{line}: a key must be a word, not a list or a mapping")
            if key.value in keys:
                raise FileError(f"{path}:{line}: key {key.value!r} stands twice")
            keys.add(key.value)
            place = (*at, key.value)
            yield from _lines(value, path=path, at=place, seen=seen)
            yield place, line
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, path=path, at=(*at, index), seen=seen)


def build(model: type[Model], document: Document, *, data: dict[str, Any] | None = None, at: Location = ()) -> Model:
    """Validate a document (or a part of it) as a model.

    Raises:
        FileError: all complaints in one line, with file and line of the first.
    """
    data = document.data if data is None else data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = [(_place(data, item), item) for item in error.errors()[:MOST]]
        # Where a value may be of two types, the complaint that comes further is about the type that was meant.
        found = [one for one in found if not any(len(one[0]) < len(p) and p[: len(one[0])] == one[0] for p, _ in found)]
        complaints = [_complaint(model, place, item) for place, item in found]
        raise FileError(f"{document.where((*at, *found[0][0]))}: {'; '.join(complaints)}") from error


def _place(data: Any, item: Any) -> Location:
    """Where in the data a complaint is: pydantic's location without its names for the branches of a union.

    A complaint of our own about the whole begins with the place: `orders.order2: …`.
    """
    location = item["loc"] or item["msg"].removeprefix("Value error, ").partition(":")[0].split(".")
    place: Location = ()
    for part in location:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        place = (*place, part)
    return (*place, location[-1]) if item["type"] == "missing" else place


def _complaint(model: type[Frozen], place: Location, item: Any) -> str:
    where = ".".join(map(str, place))
    if item["type"] == "extra_forbidden":
        return f"unknown key {where!r}{did_you_mean(where, model.model_fields) if len(place) == 1 else ''}"
    if item["type"] == "missing":
        return f"key {where!r} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if item["loc"] and where else message


def read_task(path: Path) -> Task:
    """A task file, with the template it includes."""
    document = read_yaml(path)
    if "include" in document.data:
        included = path.parent / str(document.data.pop("include"))
        document.data.update({**read_yaml(included).data, **document.data})
    return build(Task, document)


@dataclass(frozen=True, slots=True)
class LoadedStream:
    """A stream with its tasks and probes, and the folder that its files are relative to."""

    stream: Stream
    tasks: dict[str, Task]
    base_dir: Path


@dataclass(frozen=True, slots=True)
class Catalog:
    """All task, stream and preset files below some roots; a stream among them is read once."""

    task_paths: dict[str, Path]
    stream_paths: dict[str, Path]
    preset_paths: dict[str, Path] = field(default_factory=dict)
    group_paths: dict[str, Path] = field(default_factory=dict)
    names: dict[Path, str] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    _read: dict[str, LoadedStream] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def find(
        cls,
        roots: Iterable[Path],
        streams: Iterable[Path] = (),
        *,
        documents: Mapping[str, Document] | None = None,
    ) -> Catalog:
        """List the files without reading them: a task's name is its path, a stream's its file name.

        Args:
            roots: folders of tasks, each with folders `streams/`, `presets/` and `groups/` or without.
            streams: single stream files outside them.
            documents: streams that stand in no file, by name.

        Raises:
            FileError: two files claim one name.
        """
        found = cls({}, {}, documents=documents or {})
        for root in roots:
            for path in sorted(root.rglob("*.yaml")):
                if path.parent.name == "streams":
                    found._add(found.stream_paths, path.stem, path)
                elif path.parent.name == "presets":
                    found._add(found.preset_paths, path.stem, path)
                elif path.parent.name == "groups":
                    found._add(found.group_paths, path.stem, path)
                else:
                    found._add(found.task_paths, path.relative_to(root).with_suffix("").as_posix(), path)
        for path in streams:
            found._add(found.stream_paths, path.stem, path)
        return found

    def _add(self, table: dict[str, Path], name: str, path: Path) -> None:
        if path.name.startswith("_"):
            return
        if name in table:
            raise FileError(f"{path}: the name {name!r} is taken by {table[name]}; rename one of the two")
        table[name] = path
        self.names[path] = name

    def task(self, name: str) -> Task:
        """Read one task by name."""
        if name not in self.task_paths:
            raise unknown_name("task", name, self.task_paths)
        task = read_task(self.task_paths[name])
        if task.name != name:
            raise FileError(f"{self.task_paths[name]}:1: says task {task.name!r}, but its path says {name!r}")
        return task

    def probes(self, name: str) -> list[tuple[Task, Path | None]]:
        """The tasks that `--probe NAME` means: one by its short or whole name, a group's, or a user's own file.

        Returns:
            Each with the folder that its files are relative to; None where `--data` says it.
        """
        if name.endswith((".yaml", ".yml")) or home.is_file(name):
            path = Path(name)
            return [(read_task(path), path.resolve().parent)]
        if name in self.group_paths:
            return [(self.task(member), None) for member in self.group(name).probes]
        full = next((path for path in (name, f"probes/{name}") if path in self.task_paths), None)
        if full is None:
            known = [path.removeprefix("probes/") for path in self.task_paths if path.startswith("probes/")]
            raise unknown_name("probe", name, [*self.group_paths, *known, "path/to/your-probe.yaml"])
        return [(self.task(full), None)]

    def group(self, name: str) -> ProbeGroup:
        """Read one group of probes."""
        return build(ProbeGroup, read_yaml(self.group_paths[name]))

    def preset(self, name: str) -> Preset:
        """Read one preset by name, or by the path of a user's own file."""
        path = Path(name) if name.endswith((".yaml", ".yml")) else self.preset_paths.get(name)
        if path is None:
            raise unknown_name("preset", name, [*self.preset_paths, "path/to/your-preset.yaml"])
        return build(Preset, read_yaml(path))

    def stream(self, name: str) -> LoadedStream:
        """Read one stream by name, or by the path of a user's own file."""
        if name in self.documents:
            return self._loaded(self.documents[name])
        if name.endswith((".yaml", ".yml")) or home.is_file(name):
            return self.stream_file(Path(name))
        if name not in self.stream_paths:
            raise unknown_name("stream", name, [*self.stream_paths, "path/to/your-stream.yaml"])
        if name not in self._read:
            self._read[name] = self._installed(name)
        return self._read[name]

    def _installed(self, name: str) -> LoadedStream:
        loaded = self.stream_file(self.stream_paths[name])
        if loaded.stream.name != name:
            raise FileError(f"{self.stream_paths[name]}:1: says stream {loaded.stream.name!r}, but its path {name!r}")
        return loaded

    def stream_file(self, path: Path) -> LoadedStream:
        """Read a stream file and all its tasks."""
        return self._loaded(read_yaml(path))

    def _loaded(self, document: Document) -> LoadedStream:
        stream = build(Stream, document)
        listed = stream.tasks if isinstance(stream.tasks, dict) else dict.fromkeys(stream.tasks)
        tasks = {}
        for index, (name, inline) in enumerate(listed.items()):
            if inline is None:
                place = name if isinstance(stream.tasks, dict) else index
                tasks[name] = self._known_task(name, document, "tasks", place)
            else:
                tasks[name] = build(Task, document, data={"task": name, **inline}, at=("tasks", name))
        for variant, one in stream.variants.items():
            for index, name in enumerate(one.probes):
                tasks[name] = tasks.get(name) or self._known_task(name, document, "variants", variant, "probes", index)
        return LoadedStream(stream, tasks, document.path.resolve().parent)

    def _known_task(self, name: str, document: Document, *place: str | int) -> Task:
        if name in self.task_paths:
            return self.task(name)
        with document.blame(*place):
            raise unknown_name("task", name, self.task_paths)
