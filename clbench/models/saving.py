"""A trained model as an ordinary Hugging Face folder, which loads without clbench and gives the same logits.

Adapters are merged into a copy; the model that is trained on is left as it is.
"""

from __future__ import annotations

import copy
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def check_savable(model: PreTrainedModel, *, method: str) -> None:
    """Whether the model's tensors, adapters merged, are those of its architecture.

    Raises:
        ModelError: the method has put layers of its own into it, which nothing else could load.
    """
    import torch
    from transformers import PreTrainedModel

    own = unwrapped(model)
    if not isinstance(own, PreTrainedModel):
        raise ModelError(f"--save-model: {type(own).__name__} is no model of transformers, whose form is what is saved")
    with torch.device("meta"):
        wanted = set(type(own)(own.config).state_dict())
    odd = sorted(_plain_names(own) ^ wanted)
    if odd:
        raise ModelError(
            f"--save-model: {method} gives the model layers of its own ({len(odd)} tensors such as {odd[0]}), which an "
            "ordinary folder cannot hold; runtime.keep_checkpoints=true keeps the run's state"
        )


def unwrapped(model: Any) -> Any:
    """Without what accelerate puts around it."""
    return getattr(model, "module", model)


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """The model with its adapters' changes in its weights, as a copy; itself where it has none."""
    own = unwrapped(model)
    if not _tuner_layers(own):
        return own
    found = copy.deepcopy(own)
    for name, layer in _tuner_layers(found).items():
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(found.get_submodule(parent), child, layer.get_base_layer())
    return found


def write(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, *, card: str) -> None:
    """Write a folder that is whole or not there.

    Args:
        model: as it is trained.
        tokenizer: of it.
        folder: what was there is replaced.
        card: text of its README.md.

    Raises:
        ModelError: it cannot be written.
    """
    part = folder.with_name(f".part-{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        merged(model).save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / "README.md").write_text(card, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ModelError(f"{folder}: the model cannot be written ({error}); free some space and run again") from error


def _plain_names(model: PreTrainedModel) -> set[str]:
    """Names of the model's tensors, without those of adapters."""
    hosts = tuple(f"{name}." for name in _tuner_layers(model))
    return {
        name.replace(".base_layer.", ".")
        for name in model.state_dict()
        if not name.startswith(hosts) or ".base_layer." in name
    }


def _tuner_layers(model: PreTrainedModel) -> dict[str, Any]:
    """Layers that PEFT has wrapped, by name; none where nobody has imported it."""
    if "peft" not in sys.modules:
        return {}
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)}
