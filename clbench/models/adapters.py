"""A folder that PEFT wrote: a small change of a base model, merged into it when it is loaded."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ModelError, first_line
from clbench.base.hashing import digest
from clbench.models.folder import check_regular, read_json
from clbench.models.hashes import known_digest
from clbench.models.ref import ModelRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_IDENTITY_FILES = (
    *(CONFIG, _WEIGHTS, "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"),
    *("vocab.json", "merges.txt", "added_tokens.json", "chat_template.jinja"),
)


def is_adapter(folder: Path) -> bool:
    """Whether PEFT wrote it, and no whole model lies beside the adapter."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def describe(folder: Path, find: Callable[[str, str | None], ModelRef]) -> ModelRef:
    """The base model with the adapter merged into it.

    Args:
        folder: of the adapter.
        find: gives the base model, by its name and revision.

    Raises:
        ModelError: the adapter is damaged, its base is not to be had, or it is of a kind that cannot be merged.
    """
    check_regular(folder)
    config = read_json(folder / CONFIG)
    name = config.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise ModelError(f"{folder / CONFIG}: names no base model; write base_model_name_or_path")
    if not (folder / _WEIGHTS).is_file():
        raise ModelError(f"{folder}: {_WEIGHTS} is missing (pickled weights are never loaded); save it by PEFT again")
    if importlib.util.find_spec("peft") is None:
        raise ModelError(f"{folder}: to merge adapters, install PEFT: pip install peft")
    try:
        base = find(_beside(name, folder), config.get("revision"))
    except ModelError as error:
        raise ModelError(f"{folder}: its base model {name!r} is not to be had ({error})") from error
    if base.adapter:
        raise ModelError(f"{folder}: its base is an adapter itself; merge that one and save it first")
    files = {one: known_digest(folder / one) for one in _IDENTITY_FILES if (folder / one).is_file()}
    return ModelRef(
        folder.resolve().name,
        base.location,
        digest({"base": base.hash, "adapter": files}),
        local=base.local,
        files={**{f"base/{one}": value for one, value in base.files.items()}, **files},
        trust_remote_code=base.trust_remote_code,
        gguf=base.gguf,
        adapter=str(folder),
        revision=base.revision,
    )


def _beside(name: str, folder: Path) -> str:
    """A base is named as its user's working folder had it; one that lies beside the adapter is found there, too."""
    return str(folder / name) if not Path(name).exists() and (folder / name).exists() else name


def merge(model: PreTrainedModel, ref: ModelRef) -> PreTrainedModel:
    """The base's weights with the adapter's change added.

    Raises:
        ModelError: the adapter does not fit the base, or cannot be merged.
    """
    from peft import PeftModel

    assert ref.adapter is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does not fit is found below, whatever PEFT says of it
            adapted: Any = PeftModel.from_pretrained(model, ref.adapter, torch_device="cpu")
    except Exception as error:
        raise ModelError(f"adapter {ref.name!r}: does not fit its base model ({first_line(error)})") from error
    _check_complete(adapted, ref)
    if not hasattr(adapted.base_model, "merge_and_unload"):
        kind = adapted.active_peft_config.peft_type
        raise ModelError(f"adapter {ref.name!r}: is of the kind {kind}, which cannot be merged into weights")
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except Exception as error:
        raise ModelError(f"adapter {ref.name!r}: cannot be merged ({first_line(error)})") from error
    return merged.requires_grad_(True)


def _check_complete(adapted: Any, ref: ModelRef) -> None:
    """Every tensor of the file has its place in the base: PEFT drops what fits nowhere and fills up what is missing."""
    from peft.utils import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(Path(ref.adapter or "") / _WEIGHTS, framework="pt") as file:
        stored = set(file.keys())
    for config in adapted.peft_config.values():
        config.base_model_name_or_path = None  # PEFT would look for it on the Hub; its vocabulary is the model's own
    wanted = set(get_peft_model_state_dict(adapted))
    if stored != wanted:
        odd = sorted(stored ^ wanted)
        raise ModelError(
            f"adapter {ref.name!r}: does not fit its base model: {len(odd)} tensors have no counterpart, "
            f"such as {odd[0]}"
        )
