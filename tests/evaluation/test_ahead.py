"""Tasks asked by several processes give what one gives; who dies, warns or is stopped leaves nothing wrong."""

import multiprocessing
import os
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import small
import torch

from clbench.evaluation import ahead, draft
from clbench.evaluation.ahead import Asked, ask_ahead
from clbench.evaluation.asking import ask
from clbench.evaluation.evaluator import Evaluator
from clbench.models import memory

LIMIT = 6
TASKS = ("own/word", "own/number", "own/stance", "own/text")


@pytest.fixture(autouse=True)
def two(monkeypatch):
    """Two threads, on which few records are worth a process."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(ahead, "EACH", 1)
    yield
    torch.set_num_threads(before)
    assert not multiprocessing.active_children()


@pytest.fixture
def asked(llama, tmp_path):
    """An evaluator, its model, and four tasks, the last of which is measured by its loss."""
    trainer = small.make_trainer(llama, max_answer_tokens=LIMIT)
    evaluator = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    tasks = []
    for name in TASKS:
        measure = "loss" if name == TASKS[-1] else "generate"
        task = SimpleNamespace(name=name, measure=measure, max_new_tokens=LIMIT, stop=())
        data: Any = SimpleNamespace(task=task, test=small.examples(5, task=name), foreign=False)
        tasks.append(Asked(data, draft.Draft(tmp_path / f"{name}.jsonl", writable=True), nullcontext))
    return SimpleNamespace(evaluator=evaluator, model=trainer.run.model, tasks=tasks, counts=[], settled=[])


def look(asked, on_batch=None):
    """All tasks, ahead."""
    return ask_ahead(
        asked.evaluator,
        asked.model,
        asked.tasks,
        settle=lambda: asked.settled.append(torch.get_num_threads()),
        on_batch=on_batch or asked.counts.append,
    )


def answers(asked):
    """What each task's draft says."""
    return {one.name: one.draft.read(len(one.data.test)) for one in asked.tasks[:-1]}


def test_drafts_say_what_one_process_answers(asked):
    found = look(asked)
    assert (found.names, sum(asked.counts), asked.settled) == (set(TASKS), 20, [2])
    assert (asked.evaluator.tokens, torch.get_num_threads(), list(asked.evaluator.wrote)) == (0, 2, ["greedy"])
    known = answers(asked)
    before = asked.evaluator.tokens
    for one in asked.tasks[:-1]:
        given = ask(asked.evaluator, asked.model, one.data, known=known[one.name])
        assert given == ask(asked.evaluator, asked.model, one.data)
        assert len({answer.text for answer in known[one.name].values()}) > 1
    assert asked.evaluator.tokens == before + 2 * sum(one.tokens for of in known.values() for one in of.values())
    loss = asked.evaluator.mean_loss(asked.model, asked.tasks[-1].data.test)
    assert found.losses == {TASKS[-1]: pytest.approx(loss, rel=1e-6)}


def test_two_processes_share_the_tasks(asked, monkeypatch, tmp_path):
    plain, here = ahead._ask, os.getpid()

    def noted(evaluator, model, one, on_batch):
        (tmp_path / f"{one.name.replace('/', '-')}.{'own' if os.getpid() == here else 'other'}").touch()
        plain(evaluator, model, one, on_batch)
        if os.getpid() == here:  # so that the other one finds a task that nobody has taken
            time.sleep(0.5)

    monkeypatch.setattr(ahead, "_ask", noted)
    assert look(asked).names == set(TASKS)
    done = [path.suffix for path in tmp_path.iterdir() if path.suffix in (".own", ".other")]
    assert (len(done), set(done)) == (4, {".own", ".other"})


def test_what_was_known_is_not_asked_again(asked, monkeypatch):
    look(asked)
    known = {name: (one, len(one)) for name, one in answers(asked).items()}
    monkeypatch.setattr(Evaluator, "generate", lambda *_, **__: pytest.fail("asked"))
    asked.counts.clear()
    look(asked)
    assert {name: (one, len(one)) for name, one in answers(asked).items()} == known
    assert sum(asked.counts) == 20


def test_a_process_that_dies_leaves_its_task_to_who_scores(asked, monkeypatch):
    plain, here = ahead._ask, os.getpid()

    def dies(evaluator, model, one, on_batch):
        if os.getpid() != here:
            os._exit(9)
        plain(evaluator, model, one, on_batch)

    monkeypatch.setattr(ahead, "_ask", dies)
    found = look(asked)
    assert found.names == set(TASKS)
    assert 0 < sum(map(len, answers(asked).values())) <= 15


