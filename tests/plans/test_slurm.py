"""Jobs of a cluster: what is submitted, what comes back, what becomes of them when nobody waits any more."""

from types import SimpleNamespace

import pytest

from clbench.base.errors import OptionError
from clbench.plans import slurm

pytest.importorskip("submitit")


def job(number, *, result=None, ended=True):
    def told():
        if isinstance(result, Exception):
            raise result
        return result

    return SimpleNamespace(job_id=str(number), done=lambda: ended, result=told)


@pytest.fixture
def launcher(monkeypatch):
    """A launcher whose cluster gives these jobs."""

    def launcher(*jobs):
        given = iter(jobs)
        cluster = SimpleNamespace(submit=lambda function, task: next(given))
        monkeypatch.setattr(slurm.SlurmLauncher, "_executor", lambda self: cluster)
        return slurm.of_text("")

    return launcher


def test_each_job_tells_what_was_wrong(launcher):
    lost = RuntimeError("a trace of many lines\nslurmstepd: error: out of memory")
    told = dict(launcher(job(1, result=""), job(2, result=lost)).finish(["one", "two"]))
    assert told == {"one": "", "two": "slurmstepd: error: out of memory"}


def test_who_stops_waiting_is_told_what_goes_on_and_how_to_end_it(launcher, monkeypatch):
    def stop(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(slurm.time, "sleep", stop)
    jobs = launcher(job(1, result=""), job(17, ended=False), job(18, ended=False)).finish(["one", "two", "three"])
    assert next(jobs) == ("one", "")
    with pytest.raises(KeyboardInterrupt, match=r"^jobs 17 18 go on in the cluster \(scancel 17 18\)"):
        next(jobs)


def test_what_is_asked_of_each_job_is_read(launcher):
    asked = slurm.of_text("slurm_partition=gpu,timeout_min=600").asked
    assert asked == {"slurm_partition": "gpu", "timeout_min": 600}
    with pytest.raises(OptionError, match="must be KEY=VALUE"):
        slurm.of_text("gpu")
