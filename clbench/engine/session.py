"""From what a user asks for to runs: stream, methods, options, data, model, folders.

Nothing is written before all of it has been understood; what is done with the runs then is `carrying`'s.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import consent, home, spending
from clbench.base.errors import OptionError
from clbench.data.chat import make_chat, template_hash
from clbench.data.files import find
from clbench.data.probes import load_probe_data
from clbench.data.sources import TaskData, load_stream_data
from clbench.engine import words
from clbench.engine.proberequest import with_asked
from clbench.methods.weights import check_weights
from clbench.models import hashes
from clbench.models.loading import load_tokenizer
from clbench.models.naming import find_model
from clbench.plugins import trackers
from clbench.plugins.registry import Registry, check_option_names
from clbench.runs.runconfig import RunConfig
from clbench.sandbox import sandbox
from clbench.scoring import check_scorer, load_scorer
from clbench.spec.stream import StreamPlan, resolve
from clbench.spec.task import Files
from clbench.spec.taskfiles import LoadedStream
from clbench.spec.wording import many
from clbench.tiny.world import probe_records

if TYPE_CHECKING:
    from clbench.engine.request import Request
    from clbench.models.ref import ModelRef


def prepare(request: Request, registry: Registry) -> list[RunConfig]:
    """Every run of a request, fully resolved: method by method, order by order, seed by seed.

    Raises:
        ClbenchError: anything that is wrong with the request.
    """
    spending.present().begin()
    with spending.on("reading"):
        return _prepared(request, registry)


def _prepared(request: Request, registry: Registry) -> list[RunConfig]:
    _allow(request)
    trackers.check(many(request.track))
    chosen = words.choose(request, registry)
    loaded, variant = words.find_stream(chosen.stream, registry, local=request.data is not None)
    runtime = words.make_runtime(chosen.settings.get("runtime", {}))
    seeds = words.choose_seeds(many(request.seed), request.seeds)
    base_dir = _base_dir(loaded, variant, request.data)
    plans = [
        _plan(request, loaded, variant, order, base_dir=base_dir, changes=chosen.settings, registry=registry)
        for order in words.choose_orders(many(request.order), request.orders)
    ]
    choices = [registry.composition(text) for text in dict.fromkeys(chosen.plugins)]
    check_option_names(chosen.options, choices)
    for choice in choices:
        choice.create(chosen.options)
        check_weights([entry.spec for entry in choice.entries], plans[0].protocol, regime=choice.regime)
    _check_scorers(plans[0], registry)
    data = {one.task.name: one for one in load_stream_data(plans[0], plugins=registry.plugins)}
    probes = tuple(load_probe_data(plans[0], world=probe_records, data_dir=request.data))
    model = _model(request)
    template = _template(plans[0], model)
    return [
        RunConfig(
            plan,
            _ordered(data, plan),
            choice,
            chosen.options,
            model,
            seed,
            runtime,
            probes,
            request.command(),
            template,
            request.save_model,
        )
        for choice in choices
        for plan in plans
        for seed in seeds
    ]


def _allow(request: Request) -> None:
    """What runs only where somebody has said so, for the rest of this process."""
    if request.allow_code:
        sandbox.allow()
    if request.allow_task_code:
        consent.allow_task_code()


def _model(request: Request) -> ModelRef:
    """The base model, its files hashed anew where everything begins anew."""
    assert isinstance(request.model, str)  # one in memory has a folder by now: see clbench.api
    with hashes.anew() if request.fresh else contextlib.nullcontext():
        return find_model(
            request.model,
            revision=request.revision,
            trust_remote_code=request.trust_remote_code,
            runs_dir=request.runs_dir,
        )


def _plan(
    request: Request,
    loaded: LoadedStream,
    variant: str,
    order: str | None,
    *,
    base_dir: Path,
    changes: Mapping[str, Mapping[str, Any]],
    registry: Registry,
) -> StreamPlan:
    plan = resolve(
        loaded.stream,
        tasks=loaded.tasks,
        base_dir=base_dir,
        variant=variant,
        order=order,
        changes=changes,
        split=request.split,
    )
    asked = with_asked(plan, request.probes, registry)
    left_out = {one.task.name for one in plan.probes} - {one.task.name for one in asked}
    return dataclasses.replace(plan, probes=asked, left_out=tuple(sorted(left_out)))


def _base_dir(loaded: LoadedStream, variant: str, data: Path | None) -> Path:
    """What the paths of the stream's tasks are relative to."""
    if data is not None and not data.is_dir():
        raise OptionError(f"--data {data}: is no folder")
    local = loaded.stream.variants.get(variant)
    source = local.source if local else ""
    shipped = loaded.base_dir.is_relative_to(home.packaged("tasks").resolve())
    if shipped and source == "files" and data is None:
        name = f"{loaded.stream.name}:{variant}"
        raise OptionError(f"stream {name} reads local files; say in which folder they are: --data FOLDER")
    if shipped or data is None:
        return data or loaded.base_dir
    places = (task.data.get(source) for task in loaded.tasks.values())
    beside = any(find(loaded.base_dir / one.test).exists() for one in places if isinstance(one, Files))
    return loaded.base_dir if beside else data


def _template(plan: StreamPlan, model: ModelRef) -> str | None:
    """Hash of the model's chat template, tried, where the protocol asks through it."""
    if plan.protocol.prompt == "plain":
        return None
    tokenizer = load_tokenizer(model)
    make_chat(tokenizer, system=plan.protocol.system)
    return template_hash(tokenizer)


def _check_scorers(plan: StreamPlan, registry: Registry) -> None:
    """Before hours of training, not after them."""
    for task in (*plan.tasks, *(probe.task for probe in plan.probes)):
        for name in {*task.scorers.pairs().values(), *task.side}:
            spec = registry.scorer(name)
            check_scorer(spec, ranks=name in task.scorers.pairs().values())
            load_scorer(spec)
            if spec.runs_programs:
                _check_sandbox(task.name)


def _check_sandbox(task: str) -> None:
    """Whether what a model writes may and can be run."""
    if not sandbox.allowed():
        raise OptionError(f"{task} runs what the model writes, in a sandbox (docs/sandbox.md): --allow-code allows it")
    sandbox.check()


def _ordered(data: Mapping[str, TaskData], plan: StreamPlan) -> tuple[TaskData, ...]:
    return tuple(data[task.name] for task in plan.tasks)
