"""Atomic writing: the old content or the new, never a part; one writer at a time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clbench import atomic
from clbench.errors import RecordError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_new_content_replaces_old_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "folder" / "file.md"
    for text in ("old\n", "neu – 新\r\n"):
        atomic.write_text(path, text)
        assert path.read_bytes() == text.encode()
    assert names(path.parent) == ["file.md"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
def test_failure_at_any_point_leaves_the_old_content(tmp_path, monkeypatch, broken):
    path = tmp_path / "file.md"
    atomic.write_text(path, "old")
    text = "new"
    if broken == "write":
        text = "half a pair \ud800"
    elif broken == "fsync":
        monkeypatch.setattr(os, "fsync", _disk_full)
    else:
        monkeypatch.setattr(Path, "replace", _disk_full)
    with pytest.raises(RecordError, match=r"file\.md: cannot be written"):
        atomic.write_text(path, text)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.md"]


def _disk_full(*_):
    raise OSError(28, "No space left on device")


def test_interrupted_writing_leaves_the_old_content(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    path = tmp_path / "file.md"
    atomic.write_text(path, "old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(path, "new")
    assert (path.read_text(), names(tmp_path)) == ("old", ["file.md"])


def test_a_reader_never_sees_a_part(tmp_path, process_env):
    path = tmp_path / "file.json"
    code = (
        "import sys; from pathlib import Path; from clbench import atomic\n"
        "for n in range(100): atomic.write_json(Path(sys.argv[1]), [n] * 5000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], env=process_env())
    seen = set()
    while writer.poll() is None:
        if path.is_file():
            values = json.loads(path.read_text())
            assert len(values) == 5000
            assert len(set(values)) == 1
            seen.add(values[0])
    assert writer.returncode == 0
    assert len(seen) > 3


def test_nan_is_refused_before_the_file_is_touched(tmp_path):
    path = tmp_path / "file.json"
    atomic.write_json(path, {"a": "é"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(path, {"a": float("nan")})
    assert path.read_text(encoding="utf-8") == '{\n "a": "é"\n}\n'


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: atomic.write_text(folder / "file", "text"),
        lambda folder: atomic.check_writable(folder, option="--runs-dir"),
        lambda folder: atomic.lock(folder).__enter__(),
    ],
    ids=["write_text", "check_writable", "lock"],
)
def test_folder_that_cannot_be_written_is_one_error(tmp_path, write):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        write(tmp_path / "file" / "folder")


def test_unwritable_folder_names_the_option_that_mends_it(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="choose another folder by --runs-dir"):
        atomic.check_writable(tmp_path / "file", option="--runs-dir")
    atomic.check_writable(tmp_path / "new", option="--runs-dir")
    assert names(tmp_path / "new") == []


def test_lock_is_for_one_process_at_a_time(tmp_path, process_env):
    code = (
        "import sys; from pathlib import Path; from clbench import atomic\n"
        "with atomic.lock(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=process_env(),
    )
    with other:
        assert other.stdout.readline() == b"in\n"
        began = time.monotonic()
        with pytest.raises(RecordError, match=r"another process is at it \(waited 0\.2 s\)"):
            atomic.lock(tmp_path, seconds=0.2, doing="at it").__enter__()
        assert time.monotonic() - began >= 0.2
        other.kill()  # the lock dies with its process
    with atomic.lock(tmp_path):
        pass


def test_error_inside_the_lock_is_its_own(tmp_path):
    with pytest.raises(TimeoutError, match="of the body"), atomic.lock(tmp_path):
        raise TimeoutError("of the body")
    with atomic.lock(tmp_path):
        pass
