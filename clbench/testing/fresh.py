"""A finished run judged by a process in which no method was ever loaded: scores, files, and answers of its weights.

The process is forked from a server that was started anew with nothing but clbench in it, so that a method that changed
what decodes, scores or writes in its own process has changed nothing there. Its weights are asked again by the base
model's code; where the method changes the model they cannot be, and only files and the base model's answers are judged.
"""

from __future__ import annotations

import multiprocessing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.testing.subject import Failed

if TYPE_CHECKING:
    from clbench.testing.subject import Subject

Judgement = tuple[str, str, str]
PRELOADED = ("clbench.verification.again", "clbench.evaluation.evaluator", "transformers.models.llama.modeling_llama")
SECONDS = 300  # until an answer; a busy machine is no fault


def answers(subject: Subject) -> None:
    """In a process without it, the record fits its files, and the measured weights give its answers."""
    done = subject.trial("judged", judge=True)
    wrong = [f"{name}: {detail}" for name, outcome, detail in done.judged if outcome == "wrong"]
    if wrong:
        raise Failed("; ".join(wrong))


def judge(home: Path, stream: Path, model: Path) -> list[Judgement]:
    """Check the one run below a folder.

    Args:
        home: with its runs and boards.
        stream: file.
        model: folder of the base model.
    """
    context = _server()
    near, far = context.Pipe(duplex=False)
    child = context.Process(target=_judge, args=(far, str(home), str(stream), str(model)), daemon=True)
    child.start()
    far.close()
    try:
        found = near.recv() if near.poll(SECONDS) else [("process", "wrong", f"no answer in {SECONDS} s")]
    except EOFError:
        found = [("process", "wrong", f"it ended with exit code {child.exitcode}")]
    child.join(SECONDS)
    return found


@cache
def _server() -> Any:
    """One server for all methods that are checked in this process; it is made from a new interpreter."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    return context


def _judge(pipe: Any, home: str, stream: str, model: str) -> None:
    """In the other process."""
    import torch

    from clbench.plugins.manager import load_plugins
    from clbench.plugins.registry import Registry
    from clbench.runs.rundir import list_runs
    from clbench.verification.origins import Origins
    from clbench.verification.rederive import Rederived
    from clbench.verification.verify import checks, finished, verify

    torch.set_num_threads(1)
    (run_dir,) = list_runs(Path(home) / "runs")
    origins = Origins(finished(run_dir), Registry(load_plugins(only=())), stream=Path(stream))
    found = verify(run_dir, origins=origins, leaderboards=Path(home) / "leaderboards")
    found += checks(Rederived(run_dir, origins, model).steps())
    pipe.send([(one.name, one.outcome, one.detail) for one in found])