def test_an_error_elsewhere_is_left_to_who_scores(asked, monkeypatch, capfd):
    plain, here = Evaluator.generate, os.getpid()

    def fails(self, *given, **more):
        if os.getpid() != here:
            raise ValueError("elsewhere")
        return plain(self, *given, **more)

    monkeypatch.setattr(Evaluator, "generate", fails)
    look(asked)
    assert capfd.readouterr() == ("", "")


def test_who_is_stopped_ends_the_others(asked):
    def stop(number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(asked, on_batch=stop)
    assert not multiprocessing.active_children()
    assert torch.get_num_threads() == 2


def test_warnings_and_engines_of_others_are_heard(asked, monkeypatch):
    plain, here, warned = ahead._ask, os.getpid(), []

    def warns(evaluator, model, one, on_batch):
        if os.getpid() != here:
            evaluator.warn("elsewhere")
            evaluator.engines.warn("engine")
            evaluator.wrote["other"] = None
        else:
            time.sleep(0.5)
        plain(evaluator, model, one, on_batch)

    asked.evaluator.warn = warned.append
    monkeypatch.setattr(ahead, "_ask", warns)
    look(asked)
    assert set(warned) == {"elsewhere", "engine"}
    assert {"other", "greedy"} <= set(asked.evaluator.wrote)


@pytest.mark.parametrize(
    ("threads", "tasks", "records", "free", "expected"),
    [
        (2, 4, 200, 2**34, 2),
        (1, 4, 200, 2**34, 1),
        (2, 1, 200, 2**34, 1),
        (2, 4, 1, 2**34, 1),
        (2, 4, 200, 2**28, 1),
        (8, 11, 800, 2**34, 8),
        (8, 5, 800, 2**34, 5),
        (8, 4, 800, 2**34, 1),
        (64, 11, 800, 2**34, 1),
    ],
)
def test_as_many_processes_as_help(asked, monkeypatch, threads, tasks, records, free, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(memory, "free", lambda device: free)
    assert ahead.processes(asked.evaluator, asked.model, tasks=tasks, records=records) == expected
    asked.evaluator.runtime = asked.evaluator.runtime.model_copy(update={"eval_processes": 1})
    assert ahead.processes(asked.evaluator, asked.model, tasks=tasks, records=records) == 1


@pytest.mark.parametrize("change", ["routes", "gpu", "several", "elsewhere", "not a module"])
def test_where_forking_is_no_help_one_process_asks(asked, monkeypatch, change):
    asker, model = asked.evaluator, asked.model
    assert ahead.processes(asker, model, tasks=4, records=200) == 2
    if change == "routes":
        asker.heads = False
    elif change == "gpu":
        asker.accelerator = SimpleNamespace(device=torch.device("cuda"), num_processes=1)
    elif change == "several":
        asker.accelerator = SimpleNamespace(device=torch.device("cpu"), num_processes=2)
    elif change == "elsewhere":
        monkeypatch.setattr(ahead, "can_fork", lambda: False)
    else:
        model = object()
    assert ahead.processes(asker, model, tasks=4, records=200) == 1


def test_drafts_that_cannot_be_written_are_not_begun(asked):
    asked.tasks = [Asked(one.data, draft.Draft(one.draft.path, writable=False), nullcontext) for one in asked.tasks]
    assert look(asked) == ahead.Ahead()
    assert asked.settled == []


@pytest.mark.parametrize("method", ["sequential", "frozen"])
def test_a_whole_run_is_as_one_process_makes_it(llama, tmp_path, home, monkeypatch, method):
    """Rows, predictions and what is counted; row 0 is kept for others, who ask nothing of it."""
    stream, told = small.write_stream(tmp_path / "stream", test=12), []
    monkeypatch.setattr("clbench.base.progress.Progress.advance", lambda self, number=1, **_: told.append(number))
    records = {}
    for name, processes in (("two", ahead.processes), ("one", lambda *_, **__: 1)):
        monkeypatch.setattr(ahead, "processes", processes)
        monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / name))
        told.clear()
        (outcome,) = small.run_stream(
            stream, method, model=llama, home=tmp_path / name, runtime={"share_base_row": True}
        )
        records[name] = outcome.record, sum(told)
    two, one = records["two"][0], records["one"][0]
    assert (two.scores, two.predictions, two.errors, two.warnings) == (
        one.scores,
        one.predictions,
        one.errors,
        one.warnings,
    )
    assert (two.costs.generated_tokens, records["two"][1]) == (one.costs.generated_tokens, records["one"][1])
    assert two.notes["engines"] == one.notes["engines"] == ["greedy"]
    kept = {path.name for path in (tmp_path / "two" / "rows").iterdir()}
    assert kept == {path.name for path in (tmp_path / "one" / "rows").iterdir()}
    assert len(kept) > 2
