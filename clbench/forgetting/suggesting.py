"""Which method would have kept it: the two commands that train the base anew on the same records, in several ways."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from clbench.base.errors import OptionError
from clbench.forgetting.probing import DEFAULT
from clbench.forgetting.query import Query
from clbench.forgetting.served import PREFIX
from clbench.forgetting.sides import name_of_base
from clbench.plugins.own import SCORER, own_name
from clbench.spec.wording import many

METHODS = ("sequential", "mofo", "lora", "wise-ft")
LORA_RATE = "1e-4"  # adapters learn ten times as fast as whole models (TRACE, appendix 1)
_SAME = {"precision": "fp32", "prompt": "plain"}
"""What of a query is a protocol's too, and its default."""


def suggest(base: str, query: Query, *, general: Path | None = None) -> tuple[str, str]:
    """The command that makes a one-task stream of what the model was tuned on, and the one that runs it.

    A stream of one task has no past to replay; so `replay` is among the methods where there are general records.

    Args:
        base: the base model's name.
        query: what was asked; the same probes are asked there.
        general: records that replay rehearses.

    Raises:
        OptionError: it is not known what the model was tuned on, or the base is served.
    """
    files = [Path(one) for one in many(query.trained_on)]
    if len(files) != 1:
        raise OptionError(f"--suggest: needs one --trained-on FILE, what the model was tuned on, got {len(files)}")
    if base.startswith(PREFIX):
        raise OptionError("--suggest: a served base cannot be trained; give its weights as BASE")
    (file,) = files
    name = own_name(file).removeprefix("own/")
    made = ("clbench", "data", "stream", str(file), "--out", name)
    return shlex.join(made), shlex.join(
        ("clbench", "run", "--stream", f"{name}/{name}.yaml", "--model", base, *_methods(general), *_probes(query))
    )


def _methods(general: Path | None) -> Iterator[str]:
    for one in METHODS:
        yield from ("--plugin", one)
    yield from ("-o", f"lora.learning_rate={LORA_RATE}")
    if general is not None:
        yield from ("--plugin", "replay", "-o", "replay.schedule=after-task", "-o", f"replay.extra={general}")


def _probes(query: Query) -> Iterator[str]:
    """The same probes, asked in the same way."""
    files = [Path(one) for one in many(query.data)]
    own = [str(path) for path in files if not path.is_dir()]
    for one in [*(many(query.probes) or (() if own else DEFAULT)), *own]:
        yield from ("--probe", one)
    for path in (path for path in files if path.is_dir()):
        yield from ("--data", str(path))
    if query.limit is not None:
        yield from ("--probe-limit", str(query.limit))
    for key, default in _SAME.items():
        if getattr(query, key) != default:
            yield from ("--set", f"protocol.{key}={getattr(query, key)}")
    if query.trust_remote_code:
        yield "--trust-remote-code"


def suggestion(
    models: Sequence[str], query: Query, *, general: Path | None = None, stream: bool = False
) -> Iterator[str]:
    """The two commands and what is not the same there, a line each.

    Args:
        models: names of both, or of an adapter.
        query: what was asked.
        general: records that replay rehearses.
        stream: whether a stream's test records were asked, too.
    """
    yield "# which method would have kept it:"
    yield from suggest(name_of_base(models), query, general=general)
    yield "# learning rate, epochs and batch are the protocol's defaults: --set protocol.learning_rate=… as you trained"
    if general is None:
        yield "# replay has no past in a stream of one task; --general FILE gives it records to rehearse"
    if query.scorer not in (None, SCORER) and any(not Path(one).is_dir() for one in many(query.data)):
        yield f"# your own answers are scored by {SCORER} there, not by {query.scorer}"
    if stream:
        yield "# --stream's test records are no probes there"
