"""The tensors of a checkpoint that are in parts: each process writes its own, in safetensors, by torch's DCP.

They are read whole, by any number of processes; whoever takes them up cuts them anew (`clbench.parallel.parts`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RecordError
from clbench.base.hashing import file_digest
from clbench.parallel import processes

if TYPE_CHECKING:
    import torch


def write(folder: Path, tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Write a folder of files, durably; called by all processes at once.

    Args:
        folder: for them, seen by all.
        tensors: by name; this process's parts of them.

    Returns:
        SHA-256 (hex) of every process's files, by name.

    Raises:
        RecordError: a process could not write, told in all of them.
    """
    import torch
    from torch.distributed import checkpoint as dcp

    writer = dcp.HuggingFaceStorageWriter(str(folder), save_distributed=True)
    try:
        dcp.save(dict(tensors), storage_writer=writer, process_group=processes.group())
    except dcp.CheckpointException as error:
        reason = "; ".join(f"process {rank}: {one[0]}" for rank, one in error.failures.items())
        raise RecordError(f"{folder}: cannot be written ({reason}); free some space and run again") from error
    mine = f"shard-{torch.distributed.get_rank() + 1:05d}-"
    own = {path.name: file_digest(path) for path in folder.iterdir() if path.name.startswith(mine)}
    return {name: found for one in processes.gathered(own) for name, found in one.items()}


def read(folder: Path, hashes: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """All tensors, whole, in main memory.

    Args:
        folder: that `write` has written.
        hashes: of its files.

    Raises:
        ValueError: a file is missing, or has another content.
    """
    import torch
    from torch.distributed import checkpoint as dcp

    found = {path.name: file_digest(path) for path in folder.iterdir()}
    if found != dict(hashes):
        odd = min(name for name in {*found, *hashes} if found.get(name) != hashes.get(name))
        raise ValueError(f"{folder.name}/{odd} has another SHA-256 than state.json states")
    reader = dcp.HuggingFaceStorageReader(str(folder))
    known: dict[str, Any] = reader.read_metadata().state_dict_metadata
    tensors = {name: torch.empty(one.size, dtype=one.properties.dtype) for name, one in known.items()}
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # that one process reads alone
        dcp.load(tensors, storage_reader=reader, no_dist=True)
    return tensors
