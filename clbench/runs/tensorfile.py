"""A safetensors file written tensor by tensor and hashed as it is written: no second copy, and no second reading.

The format (https://huggingface.co/docs/safetensors, "Format"): the header's length in eight bytes, little-endian; the
header, a JSON object of dtype, shape and place of each tensor, padded by spaces; the tensors' bytes without holes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

PIECE = 2**24  # bytes that are hashed and written at once: other threads run meanwhile
NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""The format's names of dtypes."""


def write(path: Path, tensors: Mapping[str, torch.Tensor]) -> str:
    """Write a file, durably.

    Args:
        path: of the file.
        tensors: by name, on any device; one at a time is brought into main memory and made contiguous.

    Returns:
        SHA-256 (hex) of the file.

    Raises:
        TypeError: a tensor whose dtype the format has no name for.
        OSError: it cannot be written.
    """
    ordered = dict(sorted(tensors.items(), key=lambda item: -item[1].element_size()))  # so that each is aligned
    found = hashlib.sha256()
    with path.open("wb") as file:
        for piece in _pieces(ordered):
            found.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _pieces(tensors: Mapping[str, torch.Tensor]) -> Iterator[bytes | memoryview]:
    yield _header(tensors)
    for tensor in tensors.values():
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
        yield from (content[start : start + PIECE] for start in range(0, len(content), PIECE))


def _header(tensors: Mapping[str, torch.Tensor]) -> bytes:
    places, end = {}, 0
    for name, tensor in tensors.items():
        if tensor.dtype not in NAMES:
            raise TypeError(f"state {name}: a tensor of {tensor.dtype}, which safetensors has no name for")
        begin, end = end, end + tensor.nbytes
        places[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(places, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
