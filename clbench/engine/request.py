"""What a user asks for, in the user's words: every option of `clbench run` and of `clbench.run`, checked one by one.

Both are made from the fields of `Request`, so that an option added here is in the other too. Words become runs in
`session.prepare`. The command line, the conformance kit, the library and scripts come in by this door alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, ValidationError

from clbench.base import home
from clbench.base.errors import OptionError, did_you_mean, short
from clbench.methods.method import Method
from clbench.models.loading import BUNDLED
from clbench.runs.runconfig import SaveModel
from clbench.spec.frozen import Frozen
from clbench.spec.schedule import Schedule

if TYPE_CHECKING:
    from clbench.engine.proberequest import ProbeRequest

One = TypeVar("One")
Sections: TypeAlias = Mapping[str, Mapping[str, Any]]
GivenStream: TypeAlias = str | Path | Mapping[str, Any] | Sequence[Any] | None
"""A name, a file; or in memory what a stream file says, or data sets: see `clbench.api.streams`."""
GivenMethod: TypeAlias = str | type[Method] | Method
"""A name, `a+b`; or in memory a class, or an object that has its options."""
GivenModel: TypeAlias = str | Path | tuple[Any, Any]
"""A name, a folder; or in memory a model and its tokenizer."""


@dataclass(frozen=True, slots=True)
class Option:
    """How the command line has a field of `Request`.

    Args:
        help: what it is.
        kind: of one value; `sections` are written `NAME.key=value`. None: it is of use in Python alone.
        many: whether it may be repeated.
        flag: what it is called; else `--` and the field's name.
        variable: of the environment, which gives the value where nobody else does.
    """

    help: str
    kind: type[str] | type[int] | type[bool] | type[Path] | Literal["sections"] | None
    many: bool = False
    flag: str = ""
    variable: str | None = None


def _several(value: Any) -> Any:
    """One value or several, as several."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def many(value: One | Sequence[One]) -> tuple[One, ...]:
    """A field that takes one value or several, as it is kept."""
    assert isinstance(value, tuple)
    return value


def _method(value: Any) -> tuple[GivenMethod, ...]:
    found = _several(value)
    for one in found:
        if not (isinstance(one, str | Method) or (isinstance(one, type) and issubclass(one, Method))):
            raise ValueError(f"must be names, subclasses of clbench.Method or objects of them, got {short(one)}")
    return found


def _model(value: Any) -> str | tuple[Any, Any]:
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, tuple) and len(value) == 2:
        return value
    raise ValueError(f"must be a name, a folder, or (model, tokenizer), got {short(type(value).__name__)}")


def _stream(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | Mapping | Sequence):
        return value
    raise ValueError(f"must be a name, a file, a dict or a list of data sets, got {short(type(value).__name__)}")


