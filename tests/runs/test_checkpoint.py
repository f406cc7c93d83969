"""Checkpoints: what goes in comes out, and what is damaged is found."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from clbench.base.errors import RecordError
from clbench.base.hashing import digest, file_digest
from clbench.runs import checkpoint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)
STATE = {"b/c": torch.arange(3), "b": {"c": torch.ones(2, 2, dtype=torch.bfloat16)}, 7: [torch.tensor(True), (1, "é")]}


def same(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(JSON)
def test_json_values_survive(value):
    tensors = {}
    text = json.dumps(checkpoint.pack({"x": value}, tensors))
    assert same(checkpoint.unpack(json.loads(text), tensors), {"x": value})


def test_tensors_survive_in_any_place(tmp_path):
    for _ in range(3):
        checkpoint.save(tmp_path, STATE, identity={"run": "a"})
    assert same(checkpoint.load(tmp_path, identity={"run": "a"}, say=print), STATE)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["000002", "000003"]


def test_tensors_begin_where_new_ones_do(tmp_path):
    """Products of matrices round by where their numbers begin in memory, so that a run that goes on would differ."""
    state = {f"{number}": torch.randn(number) for number in (1, 3, 5, 7, 9)}
    checkpoint.save(tmp_path, state, identity={})
    loaded = checkpoint.load(tmp_path, identity={}, say=print)
    assert {loaded[name].data_ptr() % 64 for name in state} == {0}


def test_what_is_no_state_is_named(tmp_path):
    with pytest.raises(TypeError, match="state /method/0: set is neither a tensor nor a JSON value"):
        checkpoint.save(tmp_path, {"method": [{1}]}, identity={})
    assert checkpoint.load(tmp_path, identity={}, say=print) is None


@settings(max_examples=60)
@given(st.data())
def test_damage_anywhere_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage")
    checkpoint.save(folder, {"x": torch.zeros(2)}, identity={})
    path = checkpoint.save(folder, {"x": torch.ones(2)}, identity={})
    file = path / data.draw(st.sampled_from(["state.json", "tensors.safetensors"]))
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        file.write_bytes(content[:place])
    else:
        file.write_bytes(
            content[:place] + bytes([content[place] ^ data.draw(st.integers(1, 255))]) + content[place + 1 :]
        )
    said = []
    assert torch.equal(checkpoint.load(folder, identity={}, say=said.append)["x"], torch.zeros(2))
    assert len(said) == 1


def test_drafts_are_no_checkpoints(tmp_path):
    checkpoint.save(tmp_path, {"x": 1}, identity={})
    (tmp_path / ".draft-77").mkdir()
    (tmp_path / "000009").mkdir()  # a folder that a copying tool left empty
    said = []
    assert checkpoint.load(tmp_path, identity={}, say=said.append) == {"x": 1}
    assert len(said) == 1


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, {"x": 1}, identity={})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clbench.runs.tensorfile.write", full)
    with pytest.raises(RecordError, match=r"cannot be written .*No space left on device"):
        checkpoint.save(tmp_path, {"x": 2}, identity={})
    assert checkpoint.load(tmp_path, identity={}, say=print) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]


def test_what_is_not_wanted_any_more_leaves_nothing(tmp_path):
    checkpoint.save(tmp_path, {"x": 1}, identity={})
    checkpoint.write(tmp_path, checkpoint.packed({"x": 2}), identity={}, wanted=lambda: False)
    assert checkpoint.load(tmp_path, identity={}, say=print) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]


def test_a_checkpoint_that_the_library_wrote_is_read(tmp_path):
    """Runs from before files were written tensor by tensor."""
    path = checkpoint.save(tmp_path, STATE, identity={})
    save_file(load_file(path / "tensors.safetensors"), path / "tensors.safetensors")
    content = json.loads((path / "state.json").read_text("utf-8"))
    content["tensors"] = file_digest(path / "tensors.safetensors")
    del content["sha256"]
    (path / "state.json").write_text(json.dumps({"sha256": digest(content), **content}))
    assert same(checkpoint.load(tmp_path, identity={}, say=print), STATE)


def test_drafts_of_killed_writers_go(tmp_path):
    checkpoint.save(tmp_path, {"x": 1}, identity={})
    (tmp_path / ".draft-77/a").mkdir(parents=True)
    checkpoint.drop_drafts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]


def test_another_identity_is_refused(tmp_path):
    checkpoint.save(tmp_path, {"x": 1}, identity={"run": "a", "packages": {"torch": "1"}})
    with pytest.raises(RecordError, match="was written with another packages; run again with --fresh"):
        checkpoint.load(tmp_path, identity={"run": "a", "packages": {"torch": "2"}}, say=print)
