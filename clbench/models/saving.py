"""A trained model as a folder, in one of three forms; the model that is trained on is left as it is.

- An ordinary Hugging Face folder, which loads without clbench and gives the same logits.
- PEFT's own, where LoRA or DoRA is all that was trained: `PeftModel.from_pretrained` loads it; or merged, the former.
- What a method has put into the model beside or in the place of its layers (LoRAMoE's experts): the method and its
  options in `method.json`, and the tensors that it trained; `clbench.load_model` loads it.
"""

from __future__ import annotations

import copy
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.atomic import write_json
from clbench.base.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER = "default"  # PEFT's name of the only adapter
METHOD, WEIGHTS = "method.json", "trained.safetensors"


def check_savable(model: PreTrainedModel) -> None:
    """Whether it is one of transformers' models, whose form is what is saved.

    Raises:
        ModelError: it is none.
    """
    from transformers import PreTrainedModel

    own = unwrapped(model)
    if not isinstance(own, PreTrainedModel):
        raise ModelError(f"--save-model: {type(own).__name__} is no model of transformers, whose form is what is saved")


def is_plain(model: PreTrainedModel) -> bool:
    """Whether the model's tensors, adapters merged, are those of its architecture."""
    import torch

    own = unwrapped(model)
    with torch.device("meta"):
        wanted = set(type(own)(own.config).state_dict())
    return _plain_names(own) == wanted


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a trained model was made of.

    Args:
        base: what `--model` takes for the base model.
        hash: of it.
        method: its name.
        options: of the method, by member name.
        seed: of the run.
        whole: whether the base is a whole model, which an adapter can name; not an adapter itself.
        start: version of each tensor when the method had taken over the base model; what has another one was trained.
    """

    base: str
    hash: str
    method: str
    options: Mapping[str, Any]
    seed: int
    whole: bool
    start: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """What loads it again."""
        return {
            "form": 1,
            "method": self.method,
            "options": dict(self.options),
            "seed": self.seed,
            "base": {"name": self.base, "hash": self.hash},
        }


def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    *,
    card: str,
    origin: Origin | None,
) -> None:
    """Write a folder that is whole or not there.

    Args:
        model: as it is trained.
        tokenizer: of it.
        folder: what was there is replaced.
        card: text of its README.md.
        origin: of the model; None writes adapters' changes as the model's weights.

    Raises:
        ModelError: it cannot be written, or has layers of its own that no weights hold.
    """
    own, part = unwrapped(model), folder.with_name(f".part-{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        if not is_plain(own):
            _write_own(own, part, origin)
        elif origin is not None and origin.whole and is_own_adapter(own, origin.start):
            _write_adapter(own, part, origin)
        else:
            merged(own).save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / "README.md").write_text(card, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except OSError as error:
        raise ModelError(f"{folder}: the model cannot be written ({error}); free some space and run again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_own_adapter(model: PreTrainedModel, start: Mapping[str, int]) -> bool:
    """Whether a LoRA or DoRA adapter, added to weights that have not moved since, is all that was trained."""
    layers, configs = _tuner_layers(model), getattr(model, "peft_config", {})
    if not layers or list(configs) != [ADAPTER]:
        return False
    config = configs[ADAPTER]
    simple = str(config.peft_type).endswith("LORA") and config.init_lora_weights in (True, False, "gaussian")
    return simple and not any(_is_base(name, layers) for name in moved(model, start))


def moved(model: PreTrainedModel, start: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """The tensors that were trained, or written to since the method took over the model."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: one for name, one in tensors.items() if one.requires_grad or start.get(name) != one._version}


def _write_adapter(model: PreTrainedModel, part: Path, origin: Origin) -> None:
    """As PEFT writes it, and reads it."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    config: Any = copy.copy(model.peft_config[ADAPTER])  # type: ignore[index]
    config.base_model_name_or_path, config.inference_mode, config.task_type = origin.base, True, "CAUSAL_LM"
    state = get_peft_model_state_dict(model, adapter_name=ADAPTER)
    tensors = {f"base_model.model.{name}": one.detach().cpu().contiguous() for name, one in state.items()}
    save_file(tensors, part / "adapter_model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(str(part))


def _write_own(model: PreTrainedModel, part: Path, origin: Origin | None) -> None:
    from safetensors.torch import save_file

    if origin is None:
        raise ModelError("--merge: the method gives the model layers of its own, which its weights cannot hold")
    tensors = {name: one.detach().cpu().contiguous() for name, one in moved(model, origin.start).items()}
    save_file(tensors, part / WEIGHTS)
    write_json(part / METHOD, origin.to_json())


def _plain_names(model: PreTrainedModel) -> set[str]:
    """Names of the model's tensors, without those of adapters."""
    layers = _tuner_layers(model)
    return {name.replace(".base_layer.", ".") for name in model.state_dict() if _is_base(name, layers)}


def _is_base(name: str, layers: Mapping[str, Any]) -> bool:
    """Whether a tensor is the model's own, and not of an adapter around one of its layers."""
    return not name.startswith(tuple(f"{layer}." for layer in layers)) or ".base_layer." in name


def _tuner_layers(model: PreTrainedModel) -> dict[str, Any]:
    """Layers that PEFT has wrapped, by name; none where nobody has imported it."""
    if "peft" not in sys.modules:
        return {}
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)}
