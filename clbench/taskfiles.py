"""Finding and reading the YAML files that define tasks and streams.

Roots are searched in this order: the `tasks/` folder beside the sources (a checkout, an editable install) or the copy
in the wheel; then the folders that plugins give (`clbench_task_dirs`). A file whose name begins with `_` is a
template for others' `include:`. Every complaint names file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from clbench.errors import FileError, did_you_mean, unknown_name
from clbench.stream import Stream
from clbench.task import Frozen, Task

Model = TypeVar("Model", bound=Frozen)
Location = tuple[str | int, ...]
MAX_BYTES = 1_000_000  # a task or stream file is a page of text


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file's content, and the line on which each key stands."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Location, int]

    def where(self, location: Location) -> str:
        """`file:line` of the nearest place that is known."""
        while location and location not in self.lines:
            location = location[:-1]
        return f"{self.path}:{self.lines.get(location, 1)}"


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
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, path=path)) if node else {}
        data = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FileError(f"{path}:{mark.line + 1 if mark else 1}: malformed YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileError(f"{path}:1: malformed YAML: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FileError(f"{path}:1: must be a mapping of keys to values")
    return Document(path, data, lines)


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
            if key.value in keys:
                raise FileError(f"{path}:{key.start_mark.line + 1}: key {key.value!r} stands twice")
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            place = (*at, key.value) if isinstance(key, yaml.ScalarNode) else at
            yield from _lines(value, path=path, at=place, seen=seen)
            yield place, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, path=path, at=(*at, index), seen=seen)


def build(model: type[Model], document: Document, *, data: dict[str, Any] | None = None, at: Location = ()) -> Model:
    """Validate a document (or a part of it) as a model.

    Raises:
        FileError: all complaints in one line, with file and line of the first.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as error:
        first = error.errors()[0]
        complaints = [_complaint(model, item) for item in error.errors()]
        raise FileError(f"{document.where((*at, *first['loc']))}: {'; '.join(complaints)}") from error


def _complaint(model: type[Frozen], item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        hint = did_you_mean(str(item["loc"][-1]), model.model_fields) if len(item["loc"]) == 1 else ""
        return f"unknown key {where!r}{hint}"
    if item["type"] == "missing":
        return f"key {where!r} is missing"
    return (
        f"{where}: {item['msg'].removeprefix('Value error, ')}" if where else item["msg"].removeprefix("Value error, ")
    )


def read_task(path: Path) -> Task:
    """A task file, with the template it includes."""
    document = read_yaml(path)
    if "include" in document.data:
        included = path.parent / str(document.data.pop("include"))
        document.data.update({**read_yaml(included).data, **document.data})
    return build(Task, document)


@dataclass(frozen=True, slots=True)
class LoadedStream:
    """A stream with its tasks, and the folder that its files are relative to."""

    stream: Stream
    tasks: dict[str, Task]
    base_dir: Path


@dataclass(frozen=True, slots=True)
class Catalog:
    """All task and stream files below some roots."""

    task_paths: dict[str, Path]
    stream_paths: dict[str, Path]

    @classmethod
    def find(cls, roots: Iterable[Path]) -> Catalog:
        """List the files without reading them: a task's name is its path, a stream's its file name.

        Raises:
            FileError: two files claim one name.
        """
        tasks: dict[str, Path] = {}
        streams: dict[str, Path] = {}
        for root in roots:
            for path in sorted(root.rglob("*.yaml")):
                if path.name.startswith("_"):
                    continue
                is_stream = path.parent.name == "streams"
                name = path.stem if is_stream else path.relative_to(root).with_suffix("").as_posix()
                table = streams if is_stream else tasks
                if name in table:
                    raise FileError(f"{path}: the name {name!r} is taken by {table[name]}; rename one of the two")
                table[name] = path
        return cls(tasks, streams)

    def task(self, name: str) -> Task:
        """Read one task by name."""
        if name not in self.task_paths:
            raise unknown_name("task", name, self.task_paths)
        task = read_task(self.task_paths[name])
        if task.name != name:
            raise FileError(f"{self.task_paths[name]}:1: says task {task.name!r}, but its path says {name!r}")
        return task

    def stream(self, name: str) -> LoadedStream:
        """Read one stream by name, or by the path of a user's own file."""
        if name.endswith((".yaml", ".yml")) or Path(name).is_file():
            return self.stream_file(Path(name))
        if name not in self.stream_paths:
            raise unknown_name("stream", name, [*self.stream_paths, "path/to/your-stream.yaml"])
        return self.stream_file(self.stream_paths[name])

    def stream_file(self, path: Path) -> LoadedStream:
        """Read a stream file and all its tasks."""
        document = read_yaml(path)
        stream = build(Stream, document)
        listed = stream.tasks if isinstance(stream.tasks, dict) else dict.fromkeys(stream.tasks)
        tasks = {}
        for name, inline in listed.items():
            if inline is None:
                tasks[name] = self._known_task(name, document)
            else:
                tasks[name] = build(Task, document, data={"task": name, **inline}, at=("tasks", name))
        return LoadedStream(stream, tasks, path.resolve().parent)

    def _known_task(self, name: str, document: Document) -> Task:
        try:
            return self.task(name)
        except FileError:
            raise
        except Exception as error:
            raise type(error)(f"{document.where(('tasks', name))}: {error}") from error
