"""An interrupted run, taken up again, ends as one that was never interrupted."""

import json
import os
import signal
import threading
import time

import pytest
import small
import torch
from probing import Outside, write_choice, write_generate

from clbench.base.errors import RecordError
from clbench.engine.proberequest import ProbeRequest
from clbench.engine.resume import stop_signal
from clbench.evaluation.evaluator import Evaluator
from clbench.methods.method import Footprint, Method
from clbench.methods.methodspec import MethodSpec
from clbench.runs.recordparts import NOT_REPEATABLE
from clbench.runs.saving import Checkpointer
from clbench.spec.protocol import Runtime


class Killed(BaseException):
    """What `kill -9` looks like from inside: nothing is tidied up."""


class Keeper(Method):
    """Carries state of every kind: tensors, numbers, texts, draws, a rehearsal, losses that depend on all of it."""

    def __init__(self, options=None):
        super().__init__(options)
        self.kept, self.sums, self.count = [], {}, 0

    def before_experience(self, run, experience):
        self.count += 100 * experience.index
        torch.rand(3)
        run.warn("begun")

    def training_data(self, run, experience, data):
        return [*data, *self.kept[:2]]

    def batch_data(self, run, batch):
        return [*batch, *run.rng("keeper", run.step).sample(self.kept, min(1, len(self.kept)))]

    def rehearsal_data(self, run, experience, data):
        return list(self.kept)

    def extra_loss(self, run, batch, output):
        return 1e-3 * output.logits.float().square().mean() * (1 + self.count % 7)

    def after_backward(self, run):
        for name, p in run.model.named_parameters():
            if name in self.sums:
                p.grad.add_(self.sums[name], alpha=1e-3)

    def after_step(self, run):
        self.count += 1
        for name, p in list(run.model.named_parameters())[:3]:
            self.sums[name] = 0.5 * self.sums.get(name, 0) + p.grad * torch.rand(()).item()

    def after_experience(self, run, experience, data):
        self.kept += list(data)[:3]
        run.note("keeper", {"count": self.count, "kept": len(self.kept)})

    def state_dict(self):
        kept = [[one.task, one.prompt, one.answer] for one in self.kept]
        return {"kept": kept, "sums": self.sums, "count": self.count}

    def load_state_dict(self, state):
        self.kept = [small.Example(*one) for one in state["kept"]]
        self.sums, self.count = {name: value.clone() for name, value in state["sums"].items()}, state["count"]

    def footprint(self):
        return Footprint(stored_examples=len(self.kept))


LAB = small.registry_with(MethodSpec("keeper", f"{__name__}:Keeper", "for a test"))


@pytest.fixture
def run(tmp_path, gpt2, home):
    """Runs a method on the small stream with a model that has dropout."""
    stream = small.write_stream(tmp_path / "stream", train=6, test=3)

    def run(method="keeper", *, home=home, **changes):
        runtime = {"eval_batch": 2, "checkpoint_steps": 3, **changes.pop("runtime", {})}
        (outcome,) = small.run_stream(stream, method, model=gpt2, home=home, lab=LAB, runtime=runtime, **changes)
        return outcome

    return run


def result(outcome):
    """All that two runs can be compared by."""
    record = outcome.record.model_dump(mode="json")
    for name in NOT_REPEATABLE:
        del record["costs"][name]
    del record["provenance"]["command"]
    root = outcome.run_dir.path / "predictions"
    files = {path.relative_to(root): path.read_bytes() for path in small.files_below(root)}
    return record, files, (outcome.run_dir.path / "matrix.json").read_bytes()


@pytest.fixture
def kill():
    """Kills the run at the n-th of its steps and evaluated batches; 0: never."""
    from clbench.engine.fixed import Fixed
    from clbench.engine.runner import Runner

    own = pytest.MonkeyPatch()

    def at(number):
        own.undo()
        left = [number]

        def count(function):
            def counted(self, *args):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                return function(self, *args)

            return counted

        for owner, name in ((Runner, "on_step"), (Fixed, "check_stop")):
            own.setattr(owner, name, count(getattr(owner, name)))

    yield at
    own.undo()


@pytest.mark.parametrize("method", ["keeper", "sequential", "single", "joint"])
def test_killed_again_and_again_it_ends_as_if_nothing_had_been(run, kill, home, tmp_path, monkeypatch, method):
    whole = run(method, home=tmp_path / "whole")
    deaths = 0
    for _ in range(30):
        kill(15)
        try:
            outcome = run(method)
            break
        except Killed:
            deaths += 1
    assert deaths > 1
    assert result(outcome) == result(whole)
    assert not (outcome.run_dir.path / "checkpoints").exists()
    assert not list(outcome.run_dir.path.rglob("*.part"))


