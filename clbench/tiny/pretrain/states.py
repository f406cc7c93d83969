"""Checkpoints of an interrupted run: safetensors and JSON, written whole or not at all.

A state is complete: parameters, the optimizers' moments, the step, the position in the data, the chained hash of the
data so far. Continuing from it gives the same bits as never having stopped.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from clbench.base.errors import ModelError
from clbench.tiny.pretrain.packing import Position
from clbench.tiny.pretrain.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import LlamaForCausalLM

Optimizers = tuple[torch.optim.Optimizer, ...]


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands, besides its tensors.

    Args:
        step: Steps done.
        position: Where the next batch begins.
        data_hash: sha256 of the tokens of all batches so far, chained batch by batch.
        seconds: Time spent in steps so far, all sittings together.
        tokens: Tokens read so far, padding not counted.
    """

    step: int = 0
    position: Position = field(default_factory=Position)
    data_hash: str = ""
    seconds: float = 0.0
    tokens: int = 0


def save_state(folder: Path, *, state: State, plan: Plan, model: LlamaForCausalLM, optimizers: Optimizers) -> None:
    """Write the state beside the old one, put it in its place by a rename, then drop the old one."""
    draft, final = folder / f"draft-{os.getpid()}", folder / f"step-{state.step:07d}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    tensors = {f"model.{name}": one.detach() for name, one in model.named_parameters()}
    for name, one in model.named_parameters():
        for optimizer in optimizers:
            moments = optimizer.state.get(one, {})  # AdamW keeps its step there too, as a tensor
            tensors |= {f"optimizer.{moment}.{name}": value for moment, value in moments.items()}
    save_file(tensors, draft / "tensors.safetensors")
    (draft / "state.json").write_text(json.dumps({"plan": plan.as_dict(), "state": asdict(state)}, indent=1))
    old = states_in(folder)
    shutil.rmtree(final, ignore_errors=True)
    draft.replace(final)
    for one in old:
        if one != final:
            shutil.rmtree(one)


def states_in(folder: Path) -> list[Path]:
    """All complete states of a working folder, oldest first."""
    return sorted(one for one in folder.glob("step-*") if (one / "state.json").exists())


def load_state(folder: Path, *, plan: Plan, model: LlamaForCausalLM, optimizers: Optimizers) -> State:
    """Put the newest state of the folder into model and optimizers; a fresh state where there is none.

    Raises:
        ModelError: the folder holds a run of another plan.
    """
    found = states_in(folder)
    if not found:
        return State()
    said = json.loads((found[-1] / "state.json").read_text())
    if said["plan"] != plan.as_dict():
        raise ModelError(f"{found[-1]} belongs to another plan; give --work another folder, or remove this one")
    tensors = load_file(found[-1] / "tensors.safetensors")
    read = said["state"]
    with torch.no_grad():
        for name, one in model.named_parameters():
            one.copy_(tensors[f"model.{name}"])
            keys = [key for key in tensors if key.startswith("optimizer.") and key.endswith(f".{name}")]
            owner = next(each for each in optimizers if any(one is its for its in each.param_groups[0]["params"]))
            owner.state[one] = {key.split(".")[1]: tensors[key].to(one.device) for key in keys}
    position = Position(next=read["position"]["next"], waiting=tuple(read["position"]["waiting"]))
    return State(**{**read, "position": position})
