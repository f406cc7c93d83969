"""`clbench export` and `clbench.load_model`: what a finished run trained, loaded again and written as a folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base import seeding
from clbench.base.errors import ModelError, RecordError
from clbench.engine.keeping import card, chosen_options, origin
from clbench.models import saving
from clbench.models.folder import read_json
from clbench.models.measured import MEASURED
from clbench.models.naming import find_model
from clbench.plugins.registry import Registry
from clbench.runs.rundir import RunDir
from clbench.spec.protocol import Protocol, Runtime

if TYPE_CHECKING:
    from clbench.models.loading import LoadedModel
    from clbench.models.ref import ModelRef


@dataclass(frozen=True, slots=True)
class Trained:
    """A run's model.

    Args:
        loaded: with its tokenizer.
        base: what it was made of; None where the folder that it was read from does not say.
        start: versions of its tensors before they were trained.
    """

    loaded: LoadedModel
    base: ModelRef | None = None
    start: Mapping[str, int] = field(default_factory=dict)


def export(
    run_dir: RunDir,
    registry: Registry,
    *,
    row: int | None = None,
    out: Path | None = None,
    merge: bool = False,
    model: str | None = None,
) -> Path:
    """Write what a run trained as a folder.

    Args:
        run_dir: of a finished run.
        registry: of methods.
        row: after which task; the last one when None.
        out: where; the run's own `model` folder when None.
        merge: adapters into the base's weights.
        model: the base model, where its name does not find it.

    Raises:
        ClbenchError: the run kept nothing of it, or it cannot be written.
    """
    there = kept(run_dir, row)
    folder = out or there or run_dir.path / "model"
    if there is not None and not merge:
        if folder.resolve() != there.resolve():
            shutil.copytree(there, folder, dirs_exist_ok=True)
        return folder
    trained = load_trained(run_dir, registry, row=row, model=model)
    found = trained.loaded
    if there is None:
        text, made_of = _described(run_dir, trained)
    else:
        text, made_of = (there / "README.md").read_text(encoding="utf-8"), None
    saving.write(found.model, found.tokenizer, folder, card=text, origin=None if merge else made_of)
    return folder


def _described(run_dir: RunDir, trained: Trained) -> tuple[str, saving.Origin]:
    """The README of a run's last row, and what its model was made of."""
    base, config, record = trained.base, _config(run_dir), run_dir.finished()
    assert base is not None
    assert record is not None
    last = len(record.tasks)
    text = card(config, base, run=run_dir.run_id, row=last, scores=record.scores["strict"][last])
    return text, origin(config, base, start=trained.start)


def load_trained(
    run_dir: RunDir, registry: Registry, *, row: int | None = None, model: str | None = None, device: str = "cpu"
) -> Trained:
    """What a run trained, from the folder that it kept, or from the weights of its last row.

    Args:
        run_dir: of a finished run.
        registry: of methods.
        row: after which task; the last one when None.
        model: the base model, where its name does not find it.
        device: where it is put.

    Raises:
        ClbenchError: it kept neither, its base model is not here, or its method is not installed.
    """
    from safetensors.torch import load_file

    from clbench.models.loading import load_model

    config, there = _config(run_dir), kept(run_dir, row)
    if there is None:
        told = {"method": config["method"]["name"], "options": chosen_options(config), "seed": config["seed"]}
        told["base"], tensors = config["model"], load_file(run_dir.checkpoints / MEASURED)
    elif (there / saving.METHOD).is_file():
        told, tensors = read_json(there / saving.METHOD), load_file(there / saving.WEIGHTS)
    else:
        ref = find_model(str(there), runs_dir=run_dir.path.parent)
        return Trained(load_model(ref, device=device, runtime=Runtime()))
    base = find_model(model or told["base"]["name"], runs_dir=run_dir.path.parent)
    if base.hash != told["base"]["hash"]:
        raise ModelError(f"{base.name}: is not the base model of {run_dir.run_id}; --model says where that is")
    return _rebuilt(told, tensors, base, registry, protocol=config["board"]["protocol"], device=device)


def kept(run_dir: RunDir, row: int | None) -> Path | None:
    """The folder that a run wrote of a row; None where there is none and the last row's weights are there.

    Raises:
        RecordError: there is neither.
    """
    root, last = run_dir.path / "model", len(_config(run_dir)["order"]["tasks"])
    if row is not None and not 1 <= row <= last:
        raise RecordError(f"--row {row}: the run has rows 1 to {last}")
    for folder in (root / str(row or last), *([root] if row in (None, last) else [])):
        if (folder / "README.md").is_file():
            return folder
    if row in (None, last) and (run_dir.checkpoints / MEASURED).is_file():
        return None
    raise RecordError(
        f"run {run_dir.run_id} kept no model of row {row or last}; --save-model each keeps every row's, "
        "--set runtime.keep_checkpoints=true the last one's weights"
    )


def _config(run_dir: RunDir) -> Any:
    """Of a finished run.

    Raises:
        RecordError: it is not finished.
    """
    if run_dir.finished() is None:
        raise RecordError(f"run {run_dir.run_id} is not finished; the same command goes on")
    return run_dir.state()["config"]


def _rebuilt(
    told: Mapping[str, Any],
    tensors: Mapping[str, Any],
    base: ModelRef,
    registry: Registry,
    *,
    protocol: Mapping[str, Any],
    device: str,
) -> Trained:
    """The base model, taken over by the method as at the run's beginning, with the trained tensors in it."""
    import torch

    from clbench.data.tokenising import make_encoder
    from clbench.models.loading import add_end, load_model
    from clbench.training import runstate

    seeding.seed_global(told["seed"], "model")
    loaded = load_model(base, device=device, runtime=Runtime(), plugins=registry.plugins)
    add_end(loaded.model, make_encoder(loaded.tokenizer, Protocol.model_validate(protocol)).end)
    method = registry.composition(told["method"]).create(told["options"])
    seeding.seed_global(told["seed"], "prepare")
    model = method.prepare_model(loaded.model)
    own, start = {**dict(model.named_parameters()), **dict(model.named_buffers())}, runstate.versions(model)
    if protocol.get("weights", "fp32").startswith("frozen"):  # the base's own are read from the base, in fp32
        tensors = {name: one for name, one in tensors.items() if name not in own or own[name].requires_grad}
    odd = [name for name, one in tensors.items() if name not in own or own[name].shape != one.shape]
    if odd:
        raise RecordError(f"{told['method']}: gives the model other layers than the run's; {odd[0]} has no place there")
    with torch.no_grad():
        for name, value in tensors.items():
            if not torch.equal(own[name].cpu(), value.to(own[name].dtype)):
                own[name].copy_(value)
    return Trained(replace(loaded, model=model), base, start)
