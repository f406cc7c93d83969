"""Where a result comes from, and nothing that is nobody's business."""

import json
import platform
import subprocess
from datetime import UTC, datetime

from clbench import __version__
from clbench.runs import provenance


def today():
    return f"{datetime.now(UTC):%Y-%m-%d}"


def test_versions_machine_and_command_are_said():
    before = today()
    found = provenance.collect(
        command=("clbench", "run", "--seed", "3"), modules={"clbench-nowhere": "clbench_nowhere"}
    )
    assert before <= found["date"] <= today()
    assert found["clbench"] == __version__
    assert found["python"] == platform.python_version()
    assert found["packages"].keys() >= {"torch", "transformers", "accelerate", "tokenizers"}
    assert found["packages"]["clbench-nowhere"] == "not installed"
    assert found["command"] == ["clbench", "run", "--seed", "3"]
    assert json.loads(json.dumps(found)) == found


def test_neither_environment_nor_names_of_people_and_machines_get_in(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret123")
    monkeypatch.setenv("USER", "jane-doe-42")
    monkeypatch.setenv("HOME", "/home/jane-doe-42")
    text = json.dumps(provenance.collect())
    assert "hf_secret123" not in text
    assert "jane-doe-42" not in text
    assert platform.node() not in text or len(platform.node()) < 4


def test_a_checkout_has_its_commit_and_says_when_files_differ(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    assert provenance._commit(tmp_path) is None
    git("init")
    assert provenance._commit(tmp_path) is None, "a checkout without any commit"
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    head = (tmp_path / ".git" / "HEAD").read_text().removeprefix("ref: ").strip()
    commit = (tmp_path / ".git" / head).read_text().strip()
    assert provenance._commit(tmp_path) == commit
    (tmp_path / "untracked").touch()
    assert provenance._commit(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert provenance._commit(tmp_path) == f"{commit}+changes"


def test_no_git_is_no_crash(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert provenance._commit(tmp_path) is None


def test_what_rounding_depends_on_is_told_where_it_is_another():
    one, two = {"cpu_capability": "AVX2", "threads": 1}, {"cpu_capability": "AVX2", "threads": 2}
    begun = {"arithmetic": one}
    assert provenance.taken_up(begun, arithmetic=one) == (begun, "")
    other, said = provenance.taken_up(begun, arithmetic=two)
    assert other == {"arithmetic": one, "taken_up_with": [two]}
    assert said.startswith("begun with cpu_capability AVX2, threads 1, taken up with cpu_capability AVX2, threads 2: ")
    assert provenance.taken_up(other, arithmetic=two)[0] == other, "once"