def test_each_moment_is_a_good_moment_to_be_killed(run, kill, tmp_path):
    whole = run(home=tmp_path / "whole")
    for number in range(1, 56, 5):
        kill(number)
        with pytest.raises(Killed):
            run(home=tmp_path / str(number), runtime={"checkpoint_steps": 1})
        kill(0)
        assert result(run(home=tmp_path / str(number))) == result(whole)


class Dying(Outside):
    """Is killed while it asks, once."""

    dies = False

    def measure(self, model, tokenizer, *, batch_size, limit):
        found = super().measure(model, tokenizer, batch_size=batch_size, limit=limit)
        if self.dies:
            type(self).dies = False
            raise Killed
        return found


def test_killed_in_the_middle_of_probes_it_ends_as_if_nothing_had_been(tmp_path, gpt2, home, kill, monkeypatch):
    """Of choices, of written answers, and of another library; in the first row, between and in the last."""
    stream = small.write_stream(tmp_path / "stream", train=6, test=3, tasks=small.STREAM_TASKS[:2], epochs=1)
    quiz, say = write_choice(tmp_path / "quiz", size=7), write_generate(tmp_path / "say")
    probes = ProbeRequest((str(quiz), str(say), "outside:even", "text"), None, "every")
    lab = small.registry_with(observer=Dying().plugin())
    asked, likelihoods, generate = [], Evaluator._likelihoods, Evaluator.generate
    monkeypatch.setattr(Evaluator, "_likelihoods", lambda *a: asked.append("choice") or likelihoods(*a))
    monkeypatch.setattr(Evaluator, "generate", lambda *a, **b: asked.append("write") or generate(*a, **b))

    def go(name):
        runtime = {"eval_batch": 2, "checkpoint_steps": 3}
        where = tmp_path / name
        (found,) = small.run_stream(stream, model=gpt2, home=where, lab=lab, runtime=runtime, probes=probes)
        return found

    kill(10_000)
    whole = go("whole")
    once = asked.count("choice")
    assert once == 3 * 7  # seven questions in three rows, one by one: the protocol's lengths bound a batch
    for number in (7, 13, 23, 44):
        kill(number)
        asked.clear()
        with pytest.raises(Killed):
            go(str(number))
        kill(0)
        assert result(go(str(number))) == result(whole), number
        assert once <= asked.count("choice") <= once + 1, "what was answered is not asked again"
    Dying.dies = True
    with pytest.raises(Killed):
        go("outside")
    assert result(go("outside")) == result(whole)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(run, kill, tmp_path):
    whole = run(home=tmp_path / "whole")
    kill(30)
    with pytest.raises(Killed):
        run(runtime={"keep_checkpoints": True})
    (folder,) = tmp_path.glob("home/runs/*/checkpoints")
    last = sorted(folder.iterdir())[-1]
    assert len(list(folder.iterdir())) == 2
    (last / "tensors.safetensors").write_bytes((last / "tensors.safetensors").read_bytes()[:-1])
    kill(0)
    outcome = run()
    assert result(outcome) == result(whole)
    assert "is damaged" in (outcome.run_dir.path / "events.jsonl").read_text("utf-8")


def test_checkpoints_of_other_versions_are_refused(run, kill, monkeypatch):
    kill(12)
    with pytest.raises(Killed):
        run()
    kill(0)
    monkeypatch.setattr("clbench.runs.provenance._version", lambda package: "9.9")
    with pytest.raises(RecordError, match="another packages; run again with --fresh"):
        run()
    assert run(fresh=True).record.footprint.stored_examples == 9


@pytest.mark.parametrize("content", [None, "", '{"run": "own_kee', "[]", "[" * 100_000])
def test_a_run_goes_on_without_its_run_json(run, kill, tmp_path, content):
    whole = run(home=tmp_path / "whole")
    kill(12)
    with pytest.raises(Killed):
        run()
    kill(0)
    (path,) = tmp_path.glob("home/runs/*/run.json")
    path.unlink() if content is None else path.write_text(content)
    outcome = run()
    assert result(outcome) == result(whole)
    assert json.loads(path.read_text("utf-8"))["status"] == "finished"
    assert "written anew from the checkpoint" in (outcome.run_dir.path / "events.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-3] + b"x}\n")]
)
def test_predictions_that_changed_while_a_run_stood_still_are_found(run, kill, tmp_path, spoil):
    kill(12)
    with pytest.raises(Killed):
        run()
    kill(0)
    spoil(sorted(tmp_path.glob("home/runs/*/predictions/00/*.jsonl"))[0])
    with pytest.raises(RecordError, match=r"00/own--\w+\.jsonl: is missing, or not what this run wrote .*--fresh"):
        run()
    assert run(fresh=True).record.footprint.stored_examples == 9


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("left", ["draft", "checkpoint", "both"])
def test_what_a_kill_after_the_last_row_left_behind_goes_with_the_next_command(run, keep, left):
    first = run(runtime={"keep_checkpoints": left != "draft" or keep})
    folder = first.run_dir.path
    part = folder / "predictions" / "03" / "own-word.part"
    if left != "checkpoint":
        part.write_text("[]")
    first.run_dir.write_state(status="running")
    assert run(runtime={"keep_checkpoints": keep}).repeated
    assert not part.exists()
    assert (folder / "checkpoints").exists() == keep
    assert first.run_dir.state()["status"] == ("running" if keep and left == "checkpoint" else "finished")


