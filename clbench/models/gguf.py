"""Models in one GGUF file, as llama.cpp keeps them: quantised weights, configuration, tokenizer and chat template.

transformers reads them through the `gguf` package (extra `clbench[gguf]`) and gives the weights back as fp32.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import ModelError
from clbench.base.hashing import digest
from clbench.models.hashes import known_digest
from clbench.models.ref import ModelRef

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_MAGIC = b"GGUF"


def describe(path: Path) -> ModelRef:
    """The model in a file.

    Raises:
        ModelError: it is none, or the package that reads it is missing.
    """
    if not path.is_file():
        raise ModelError(f"{path}: is no file; give a .gguf file, a folder with a saved model, or a Hub id")
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if magic != _MAGIC:
        raise ModelError(f"{path}: is no GGUF file (it does not begin with GGUF); fetch it again")
    if importlib.util.find_spec("gguf") is None:
        raise ModelError(f"{path}: to read GGUF files, install the extra: pip install 'clbench[gguf]'")
    files = {path.name: known_digest(path)}
    folder = path.resolve().parent
    return ModelRef(path.stem, str(folder), digest(files), local=True, files=files, gguf=path.name)


def forget_quantisation(model: PreTrainedModel) -> None:
    """The weights are plain numbers once loaded; what says otherwise would forbid to train and to save them."""
    if hasattr(model.config, "quantization_config"):
        delattr(model.config, "quantization_config")
    model.hf_quantizer = None  # type: ignore[assignment]
    model.is_quantized = False  # type: ignore[assignment]
