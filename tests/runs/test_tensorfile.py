"""A file that the format's own library reads, bit for bit, and whose hash is right."""

import pytest
import torch
from safetensors.torch import load_file

from clbench.base.hashing import file_digest
from clbench.runs import tensorfile

BITS = torch.arange(256, dtype=torch.uint8)


@pytest.mark.parametrize("dtype", tensorfile.NAMES, ids=str)
def test_the_library_reads_every_dtype(tmp_path, dtype):
    size = torch.empty((), dtype=dtype).element_size()
    tensor = (BITS % 2).bool() if dtype == torch.bool else BITS.view(dtype).reshape(4, -1, 256 // size // 8)
    path = tmp_path / "x"
    assert tensorfile.write(path, {"é": tensor}) == file_digest(path)
    found = load_file(path)["é"]
    assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(found.reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_tensors_of_every_form_together(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorfile, "PIECE", 7)
    whole = torch.randn(5, 6)
    tensors = {
        "byte": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "turned": whole.T,
        "part": whole[1:3],
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "none": torch.zeros(0, 3),
        "same": whole,
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    assert tensorfile.write(tmp_path / "x", tensors) == file_digest(tmp_path / "x")
    found = load_file(tmp_path / "x")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_no_tensors_are_a_file_too(tmp_path):
    tensorfile.write(tmp_path / "x", {})
    assert load_file(tmp_path / "x") == {}


def test_a_dtype_without_a_name_is_refused_by_name(tmp_path):
    with pytest.raises(TypeError, match=r"state /method/x: a tensor of torch\.complex128"):
        tensorfile.write(tmp_path / "x", {"/method/x": torch.zeros(1, dtype=torch.complex128)})
