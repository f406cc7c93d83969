"""Whether a model in memory is still the one of the folder that it was loaded from.

`save_pretrained` writes the same content in other words (a newer version's keys, where a tokenizer came from), so files
are not compared byte by byte but by what is read from them: weights tensor by tensor, configuration, tokenizer, and the
tokens that end an answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clbench.base import home


def origin(model: Any, saved: Path) -> Path | None:
    """The folder that a model came from, where it holds the same as the model's own; else None.

    Args:
        model: in memory.
        saved: folder to which it and its tokenizer have been written.
    """
    folder = Path(str(getattr(model, "name_or_path", "") or ""))
    if not (home.is_dir(folder) and (folder / "config.json").is_file()):
        return None
    try:
        same = _config(folder) == _config(saved) and _tokenizer(folder) == _tokenizer(saved) and _weigh(folder, saved)
    except Exception:  # whatever the libraries raise of a folder that is none, it is not the model's
        return None
    return folder if same else None


def _config(folder: Path) -> Any:
    """What decides how a model computes and where an answer ends."""
    from transformers import AutoConfig, GenerationConfig

    config = AutoConfig.from_pretrained(folder)
    own = (folder / "generation_config.json").is_file()
    generation = GenerationConfig.from_pretrained(folder) if own else GenerationConfig.from_model_config(config)
    found = config.to_dict()
    for name in ("_name_or_path", "transformers_version"):
        found.pop(name, None)
    return found, generation.eos_token_id


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    found: Any = AutoTokenizer.from_pretrained(folder)
    backend = getattr(found, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else sorted(found.get_vocab().items())
    return words, found.special_tokens_map, found.chat_template, found.model_max_length, found.padding_side


def _weigh(one: Path, other: Path) -> bool:
    """Whether two folders hold the same tensors."""
    import torch
    from safetensors import safe_open

    def places(folder: Path) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in folder.glob("*.safetensors"):
            with safe_open(path, framework="pt") as file:
                found |= dict.fromkeys(file.keys(), path)
        return found

    def read(path: Path, name: str) -> torch.Tensor:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)

    first, second = places(one), places(other)
    if first.keys() != second.keys():
        return False
    pairs = ((read(first[name], name), read(second[name], name)) for name in first)
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)
