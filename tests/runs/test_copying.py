"""A copy that later changes of the state do not reach, in memory that is used again."""

import torch

from clbench.runs.copying import Room


def state(value):
    return {
        "a": torch.full((3, 5), value, dtype=torch.bfloat16).T,
        "b": torch.tensor(value, dtype=torch.float64),
        "c": torch.zeros(0),
        "d": torch.arange(7, dtype=torch.uint8),
    }


def test_a_copy_is_equal_and_stays_so():
    room, first = Room(), state(1.0)
    copy = room.copy(first)
    room.wait()
    for tensor in first.values():
        tensor.add_(1)
    assert all(torch.equal(copy[name], one) and copy[name].dtype == one.dtype for name, one in state(1.0).items())


def test_memory_is_used_again_and_grows_where_it_must():
    room = Room()
    room.copy(state(1.0))
    place, size = room.bytes.data_ptr(), room.bytes.nbytes
    copy = room.copy(state(2.0))
    assert (room.bytes.data_ptr(), room.bytes.nbytes) == (place, size)
    assert copy["b"] == 2
    larger = room.copy({"x": torch.ones(size)})
    assert larger["x"].sum() == size
    assert room.bytes.nbytes >= 4 * size


def test_a_copy_takes_no_more_than_half_of_what_is_free():
    tensors = [torch.zeros(1024)]
    assert Room(lambda: 8192).lacks(tensors) == 0
    assert Room(lambda: 8191).lacks(tensors) == 4096
    held = Room(lambda: 8192)
    held.copy({"x": tensors[0]})
    held.free = lambda: 0
    assert held.lacks(tensors) == 0, "what it has it need not ask for"
    assert held.lacks([torch.zeros(1025)]) > 0


def test_no_state_needs_no_memory():
    assert Room(lambda: 0).copy({}) == {}
