"""`clbench check`: a table of properties, and an exit code."""

import pytest


@pytest.fixture(autouse=True)
def _own_folders(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_good_method(call, home, tmp_path):
    found = call("check", "frozen", "--json").json
    assert found["method"] == "frozen"
    status = {one["name"]: (one["status"], one["reason"]) for one in found["properties"]}
    assert status.pop("identity") == ("skipped", "no setting was given with which it is plain fine-tuning")
    assert status.pop("accumulates") == ("skipped", "it trains nothing")
    assert set(status.values()) == {("passed", "")}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]  # neither here nor at home


def test_a_bad_method(call, installed):
    installed("clbench-hostile")
    done = call("check", "hostile-draws", "--property", "randomness", "--property", "loads")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if "failed" in line and "randomness" in line]
    assert "after_step moves Python's global generator" in line
    assert done.out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_method_on_other_architectures(call):
    asked = ("check", "sequential", "--architecture", "gpt2", "--architecture", "RWKV")
    wanted = [{"family": name, "status": "works", "reason": ""} for name in ("GPT-2", "RWKV")]
    assert call(*asked, "--json").json == {"method": "sequential", "architectures": wanted}
    assert call(*asked[:4]).out.split()[-2:] == ["GPT-2", "works"]


def test_debug_shows_where_a_method_fails(run_cli, install, tmp_path):
    site = {"PYTHONPATH": str(install(tmp_path / "site", "clbench-hostile"))}
    asked = ("check", "hostile-past", "--property", "learns", "--property", "no-peeking", "--quiet")
    plain, told = run_cli(*asked, env=site), run_cli("--debug", *asked, env=site)
    assert (plain.returncode, told.returncode) == (1, 1)
    assert plain.stderr == ""
    assert told.stderr.count("Traceback") == 1
    assert "clbench_hostile/method.py" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sequentiel",), "no method 'sequentiel'; did you mean 'sequential'?"),
        (("sequential+sequential",), "stands twice"),
        (("sequential", "-o", "sequential.x=1"), "-o sequential.x"),
        (("sequential", "--property", "resume"), "no property 'resume'; did you mean 'resumes'?"),
        (("sequential", "--identity", "x"), "--identity 'x': must be of the form NAME.key=value"),
        (("sequential", "--architecture", "lama"), "no architecture 'lama'; did you mean 'Llama'"),
        (("sequential", "--architecture", "gpt2", "--property", "learns"), "leave out --property and --identity"),
    ],
)
def test_wrong_arguments(call, arguments, message):
    done = call("check", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
