"""A folder with a saved model, looked at before anything of it is loaded.

Whatever lies in it was written by others: only regular files are opened, JSON is read with bounds, and the sizes that
config.json gives are held against the headers of the weights, so that no memory is asked for what is not there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ModelError
from clbench.base.hashing import digest
from clbench.models.hashes import known_digest
from clbench.models.ref import ModelRef

if TYPE_CHECKING:
    import torch

IDENTITY_FILES = (
    "*.safetensors",
    "config.json",
    "generation_config.json",  # its additional end tokens are used
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"),
    *("vocab.json", "merges.txt", "added_tokens.json"),
    *("sentencepiece.bpe.model", "spiece.model", "*.tiktoken", "chat_template.jinja"),
)
_INDEX = "model.safetensors.index.json"
_LARGEST_JSON = 2**26  # bytes; an index of 100,000 tensors has a tenth of that
_NUMBER_OF_LAYERS = re.compile(r"(n|num)_(\w+_)?layers?")


def describe(folder: Path, *, name: str, trust_remote_code: bool = False) -> ModelRef:
    """The model in a folder, known by its content.

    Raises:
        ModelError: it holds no model, or something that is not to be opened or does not fit.
    """
    check_regular(folder)
    _check_complete(folder)
    config = read_json(folder / "config.json")
    _check_generation(folder / "generation_config.json")
    _check_index(folder / _INDEX)
    _check_layers(config, folder)
    own_code = folder.rglob("*.py") if trust_remote_code else ()
    paths = sorted({*own_code, *_identity_files(folder)})
    files = {path.relative_to(folder).as_posix(): known_digest(path) for path in paths}
    _check_card(folder, files)
    return ModelRef(name, str(folder), digest(files), local=True, files=files, trust_remote_code=trust_remote_code)


def check_regular(folder: Path) -> None:
    """Pipes and devices can be read for ever, and a folder is no file.

    Raises:
        ModelError: with the first of them.
    """
    for path in sorted(folder.iterdir()):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelError(f"{path}: is no regular file but a pipe, device or socket; take it out of the folder")
    for path in _identity_files(folder):
        if not path.is_file():
            raise ModelError(f"{path}: is {'a folder' if path.is_dir() else 'a broken link'}, and no file")


def _identity_files(folder: Path) -> Iterator[Path]:
    return (path for pattern in IDENTITY_FILES for path in folder.glob(pattern))


def _check_complete(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: is no model folder: config.json is missing (save one by model.save_pretrained)")
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{folder}: holds a model and an adapter (adapter_config.json), of which only one can be meant; "
            "move one of them to a folder of its own"
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder}: holds no *.safetensors weights (pickled ones are never loaded); "
            "save it again by model.save_pretrained"
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object that somebody else wrote.

    Raises:
        ModelError: it is none, or too large or too deep.
    """
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ModelError(f"{path}: is larger than {_LARGEST_JSON // 2**20} MiB, and no file that describes a model")
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ModelError(f"{path}: cannot be read as JSON (it is nested too deeply)") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as JSON ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must be a JSON object, and is a {type(content).__name__}")
    return content


def _check_generation(path: Path) -> None:
    """Its end tokens are used: a number, or a list of numbers."""
    if path.is_file():
        check_ends(read_json(path).get("eos_token_id"), where=str(path))


def check_ends(ends: Any, *, where: str) -> list[int]:
    """Token numbers at which a text ends, as a list.

    Raises:
        ModelError: something else.
    """
    found = ends if isinstance(ends, list) else [] if ends is None else [ends]
    if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 2**31 for one in found):
        raise ModelError(f"{where}: eos_token_id must be a token's number or a list of them, and is {str(ends)[:60]!r}")
    return found


def _check_index(path: Path) -> None:
    """The index of sharded weights may name files of its own folder alone: only those are part of the model's hash."""
    if not path.is_file():
        return
    names = read_json(path).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"{path}: is no index of weights: weight_map must give a file's name for each tensor")
    for name in sorted(set(names.values())):
        if Path(name).name != name:
            raise ModelError(f"{path}: names weights outside its folder ({name}); put them beside it")
        if not (path.parent / name).is_file():
            raise ModelError(f"{path}: names weights that are not there ({name}); fetch them again")


def _check_layers(config: Mapping[str, Any], folder: Path) -> None:
    """A layer has one tensor at least; layers are made one by one, so that many of none would take for ever."""
    tensors = len(shapes(folder))
    for key, number in _numbers(config):
        if _NUMBER_OF_LAYERS.fullmatch(key) and number > tensors:
            raise ModelError(
                f"{folder / 'config.json'}: says {key} = {str(number)[:20]}, but the weights are {tensors} tensors only"
            )


def _numbers(content: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif isinstance(value, int):
            yield key, value


def check_size(ref: ModelRef, config: Any) -> None:
    """The model is made without memory, and must not be far larger than its weights; finer differences name a tensor.

    Raises:
        ModelError: the configuration asks for more than twice of what the files hold.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=ref.trust_remote_code)
    wanted = sum(p.numel() for p in model.parameters())
    place = Path(ref.location)
    stored = sum(math.prod(shape) for shape in shapes(place).values())
    if hasattr(config, "quantization_config"):  # several numbers in one, of four bits at least
        stored = 2 * sum(path.stat().st_size for path in place.glob("*.safetensors"))
    if wanted > 2 * stored:
        raise ModelError(
            f"model {ref.name!r}: its weights do not fit its config.json, which asks for {wanted:,} parameters: "
            f"the files hold {stored:,}"
        )


def check_finite(model: torch.nn.Module, *, name: str) -> None:
    """What is no number in one weight is soon none in any answer.

    Raises:
        ModelError: with the first tensor that holds any.
    """
    for key, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise ModelError(f"model {name!r}: {key} holds NaN or infinite numbers; fetch the weights again")


def shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of every stored tensor, by name, from the files' headers.

    Raises:
        ModelError: a file that is not of the format.
    """
    from safetensors import SafetensorError, safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                found |= {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: cannot be read as weights ({' '.join(str(error).split())[:200]})") from error
    return found


def _check_card(folder: Path, files: Mapping[str, str]) -> None:
    """A model card that states hashes, as the bundled model's does, must be right."""
    card = folder / "MODEL_CARD.md"
    text = card.read_text("utf-8", errors="replace") if card.is_file() else ""
    for name, expected in re.findall(r"sha256 of (\S+) \| `([0-9a-f]{64})`", text):
        if files.get(name) != expected:
            raise ModelError(
                f"{folder / name}: is damaged or missing (its SHA-256 is not the model card's); install it again"
            )
