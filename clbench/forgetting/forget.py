"""`clbench.forget`: what a fine-tuning lost, for scripts and notebooks; the command line comes in by this door, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol, TypeAlias

from clbench.base import home
from clbench.base.errors import OptionError
from clbench.base.progress import Progress
from clbench.data.sources import TaskData
from clbench.forgetting.asking import Side
from clbench.forgetting.comparing import Comparison
from clbench.forgetting.local import Desk, LocalModel
from clbench.forgetting.probing import load_probes
from clbench.forgetting.query import Query
from clbench.forgetting.result import Forgotten
from clbench.forgetting.served import PREFIX, ServedModel
from clbench.forgetting.sides import find_pair
from clbench.forgetting.store import Store
from clbench.models.device import make_accelerator, slow_bf16
from clbench.models.naming import find_model
from clbench.plugins.own import SCORER
from clbench.plugins.registry import registry
from clbench.spec import protocol as spec
from clbench.spec.wording import documented, many

Options = ParamSpec("Options")
Model: TypeAlias = str | Path


class _Forget(Protocol[Options]):
    """Two models, and the fields of a `Query`."""

    def __call__(
        self, base: Model, tuned: Model | None = None, *args: Options.args, **given: Options.kwargs
    ) -> Forgotten: ...


def _taking(
    query: Callable[Options, Query],
) -> Callable[[Callable[[Query, Model, Model | None], Forgotten]], _Forget[Options]]:
    """A function of two models and a query as one of the query's fields."""

    def taking(function: Callable[[Query, Model, Model | None], Forgotten]) -> _Forget[Options]:
        def call(base: Model, tuned: Model | None = None, *args: Options.args, **given: Options.kwargs) -> Forgotten:
            assert not args  # type checkers know that there are none
            return function(Query.of(**given), base, tuned)

        return documented(call, like=function, wording=Query)

    return taking


@_taking(Query)
def forget(query: Query, base: Model, tuned: Model | None = None) -> Forgotten:  # noqa: D417 (the query's fields are arguments)
    """What `tuned` lost of what `base` could do, with errors, p-values and a verdict for each probe.

    Args:
        base: whatever `--model` takes, or `openai:URL#NAME` of a served one; of an adapter the base is known, and its
            folder may stand here alone.
        tuned: likewise.
        OPTIONS

    Raises:
        ClbenchError: a model, probe, file or demand is wrong.
    """
    return compare(query, base, tuned)


def compare(
    query: Query,
    base: Model,
    tuned: Model | None,
    *,
    more: Sequence[TaskData] = (),
    protocol: spec.Protocol | None = None,
    progress: Progress | None = None,
) -> Forgotten:
    """The comparison that a query asks for.

    Args:
        query: what is asked, and how.
        base: see `forget`.
        tuned: likewise.
        more: records that are loaded already, such as a stream's tasks.
        protocol: lengths of those.
        progress: told how far it is.

    Raises:
        ClbenchError: a model, probe, file or demand is wrong.
    """
    known = registry()
    files = [Path(one) for one in many(query.data)]
    records = load_probes(many(query.probes), files, known, limit=query.limit, scorer=query.scorer or SCORER, more=more)
    desk = Desk(
        make_accelerator(query.device),
        (protocol or spec.Protocol()).model_copy(update={"precision": query.precision, "prompt": query.prompt}),
        spec.Runtime(eval_batch=query.batch, device=query.device),
        known.plugins,
    )
    names = tuple(str(one) for one in (base, tuned) if one is not None)
    sides = _sides(names, desk, records, trust=query.trust_remote_code)
    store, progress = Store(home.answers_dir()), progress or Progress()
    if slow := slow_bf16(desk.accelerator.device, precision=query.precision):
        progress.say_once(slow)
    return Comparison(*sides, records, known.scorer, store, progress).run(query)


def _sides(names: tuple[str, ...], desk: Desk, records: Sequence[TaskData], *, trust: bool) -> tuple[Side, Side]:
    """Both models, one object where they are one; a served one is asked whether it can answer at all."""
    if not any(name.startswith(PREFIX) for name in names):
        base, tuned = (LocalModel(ref, desk) for ref in find_pair(names, trust_remote_code=trust))
        return base, base if base.ref.hash == tuned.ref.hash else tuned
    if len(names) == 1:
        raise OptionError(f"{names[0]}: is served, so its base is not known; give both: clbench forget BASE TUNED")
    served = {name: ServedModel(name, desk.protocol) for name in names if name.startswith(PREFIX)}
    for one in served.values():
        one.check(records)
    base, tuned = (served.get(name) or LocalModel(find_model(name, trust_remote_code=trust), desk) for name in names)
    return base, tuned
