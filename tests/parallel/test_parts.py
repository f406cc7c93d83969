"""What processes agree on, and tensors in parts, on two processes; alone, everything is itself."""

import json

import pair
import pytest
import torch

from clbench.base.errors import RecordError
from clbench.parallel import parts, processes
from clbench.runs import checkpoint

SHAPES = {"a/b": (5, 3), "short": (1, 4), "c'": (7,)}


def whole(kind=torch.float32):
    torch.manual_seed(0)
    return {name: torch.randn(shape).to(kind) for name, shape in SHAPES.items()}


def apart():
    """The same in parts, as `fully_shard` leaves them."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (2,))
    return {name: distribute_tensor(one, mesh, [Shard(0)]) for name, one in whole().items()}


def agree(rank):
    assert processes.launched()
    assert processes.gathered(rank) == [0, 1]
    assert processes.any_of(rank == 1, False) == (True, False)
    assert processes.first(lambda: rank) == 0
    with pytest.raises(KeyError, match="told to all"):
        processes.first(lambda: {}["told to all"])


def cut_and_put_together():
    found, expected = apart(), whole()
    for name, one in found.items():
        assert parts.is_part(one)
        assert torch.equal(parts.full(one), expected[name])
        assert torch.equal(parts.local(parts.cut(expected[name], one)), parts.local(one))
        assert parts.summed(torch.tensor(parts.local(one).numel()), one) == one.numel()
    state = {"anchor": expected, "other": {"a/b": torch.ones(2)}, "list": [(1, expected["c'"])]}
    taken = parts.spread(state, found)
    assert all(parts.is_part(one) for one in taken["anchor"].values())
    assert not parts.is_part(taken["other"]["a/b"])  # of another shape
    assert not parts.is_part(taken["list"][0][1])  # under no parameter's name


def save(folder, rank):
    """Two checkpoints, and a third that fails in its last moment: each process hears of it, and nothing is left."""
    state = {"weights": apart(), "same": torch.arange(3), "number": 7}
    for _ in range(2):
        checkpoint.save(folder, state, identity={"run": "a"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_sync", broken)
        with pytest.raises(RecordError, match=r"cannot be written .*no space.*run"):
            checkpoint.save(folder, state, identity={"run": "a"})
    with pytest.MonkeyPatch.context() as patch:
        if rank == 1:
            patch.setattr("torch.distributed.checkpoint.HuggingFaceStorageWriter.write_data", broken)
        with pytest.raises(RecordError, match=r"cannot be written .*process 1"):
            checkpoint.save(folder, state, identity={"run": "a"})


def broken(*_):
    raise OSError("no space")


def test_two_processes(tmp_path):
    def work():
        rank = torch.distributed.get_rank()
        agree(rank)
        cut_and_put_together()
        save(tmp_path / "checkpoints", rank)

    codes = pair.run(work, log=tmp_path / "log", seconds=200)
    assert codes == [0, 0], (tmp_path / "log").read_text()
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["000001", "000002"]
    found = checkpoint.load(folder, identity={"run": "a"}, say=pytest.fail)  # by one process
    assert (found["number"], found["same"].tolist()) == (7, [0, 1, 2])
    assert {name: torch.equal(found["weights"][name], one) for name, one in whole().items()} == dict.fromkeys(
        SHAPES, True
    )
    (file,) = folder.glob("000002/parts/shard-00002*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    told = []
    checkpoint.load(folder, identity={"run": "a"}, say=told.append)
    assert "000002 is damaged (parts/shard-00002" in told[0]
    assert json.loads((folder / "000001/state.json").read_text("utf-8"))["parts"].keys() == {
        path.name for path in (folder / "000001/parts").iterdir()
    }


def test_alone_everything_is_itself():
    assert processes.gathered("x") == ["x"]
    assert processes.any_of(True, False) == (True, False)
    assert processes.first(lambda: 3) == 3
    one = torch.ones(2)
    assert parts.local(one) is parts.full(one) is parts.cut(one, torch.ones(2)) is one
    assert parts.summed(one, one) is one
    model = torch.nn.Linear(2, 2)
    with parts.whole(model):
        assert not any(map(parts.is_part, model.parameters()))
