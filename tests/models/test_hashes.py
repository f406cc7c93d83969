"""A hash is computed once, and never again told of a file that has changed."""

import json
import os
import time

import pytest
import small

from clbench.base import home as homes
from clbench.base.hashing import file_digest
from clbench.models import hashes


@pytest.fixture
def weights(tmp_path, home, monkeypatch):
    """A file that has not changed for a while, of which the smallest is worth it."""
    monkeypatch.setattr(hashes, "LEAST", 1)
    monkeypatch.setattr(hashes, "SETTLED", -1.0)  # a change of the clock's last tick is seen by ctime in these tests
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def counted(monkeypatch):
    """How often a file is read."""
    read = []

    def count(path):
        read.append(path)
        return file_digest(path)

    monkeypatch.setattr(hashes, "file_digest", count)
    return read


def settle():
    time.sleep(0.02)  # longer than a tick of the file system's clock


def test_a_file_is_read_once(weights, counted):
    assert hashes.known_digest(weights) == hashes.known_digest(weights) == file_digest(weights)
    assert len(counted) == 1


def replaced(path):
    path.with_suffix(".new").write_bytes(b"two")
    path.with_suffix(".new").replace(path)


def set_back(path):
    told = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


CHANGES = {
    "written": lambda path: path.write_bytes(b"two"),
    "longer": lambda path: path.write_bytes(b"one and more"),
    "replaced": replaced,
    "with its time set back": set_back,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_noticed(weights, change):
    before = hashes.known_digest(weights)
    settle()
    CHANGES[change](weights)
    assert hashes.known_digest(weights) == file_digest(weights) != before


def test_anew_reads_again_and_mends_what_was_wrong(weights, counted):
    right = hashes.known_digest(weights)
    (kept,) = homes.hashes_dir().glob("*.json")
    told = json.loads(kept.read_text())
    kept.write_text(json.dumps({**told, "sha256": "0" * 64}))
    assert hashes.known_digest(weights) == "0" * 64, "what is kept is believed"
    with hashes.anew():
        assert hashes.known_digest(weights) == right
    assert hashes.known_digest(weights) == right
    assert len(counted) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1}'])
def test_what_is_kept_and_damaged_is_no_matter(weights, content):
    right = hashes.known_digest(weights)
    (kept,) = homes.hashes_dir().glob("*.json")
    kept.write_text(content)
    assert hashes.known_digest(weights) == right


def test_a_file_that_has_just_changed_is_not_remembered(weights, counted, monkeypatch):
    monkeypatch.setattr(hashes, "SETTLED", 2.0)
    hashes.known_digest(weights)
    hashes.known_digest(weights)
    assert len(counted) == 2
    assert not homes.hashes_dir().exists()


def test_small_files_and_folders_that_cannot_be_written_are_no_matter(weights, counted, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(homes, "hashes_dir", lambda: tmp_path / "file" / "x")
    hashes.known_digest(weights)
    assert hashes.known_digest(weights) == file_digest(weights)
    monkeypatch.setattr(hashes, "LEAST", 100)
    monkeypatch.setattr(homes, "hashes_dir", lambda: pytest.fail("nothing is kept of small files"))
    hashes.known_digest(weights)


def test_who_verifies_and_who_begins_anew_reads_again(weights, llama, home, counted, tmp_path):
    from clbench.engine.session import prepare
    from clbench.plugins.registry import registry
    from clbench.verification.rederive import base_model

    stream, known = small.write_stream(tmp_path / "stream"), registry()

    def read(**changes):
        before = len(counted)
        (config,) = prepare(small.make_request(stream, "sequential", model=llama, home=home, **changes), known)
        return config.model, len(counted) - before

    ref, files = read()
    assert (read(), read(fresh=True)) == ((ref, 0), (ref, files))
    before = len(counted)
    assert base_model(str(llama), hash_=ref.hash) == ref
    assert len(counted) - before == files > 0
