"""The options of `clbench run`: their types and what `--help` says of them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option as _Option


class ProbeSchedule(StrEnum):
    """In which rows of R a probe that the user asks for is scored."""

    before_after = "before-after"
    every = "every"


Texts = list[str] | None

# --- what is run
Stream = Annotated[str | None, _Option(help="Stream: a name, NAME:VARIANT, or a YAML file.")]
Plugin = Annotated[Texts, _Option(help="Method; A+B composes. Repeat to run several, one by one.")]
Preset = Annotated[str | None, _Option(help="Settings of a published experiment (clbench ls presets); yours win.")]
Model = Annotated[
    str, _Option(help="clbench/tiny; a folder (model or PEFT adapter), a .gguf file, run:RUN-ID, smollm2, a Hub id.")
]
Revision = Annotated[str | None, _Option(help="Revision of a Hub model.")]
TrustRemoteCode = Annotated[bool, _Option("--trust-remote-code", help="Run code of a Hub model.")]
Data = Annotated[
    Path | None, _Option(help="Folder of local data files, for streams and probes.", envvar="CLBENCH_DATA")
]

# --- how often, in which order, with which settings
Seed = Annotated[list[int] | None, _Option(help="Seed; repeat for several.")]
Seeds = Annotated[int | None, _Option(help="Run seeds 0 … N-1.")]
Order = Annotated[Texts, _Option(help="Task order: order1, order2, random-K, or task,task,…; repeat for several.")]
Orders = Annotated[int | None, _Option(help="The default order and N-1 random ones.")]
Option = Annotated[Texts, _Option("-o", help="Method option, such as mofo.fraction=0.1.")]
Set = Annotated[Texts, _Option("--set", help="Setting, such as protocol.epochs=1; makes another board.")]

# --- what else is asked
Probe = Annotated[
    Texts,
    _Option(help="Score this too and never train on it: a name, a group, a YAML file, lm-eval:NAME; or none."),
]
ProbeLimit = Annotated[int | None, _Option(help="Records of each --probe, evenly spread.", min=1)]
ProbeScheduled = Annotated[ProbeSchedule, _Option("--probe-schedule", help="In which rows a --probe is asked.")]
AllowCode = Annotated[
    bool, _Option("--allow-code", help="Let probes such as humaneval run what the model writes, in a sandbox.")
]

AllowTaskCode = Annotated[
    bool,
    _Option("--allow-task-code", help="Let your lm-eval task files run their own Python (!function), in no sandbox."),
]

# --- where it goes, and what is said
DryRun = Annotated[bool, _Option("--dry-run", help="Only say what would run.")]
Fresh = Annotated[bool, _Option("--fresh", help="Run again what is already finished.")]
RunsDir = Annotated[Path | None, _Option(help="Where run directories go [default: runs].")]
LeaderboardsDir = Annotated[Path | None, _Option(help="Where boards go [default: leaderboards].")]
Json = Annotated[bool, _Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, _Option("--quiet", help="No progress.")]
