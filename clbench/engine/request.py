"""What a user asks for, in the user's words: every option of `clbench run` and of `clbench.run`, checked one by one.

Both are made from the fields of `Request`, so that an option added here is in the other too. Words become runs in
`session.prepare`. The command line, the conformance kit, the library and scripts come in by this door alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator

from clbench.base import home
from clbench.base.errors import short
from clbench.methods.method import Method
from clbench.models.loading import BUNDLED
from clbench.runs.runconfig import SaveModel
from clbench.spec.schedule import Schedule, Split
from clbench.spec.wording import Option, Sections, Wording, many, several

if TYPE_CHECKING:
    from clbench.engine.proberequest import ProbeRequest

GivenStream: TypeAlias = str | Path | Mapping[str, Any] | Sequence[Any] | None
"""A name, a file; or in memory what a stream file says, or data sets: see `clbench.api.streams`."""
GivenMethod: TypeAlias = str | type[Method] | Method
"""A name, `a+b`; or in memory a class, or an object that has its options."""
GivenModel: TypeAlias = str | Path | tuple[Any, Any]
"""A name, a folder; or in memory a model and its tokenizer."""


def _method(value: Any) -> tuple[GivenMethod, ...]:
    found = several(value)
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


class Request(Wording):
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
        int | Sequence[int], BeforeValidator(several), Option("Seed; repeat for several.", int, many=True)
    ] = ()
    seeds: Annotated[int | None, Option("Run seeds 0 … N-1.", int)] = None
    order: Annotated[
        str | Sequence[str],
        BeforeValidator(several),
        Option("Task order: order1, order2, random-K, or task,task,…; repeat for several.", str, many=True),
    ] = ()
    orders: Annotated[int | None, Option("The default order and N-1 random ones.", int)] = None
    options: Annotated[Sections, Option("Method option, such as mofo.fraction=0.1.", "sections", flag="-o")] = {}
    settings: Annotated[
        Sections,
        Option("Setting, such as protocol.epochs=1; makes another board.", "sections", flag="--set"),
    ] = {}

    # --- what is scored
    split: Annotated[
        Split,
        Option("Records to score: test; or eval, to choose settings by, on a board of its own that is no result.", str),
    ] = "test"
    probe: Annotated[
        str | Sequence[str],
        BeforeValidator(several),
        Option(
            "Score this too and never train on it: a name, a group, a YAML or JSONL file, lm-eval:NAME; or none.",
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
    track: Annotated[
        str | Sequence[str],
        BeforeValidator(several),
        Option("Tell a tracker, too: tensorboard, wandb or trackio.", str, many=True),
    ] = ()
    fresh: Annotated[bool, Option("Run again what is already finished.", bool)] = False
    runs_dir: Annotated[Path, Option("Where run directories go [default: runs].", Path)] = Field(
        default_factory=home.runs_dir
    )
    leaderboards_dir: Annotated[Path, Option("Where boards go [default: leaderboards].", Path)] = Field(
        default_factory=home.leaderboards_dir
    )
    quiet: Annotated[bool, Option("No progress.", bool)] = False

    @property
    def probes(self) -> ProbeRequest:
        """What is asked beside the stream's tasks."""
        from clbench.engine.proberequest import ProbeRequest

        return ProbeRequest(many(self.probe), self.probe_limit, self.probe_schedule)

    def command(self) -> tuple[str, ...]:
        """The command that asks for the same, of what was given and is not the default."""
        return "clbench", "run", *self.words()