def test_code_that_changed_between_kill_and_resume_is_named(run, kill, monkeypatch, capsys):
    kill(12)
    with pytest.raises(Killed):
        run()
    kill(0)
    monkeypatch.setattr("clbench.runs.provenance.code_hashes", lambda modules: dict.fromkeys(modules, "other"))
    with pytest.raises(RecordError, match=r"another code of clbench, code of clbench-lab; run again with --fresh"):
        run()


def test_a_finished_run_says_that_its_code_has_changed(run, monkeypatch):
    said = []
    monkeypatch.setattr("clbench.base.progress.Progress.say", lambda self, text: said.append(text))
    run()
    assert run().repeated
    assert not [text for text in said if "has changed" in text]
    monkeypatch.setattr("clbench.engine.carrying.code_now", lambda modules: dict.fromkeys(dict(modules), "other"))
    assert run().repeated
    assert [text for text in said if "the code of clbench, clbench-lab has changed since" in text]


def test_a_run_that_another_process_finished_in_the_meantime_is_not_begun_again(run, monkeypatch):
    first = run()
    record = first.run_dir.record_path
    kept = record.read_bytes()
    record.unlink()
    lock = type(first.run_dir).lock

    def late(self):
        record.write_bytes(kept)  # the other process ends between our look and our lock
        return lock(self)

    monkeypatch.setattr(type(first.run_dir), "lock", late)
    monkeypatch.setattr("clbench.engine.runner.execute", lambda *_, **__: pytest.fail("begun again"))
    assert run().record == first.record


def test_two_processes_cannot_be_at_one_run_and_the_second_waits(run, tmp_path):
    first = run()
    (first.run_dir.path / "record.json").unlink()
    found = []
    thread = threading.Thread(target=lambda: found.append(run()))
    with first.run_dir.lock():
        thread.start()
        time.sleep(0.6)
        assert not (first.run_dir.path / "record.json").exists(), "it waits"
    thread.join()
    assert found[0].record.scores == first.record.scores


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_remembered_and_a_second_one_acts(number):
    before = signal.getsignal(number)
    with stop_signal() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_signals_belong_to_the_main_thread():
    seen = []

    def elsewhere():
        with stop_signal() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [False]


def test_an_interrupt_saves_and_the_same_command_continues(run, tmp_path, monkeypatch):
    from clbench.engine.runner import Runner

    whole = run(home=tmp_path / "whole")
    on_step = Runner.on_step

    def interrupted(self, told):
        if told.step == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return on_step(self, told)

    monkeypatch.setattr(Runner, "on_step", interrupted)
    with pytest.raises(KeyboardInterrupt, match="the same command continues it"):
        run(runtime={"checkpoint_steps": 1000})
    monkeypatch.undo()
    (folder,) = tmp_path.glob("home/runs/*")
    assert json.loads((folder / "run.json").read_text("utf-8"))["status"] == "interrupted"
    outcome = run()
    assert result(outcome) == result(whole)
    assert "step 8" not in (folder / "events.jsonl").read_text("utf-8").partition("resumed")[0]


def test_time_between_checkpoints_grows_with_what_they_cost(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("clbench.runs.saving.time.monotonic", lambda: now[0])
    keeper = Checkpointer(tmp_path, identity={}, runtime=Runtime(checkpoint_seconds=60), writable=True)
    now[0] = 59.0
    assert not keeper.due(1)
    now[0] = 60.0
    assert keeper.due(1)
    monkeypatch.setattr("clbench.runs.checkpoint.write", lambda *_, **__: now.__setitem__(0, now[0] + 10))
    keeper.save({})
    keeper.wait()
    now[0] += 399
    assert not keeper.due(2)
    now[0] += 1
    assert keeper.due(2)
    assert Checkpointer(tmp_path, identity={}, runtime=Runtime(checkpoint_steps=4), writable=True).due(8)