class Request(Frozen):
    """One `clbench run`; each field's `Option` says what it is. A field that takes several values takes one too."""

    # --- what is run
    stream: Annotated[
        GivenStream, PlainValidator(_stream), Option("Stream: a name, NAME:VARIANT, or a YAML file.", str)
    ] = None
    plugin: Annotated[
        GivenMethod | Sequence[GivenMethod],
        PlainValidator(_method),
        Option("Method; A+B composes. Repeat to run several, one by one.", str, many=True),
    ] = ()
    preset: Annotated[
        str | None, Option("Settings of a published experiment (clbench ls presets); yours win.", str)
    ] = None
    model: Annotated[
        GivenModel,
        PlainValidator(_model),
        Option(
            f"{BUNDLED}, the default; a folder (model or PEFT adapter), a .gguf file, run:RUN-ID, smollm2, a Hub id.",
            str,
        ),
    ] = BUNDLED
    copy_model: Annotated[bool, Option("Whether a model in memory stays as it is, or is trained in place.", None)] = (
        Field(default=True, alias="copy")
    )
    revision: Annotated[str | None, Option("Revision of a Hub model.", str)] = None
    trust_remote_code: Annotated[bool, Option("Run code of a Hub model.", bool)] = False

    # --- how often, in which order, with which settings
    seed: Annotated[
        int | Sequence[int], BeforeValidator(_several), Option("Seed; repeat for several.", int, many=True)
    ] = ()
    seeds: Annotated[int | None, Option("Run seeds 0 … N-1.", int)] = None
    order: Annotated[
        str | Sequence[str],
        BeforeValidator(_several),
        Option("Task order: order1, order2, random-K, or task,task,…; repeat for several.", str, many=True),
    ] = ()
    orders: Annotated[int | None, Option("The default order and N-1 random ones.", int)] = None
    options: Annotated[Sections, Option("Method option, such as mofo.fraction=0.1.", "sections", flag="-o")] = {}
    settings: Annotated[
        Sections,
        Option("Setting, such as protocol.epochs=1; makes another board.", "sections", flag="--set"),
    ] = {}

    # --- what else is asked
    probe: Annotated[
        str | Sequence[str],
        BeforeValidator(_several),
        Option(
            "Score this too and never train on it: a name, a group, a YAML file, lm-eval:NAME; or none.",
            str,
            many=True,
        ),
    ] = ()
    probe_limit: Annotated[int | None, Field(ge=1), Option("Records of each --probe, evenly spread.", int)] = None
    probe_schedule: Annotated[Schedule, Option("In which rows a --probe is asked.", str)] = "before-after"
    data: Annotated[
        Path | None,
        Option("Folder of local data files, for streams and probes.", Path, variable="CLBENCH_DATA"),
    ] = None
    allow_code: Annotated[
        bool, Option("Let probes such as humaneval run what the model writes, in a sandbox.", bool)
    ] = False
    allow_task_code: Annotated[
        bool, Option("Let your lm-eval task files run their own Python (!function), in no sandbox.", bool)
    ] = False

    # --- where it goes, and what is said
    save_model: Annotated[
        SaveModel | None, Option("Keep the trained model as a folder that loads anywhere: end, or each task's.", str)
    ] = None
    fresh: Annotated[bool, Option("Run again what is already finished.", bool)] = False
    runs_dir: Annotated[Path, Option("Where run directories go [default: runs].", Path)] = Field(
        default_factory=home.runs_dir
    )
    leaderboards_dir: Annotated[Path, Option("Where boards go [default: leaderboards].", Path)] = Field(
        default_factory=home.leaderboards_dir
    )
    quiet: Annotated[bool, Option("No progress.", bool)] = False

    @classmethod
    def of(cls, **given: Any) -> Request:
        """A request from what a user gave.

        Raises:
            OptionError: an option that there is not, or a value that it does not take.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            item = error.errors()[0]
            name = str(item["loc"][0])
            if item["type"] == "extra_forbidden":
                raise OptionError(f"no option {name!r}{did_you_mean(name, cls.model_fields)}") from error
            raise OptionError(f"{flag(name)}: {item['msg'].removeprefix('Value error, ')}") from error

    @property
    def probes(self) -> ProbeRequest:
        """What is asked beside the stream's tasks."""
        from clbench.engine.proberequest import ProbeRequest

        return ProbeRequest(many(self.probe), self.probe_limit, self.probe_schedule)

    def command(self) -> tuple[str, ...]:
        """The command that asks for the same, of what was given and is not the default."""
        return "clbench", "run", *(word for name, option in options().items() for word in self._words(name, option))

    def _words(self, name: str, option: Option) -> Iterator[str]:
        if option.kind is None or name not in self.model_fields_set:
            return
        value: Any = getattr(self, name)
        if option.kind is bool:
            yield from (flag(name),) if value else ()
        elif option.kind == "sections":
            yield from (word for text in assignments(value) for word in (flag(name), text))
        elif value is not None:
            yield from (word for one in (value if option.many else (value,)) for word in (flag(name), str(one)))


def options() -> dict[str, Option]:
    """What there is to say of each field, by its name."""
    found = {name: [one for one in field.metadata if isinstance(one, Option)] for name, field in _fields().items()}
    return {name: one for name, (one,) in found.items()}


def flag(name: str) -> str:
    """What a field is called on the command line."""
    return options()[name].flag or f"--{name.replace('_', '-')}"


def _fields() -> Mapping[str, Any]:
    return Request.model_fields


def assignments(sections: Sections) -> list[str]:
    """`{"mofo": {"fraction": 0.1}}` as `["mofo.fraction=0.1"]`."""
    import json

    return [
        f"{section}.{key}={value if isinstance(value, str) else json.dumps(value)}"
        for section, values in sections.items()
        for key, value in values.items()
    ]
