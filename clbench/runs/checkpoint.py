"""Checkpoints: safetensors and JSON, complete or not there at all.

What is to be saved is told apart from its writing (`pack`, `write`), so that another thread can write a copy.

`checkpoints/<number>/` holds `tensors.safetensors` and `state.json`, which states the SHA-256 of the former and of
itself; and `parts/`, where several processes hold parts of tensors: each writes its own (see `parted`). It is written
under another name, made durable and renamed, so that a crash at any moment leaves what was there before. The last two
are kept: one that is torn all the same falls back to the one before.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from clbench.base import atomic
from clbench.base.errors import RecordError
from clbench.base.hashing import digest, file_digest
from clbench.parallel import parts, processes
from clbench.runs import parted, tensorfile

VERSION = 2
KEPT = 2
_TENSOR, _TUPLE = "__tensor__", "__tuple__"
_DRAFT = ".draft-"
PARTS = "parts"
"""Folder of a checkpoint, for what is in parts."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A state, told apart.

    Args:
        state: JSON values, with names where tensors stood; a copy, which nothing changes any more.
        tensors: by name; those of the state itself.
    """

    state: Any
    tensors: dict[str, torch.Tensor]

    @property
    def parted(self) -> dict[str, torch.Tensor]:
        """Tensors of which other processes hold parts, too."""
        return {name: one for name, one in self.tensors.items() if parts.is_part(one)}


def packed(state: Mapping[str, Any]) -> Packed:
    """A state at this moment, but for what will become of its tensors. See `pack`."""
    tensors: dict[str, torch.Tensor] = {}
    return Packed(pack(state, tensors), tensors)


def pack(value: Any, tensors: dict[str, torch.Tensor], *, name: str = "") -> Any:
    """Nested state as JSON; tensors are put into `tensors`, and their names stand in their places.

    Raises:
        TypeError: something that is neither a tensor nor a JSON value; names where it stands.
    """
    if isinstance(value, torch.Tensor):
        while name in tensors:  # keys with a slash in them
            name += "'"
        tensors[name] = value.detach()
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        pairs = [(key, pack(one, tensors, name=f"{name}/{key}")) for key, one in value.items()]
        return {"__dict__": [[key, one] for key, one in pairs]}
    if isinstance(value, tuple):
        return {_TUPLE: [pack(one, tensors, name=f"{name}/{i}") for i, one in enumerate(value)]}
    if isinstance(value, list):
        return [pack(one, tensors, name=f"{name}/{i}") for i, one in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"state {name}: {type(value).__name__} is neither a tensor nor a JSON value")


def unpack(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(one, tensors) for one in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    if _TUPLE in value:
        return tuple(unpack(one, tensors) for one in value[_TUPLE])
    return {key: unpack(one, tensors) for key, one in value["__dict__"]}


def save(folder: Path, state: Mapping[str, Any], *, identity: Mapping[str, Any]) -> Path:
    """`write` a state that nothing changes meanwhile."""
    return write(folder, packed(state), identity=identity)


def write(
    folder: Path, state: Packed, *, identity: Mapping[str, Any], wanted: Callable[[], bool] = lambda: True
) -> Path:
    """Write the next checkpoint and drop all but the last two; where a state is in parts, by all processes at once.

    Args:
        folder: `checkpoints/`.
        state: of tensors and JSON values.
        identity: what a run must be to continue from it.
        wanted: asked before the checkpoint comes to be there; where not, nothing is left of it.

    Raises:
        RecordError: the folder cannot be written; what was there stays.
    """
    together = bool(state.parted)
    by_one = processes.first if together else _called
    draft: Path | None = None
    try:
        draft = by_one(partial(_make_draft, folder))
        hashes = parted.write(draft / PARTS, state.parted) if together else {}
        return by_one(partial(_finish, draft, state, identity=identity, hashes=hashes, wanted=wanted))
    except OSError as error:
        raise RecordError(f"{folder}: cannot be written ({error}); free some space and run again") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _called(action: Callable[[], Path]) -> Path:
    return action()


def _make_draft(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
    draft.chmod(0o755)
    return draft


def _finish(
    draft: Path, state: Packed, *, identity: Mapping[str, Any], hashes: Mapping[str, str], wanted: Callable[[], bool]
) -> Path:
    """Make a checkpoint of a draft in which nothing is missing but what one process holds."""
    folder = draft.parent
    final = folder / f"{max((int(path.name) for path in _complete(folder)), default=0) + 1:06d}"
    _write(draft, state, identity=identity, hashes=hashes)
    _sync(draft)
    if wanted():
        draft.rename(final)
        _sync(folder)
    for old in _complete(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def drop_drafts(folder: Path) -> None:
    """Remove what writers that were killed have left; only one process is at a run."""
    for path in folder.glob(f"{_DRAFT}*"):
        shutil.rmtree(path, ignore_errors=True)


def _write(draft: Path, state: Packed, *, identity: Mapping[str, Any], hashes: Mapping[str, str]) -> None:
    if hashes:
        _sync(draft / PARTS)
    own = {name: one for name, one in state.tensors.items() if not parts.is_part(one)}
    content = {
        "version": VERSION,
        "identity": identity,
        "tensors": tensorfile.write(draft / "tensors.safetensors", own),
        "parts": hashes,
        "state": state.state,
    }
    atomic.write_text(draft / "state.json", json.dumps({"sha256": digest(content), **content}))


def load(folder: Path, *, identity: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest whole checkpoint; None where there is none.

    Args:
        folder: `checkpoints/`.
        identity: of the run that wants to continue.
        say: told of each checkpoint that is damaged.

    Raises:
        RecordError: the checkpoint belongs to other versions of the code.
    """
    for path in reversed(_complete(folder)):
        try:
            content, tensors = _read(path)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
            say(f"checkpoint {path} is damaged ({' '.join(str(error).split())[:100]}): taking the one before it")
            continue
        if content["identity"] != identity:
            changed = sorted(
                key for key in {*content["identity"], *identity} if content["identity"].get(key) != identity.get(key)
            )
            raise RecordError(
                f"{path}: was written with another {', '.join(changed)}; run again with --fresh, or install what it had"
            )
        return unpack(content["state"], tensors)
    return None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    content = json.loads((path / "state.json").read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("state.json is no object")
    stated = content.pop("sha256")
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}")
    if digest(content) != stated:
        raise ValueError("state.json has another SHA-256 than it states")
    if file_digest(path / "tensors.safetensors") != content["tensors"]:
        raise ValueError("tensors.safetensors has another SHA-256 than state.json states")
    loaded = load_file(path / "tensors.safetensors")  # parts of one piece of memory, wherever they begin in it
    whole = {name: one.clone() for name, one in loaded.items()}  # products round by where they begin
    return content, whole | (parted.read(path / PARTS, content["parts"]) if content["parts"] else {})


def _complete(folder: Path) -> list[Path]:
    """Checkpoints by age, the oldest first; drafts are none."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdecimal())


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
