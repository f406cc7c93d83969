"""A model in memory as `--model` takes one: saved to a folder of its own, so that it is known by its content.

The folder is what `save_pretrained` writes, or the one that the model came from where it is still the same; so a model
in memory and the same model from its folder have one hash, and their runs one R. A run loads its own copy from there;
with `copy=False` it trains the caller's model itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.api.origins import origin
from clbench.base.errors import ModelError
from clbench.plugins.hookspecs import hookimpl


def check_model(model: Any, tokenizer: Any) -> None:
    """Whether a model in memory can be trained, as a whole, as it is.

    Raises:
        ModelError: it cannot; says why, and what to do.
    """
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    kind = type(model).__name__
    if not isinstance(model, PreTrainedModel):
        mend = "merge adapters first, by merge_and_unload()" if hasattr(model, "merge_and_unload") else "load one by it"
        raise ModelError(f"model=({kind}, …): is no model of transformers; {mend}")
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError(
            f"model=({kind}, {type(tokenizer).__name__}): the second is no tokenizer; give (model, tokenizer)"
        )
    if any(tensor.device.type == "meta" for tensor in (*model.parameters(), *model.buffers())):
        raise ModelError(f"model=({kind}, …): its weights are on the meta device, so there are none; load them")
    if getattr(model, "is_quantized", False) or getattr(model, "hf_quantizer", None) is not None:
        raise ModelError(f"model=({kind}, …): is quantised, so its weights cannot be trained; load it without")
    if frozen := sum(not one.requires_grad for one in model.parameters()):
        raise ModelError(
            f"model=({kind}, …): {frozen} of its tensors are frozen, which a run would not keep; "
            "model.requires_grad_(True), and let a method freeze them"
        )


def model_name(model: Any) -> str:
    """What a model in memory is called: as the folder or repository that it came from, else as its class."""
    origin = str(getattr(model, "name_or_path", "") or "").rstrip("/").rpartition("/")[2]
    return origin if re.fullmatch(r"[\w.-]+", origin) else type(model).__name__


def save_model(model: Any, tokenizer: Any, folder: Path) -> Path:
    """A folder that holds a model: where it came from, if it is still the same, else one that is written here.

    Args:
        model: in memory.
        tokenizer: its tokenizer.
        folder: below which it is written, as `save_pretrained` does.

    Raises:
        ModelError: it cannot be saved.
    """
    path = folder / model_name(model)
    try:
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
    except Exception as error:  # whatever the library raises of a model that it cannot write
        raise ModelError(f"model=({type(model).__name__}, …): cannot be saved ({str(error)[:200]})") from error
    return origin(model, path) or path


class Lent:
    """A plugin that gives a run the caller's own model instead of a copy.

    Args:
        location: of the folder that stands for it.
        model: fp32 from now on.
        tokenizer: its tokenizer.
    """

    def __init__(self, location: Path, model: Any, tokenizer: Any) -> None:
        self.location, self.model, self.tokenizer = str(location), model, tokenizer

    @hookimpl
    def clbench_load_model(self, name: str) -> Any:
        """The model, if it is the one that is meant."""
        return (self.model.float(), self.tokenizer, name) if name == self.location else None


@contextlib.contextmanager
def kept_settings(model: Any) -> Iterator[None]:
    """What a run sets on a model that it trains in place, and what was set before."""
    generation, training = model.generation_config, model.training
    try:
        yield
    finally:
        model.generation_config = generation
        model.train(training)
