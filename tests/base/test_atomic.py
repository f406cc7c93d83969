"""Atomic writing: the old content or the new, never a part; one writer at a time."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from clbench.base import atomic
from clbench.base.errors import RecordError


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
        "import sys; from pathlib import Path; from clbench.base import atomic\n"
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
        "import sys; from pathlib import Path; from clbench.base import atomic\n"
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


# --- two hosts: `.owner` beside `.lock`, for file systems that keep locks on each host apart


def owner(folder, *, host="elsewhere", process=1, silent=0.0):
    """What a process of another host has left."""
    path = folder / ".owner"
    path.write_text(json.dumps({"host": host, "process": process}))
    age(path, silent)
    return path


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_an_owner_signs_while_it_holds_the_lock_and_only_then(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "SIGN_SECONDS", 0.02)
    with atomic.lock(tmp_path):
        path = tmp_path / ".owner"
        assert json.loads(path.read_text()) == {"host": socket.gethostname(), "process": os.getpid()}
        age(path, 1000)
        end = time.monotonic() + 10
        while time.time() - path.stat().st_mtime > 500:
            assert time.monotonic() < end, "no sign of life"
            time.sleep(0.01)
    assert names(tmp_path) == [".lock"]


def test_the_owner_on_another_host_is_respected_and_the_message_says_how_to_remove_it(tmp_path):
    path = owner(tmp_path, process=4711, silent=atomic.SILENT_SECONDS - 5)
    with pytest.raises(RecordError) as caught:
        atomic.lock(tmp_path, seconds=0, doing="at run x").__enter__()
    said = str(caught.value)
    assert said.startswith(f"{path}: process 4711 on host elsewhere is at run x; wait for it or stop it")
    assert "if it is gone, remove this file" in said
    assert "\n" not in said
    path.unlink()
    with atomic.lock(tmp_path, seconds=0):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": 3}', "\0\udc80"], ids=repr)
def test_an_owner_of_whom_nothing_is_known_is_respected(tmp_path, content):
    (tmp_path / ".owner").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(RecordError, match="another host's process may be writing here; remove this file"):
        atomic.lock(tmp_path, seconds=0).__enter__()
    assert names(tmp_path) == [".lock", ".owner"]


def test_an_owner_that_gives_no_sign_of_life_any_more_is_recovered_from(tmp_path):
    owner(tmp_path, silent=atomic.SILENT_SECONDS + 5)
    with atomic.lock(tmp_path, seconds=0):
        assert json.loads((tmp_path / ".owner").read_text())["process"] == os.getpid()
    assert names(tmp_path) == [".lock"]


@pytest.mark.parametrize("process", [os.getppid(), 2**22 + 1], ids=["alive", "dead"])
def test_an_owner_of_this_host_without_the_systems_lock_is_gone_whoever_has_its_number_now(tmp_path, process):
    owner(tmp_path, host=socket.gethostname(), process=process)
    with atomic.lock(tmp_path, seconds=0):
        pass
    assert names(tmp_path) == [".lock"]


def test_another_hosts_owner_is_waited_for(tmp_path):
    path = owner(tmp_path)
    timer = threading.Timer(0.5, path.unlink)
    timer.start()
    began = time.monotonic()
    with atomic.lock(tmp_path, seconds=30):
        assert 0.3 < time.monotonic() - began < 20
    timer.join()


def test_who_was_taken_for_dead_leaves_the_new_owner_alone(tmp_path):
    with atomic.lock(tmp_path):
        owner(tmp_path, host="successor")
    assert json.loads((tmp_path / ".owner").read_text())["host"] == "successor"


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", _disk_full)
    owner(tmp_path)
    with pytest.raises(RecordError, match="on host elsewhere"):
        atomic.lock(tmp_path, seconds=0).__enter__()
    (tmp_path / ".owner").unlink()
    with atomic.lock(tmp_path, seconds=0):
        assert names(tmp_path) == [".lock", ".owner"]


def test_a_folder_in_which_no_owner_can_sign_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.base.atomic.tempfile.mkstemp", lambda **_: _disk_full())
    with pytest.raises(RecordError, match=r"\.owner: cannot be written \(No space left on device\)"):
        atomic.lock(tmp_path).__enter__()


# --- what killed writers leave


DEAD = """
import os, sys
from pathlib import Path
from clbench.base import atomic
os.fsync = lambda *_: os.kill(os.getpid(), 9)
atomic.write_text(Path(sys.argv[1]), "new")
"""


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path, process_env):
    path = tmp_path / "board.md"
    atomic.write_text(path, "old")
    assert subprocess.run([sys.executable, "-c", DEAD, str(path)], env=process_env()).returncode == -9
    (left,) = tmp_path.glob(".*.tmp")
    assert left.name.startswith(".board.md.")
    atomic.write_text(tmp_path / "other.json", "any file of the folder will do")
    assert names(tmp_path) == ["board.md", "other.json"]
    assert path.read_text() == "old"


def test_temporary_files_that_may_still_be_written_and_files_that_are_not_ours_stay(tmp_path):
    here = atomic._machine()
    stay = [
        f".a.md.{here}-{os.getpid()}.abcdefgh.tmp",
        f".a.md.00000000-{2**22 + 1}.abcdefgh.tmp",  # another host's
        ".a.md.abcdefgh.tmp",  # nobody's, and young
        ".mine.tmp",
        "a.md.abcdefgh.tmp",
    ]
    old = [f".a.md.{here}-{os.getpid()}.bbbbbbbb.tmp", ".a.md.00000000-2.bbbbbbbb.tmp", ".b.bbbbbbbb.tmp"]
    gone = [f".a.md.{here}-{2**22 + 1}.abcdefgh.tmp", f".a.md.{here}-{10**30}.abcdefgh.tmp"]
    for name in (*stay, *old, *gone):
        (tmp_path / name).write_text("")
    for name in (*old, ".mine.tmp", "a.md.abcdefgh.tmp"):
        age(tmp_path / name, atomic.OLD_SECONDS + 60)
    atomic.drop_temporary(tmp_path)
    assert names(tmp_path) == sorted(stay)


def test_writers_at_once_leave_each_others_temporary_files_alone(tmp_path, process_env):
    code = (
        "import sys; from pathlib import Path; from clbench.base import atomic\n"
        "for n in range(60): atomic.write_text(Path(sys.argv[1]), str(n))"
    )
    arguments = [[sys.executable, "-c", code, str(tmp_path / f"{n % 2}.txt")] for n in range(4)]
    writers = [subprocess.Popen(one, env=process_env()) for one in arguments]
    assert [one.wait() for one in writers] == [0] * 4
    assert names(tmp_path) == ["0.txt", "1.txt"]
