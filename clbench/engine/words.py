"""From words to what they mean: streams with their variants, `--set`, `-o`, presets, seeds and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from clbench.base import home
from clbench.base.errors import OptionError, did_you_mean, pydantic_line
from clbench.data.sources import installed
from clbench.spec.protocol import Runtime
from clbench.spec.wording import many

if TYPE_CHECKING:
    from clbench.engine.request import Request
    from clbench.plugins.registry import Registry
    from clbench.spec.stream import Stream
    from clbench.spec.taskfiles import LoadedStream

SECTIONS = ("stream", "protocol", "runtime")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the user and a preset say together."""

    stream: str
    plugins: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Mapping[str, Any]]


def choose(request: Request, registry: Registry) -> Chosen:
    """The user's words over the preset's.

    Raises:
        OptionError: neither names a stream or a method.
    """
    stream, given = request.stream, (request.settings, request.options)
    names = tuple(one for one in many(request.plugin) if isinstance(one, str))
    assert stream is None or isinstance(stream, str)  # what is in memory has a name by now: see clbench.api
    for section in request.settings:
        check_section(section)
    found = registry.catalog().preset(request.preset) if request.preset else None
    names = names or ((found.plugin,) if found else ())
    for value, option in ((stream or (found and found.stream), "--stream"), (names, "--plugin")):
        if not value:
            raise OptionError(f"{option} is missing; give it, or a --preset that says it (clbench ls presets)")
    if found is None:
        return Chosen(stream or "", names, given[1], given[0])
    members = tuple(dict.fromkeys(part.strip() for name in names for part in name.split("+")))
    return Chosen(
        stream or found.stream,
        names,
        found.under(given[1], sections=members),
        found.under(given[0], sections=("protocol", "stream")),
    )


def find_stream(text: str, registry: Registry, *, local: bool = False) -> tuple[LoadedStream, str]:
    """`trace`, `trace:500`, `path/to/stream.yaml` or `path/to/stream.yaml:files`, and the variant that is meant.

    Args:
        text: as the user wrote it.
        registry: with all stream files.
        local: whether a folder of local files was given; a stream that can read them then does.
    """
    name, variant = _parts(text)
    loaded = registry.catalog().stream(name)
    reads_files = local and "files" in loaded.stream.variants
    return loaded, variant or ("files" if reads_files else default_variant(loaded.stream))


def _parts(text: str) -> tuple[str, str]:
    path, _, variant = text.rpartition(":")
    if home.is_file(text):
        return text, ""
    if home.is_file(path):
        return path, variant
    name, _, variant = text.partition(":")
    return name, variant


def default_variant(stream: Stream) -> str:
    """The first preferred variant whose data are here."""
    wanted = [name for name in stream.prefer if name in stream.variants] or list(stream.variants)
    here = [name for name in wanted if installed(stream.variants[name].source, stream.variants[name].folder)]
    return (here or wanted)[0]


def parse_assignments(texts: Sequence[str], *, option: str) -> dict[str, dict[str, Any]]:
    """`["mofo.fraction=0.1"]` as `{"mofo": {"fraction": 0.1}}`; values are read as YAML.

    Raises:
        OptionError: not of the form `name.key=value`, or one key twice.
    """
    parsed: dict[str, dict[str, Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot and section and name):
            raise OptionError(f"{option} {text!r}: must be of the form NAME.key=value")
        if name in parsed.setdefault(section, {}):
            raise OptionError(f"{option} {text!r}: {key} is set twice")
        parsed[section][name] = _value(value)
    return parsed


def _value(text: str) -> Any:
    try:
        return _number(yaml.safe_load(text), text)
    except yaml.YAMLError:
        return text


def _number(value: Any, text: str) -> Any:
    """YAML 1.1 reads 1e-3 as text."""
    if not isinstance(value, str):
        return value
    try:
        return float(text)
    except ValueError:
        return value


def parse_settings(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`--set` values by section.

    Raises:
        OptionError: an unknown section.
    """
    settings = parse_assignments(texts, option="--set")
    for section in settings:
        check_section(section)
    return settings


def check_section(section: str) -> None:
    """Whether there is such a section of settings.

    Raises:
        OptionError: there is none.
    """
    if section not in SECTIONS:
        raise OptionError(f"--set {section}.…: no such section{did_you_mean(section, SECTIONS)}")


def make_runtime(changes: Mapping[str, Any]) -> Runtime:
    """The runtime with the user's changes."""
    from pydantic import ValidationError

    for key in changes:
        if key not in Runtime.model_fields:
            raise OptionError(f"--set runtime.{key}: no such key{did_you_mean(key, Runtime.model_fields)}")
    try:
        return Runtime.model_validate(dict(changes))
    except ValidationError as error:
        raise OptionError(f"--set runtime.{pydantic_line(error)}") from error


def choose_seeds(seeds: Sequence[int], number: int | None) -> list[int]:
    """Seeds given one by one, or the first N.

    Raises:
        OptionError: both, a negative one, or one twice.
    """
    if seeds and number is not None:
        raise OptionError("--seed and --seeds cannot both be given; --seeds 3 means --seed 0 --seed 1 --seed 2")
    chosen = list(seeds) or list(range(1 if number is None else number))
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise OptionError("--seed must be 0 or more, each seed once; --seeds at least 1")
    return chosen


def choose_orders(orders: Sequence[str], number: int | None) -> list[str | None]:
    """Orders given one by one, or the default one and N − 1 random ones.

    Raises:
        OptionError: both, or one twice.
    """
    if orders and number is not None:
        raise OptionError("--order and --orders cannot both be given")
    if number is not None and number < 1:
        raise OptionError("--orders must be at least 1")
    if len(set(orders)) < len(orders):
        raise OptionError("--order: each order once")
    if number is None:
        return list(orders) or [None]
    return [None, *(f"random-{index}" for index in range(1, number))]
