"""Finding a task and loading its data before a run begins: what is wrong with it is said now, in one line."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from clbench.base.errors import ClbenchError, DataError, OptionError, PluginError, UnknownNameError
from clbench_lm_eval.code import refuse
from clbench_lm_eval.guard import SEEDS, own_randomness, quiet
from clbench_lm_eval.metric import Metric, choose, weighs_tasks_alike
from clbench_lm_eval.names import FOLDERS, Asked, own_folders, parse
from clbench_lm_eval.probe import LmEvalProbe

log = logging.getLogger(__name__)


def load(text: str) -> LmEvalProbe:
    """A probe, ready to be asked.

    Args:
        text: as `names.parse` takes it.

    Raises:
        ClbenchError: no such task, file, metric or data; or lm-eval does not work.
    """
    return _load(text, own_folders())


@functools.lru_cache(maxsize=16)
def _load(text: str, folders: tuple[Path, ...]) -> LmEvalProbe:
    asked = parse(text)
    with quiet(), own_randomness():
        _import(asked)
        found = _tasks(asked, folders)
        tasks, groups = found["tasks"], found.get("groups", {})
        _refuse(tasks, asked)
        metric = choose(tasks, asked)
        name = next(iter(groups or tasks)) if asked.is_file else asked.task  # a group comes before those in it
        probe = _probe(asked, name, tasks, metric)
    if name in groups and weighs_tasks_alike(groups[name], metric):
        log.warning(
            "%s: lm-eval's own number weighs all tasks of this group alike; the probe's is the mean over all questions",
            asked.option,
        )
    return probe


def _probe(asked: Asked, name: str, tasks: Mapping[str, Any], metric: Metric) -> LmEvalProbe:
    for task in tasks.values():
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=SEEDS["shots"])
    try:
        return LmEvalProbe(asked, name, tasks, metric)
    except Exception as error:
        raise DataError(f"{asked.option}: lm-eval cannot make the task's prompts: {one_line(error)}") from error


def _import(asked: Asked) -> None:
    try:
        import lm_eval.evaluator
        import lm_eval.models.huggingface
        import lm_eval.tasks  # noqa: F401
    except Exception as error:  # a broken dependency may raise anything
        line = one_line(error)
        raise PluginError(
            f"{asked.option}: lm-eval cannot be imported: {line}; install lm-eval 0.4.13 or later"
        ) from error


def _tasks(asked: Asked, folders: tuple[Path, ...]) -> dict[str, Any]:
    """What lm-eval's task manager gives: `tasks` and, for a group, `groups` by name."""
    try:
        manager, spec = _found(asked, folders)
        found = manager.load([spec])
    except ClbenchError:
        raise
    except Exception as error:  # whatever `datasets`, the network or a task's own code raise
        raise DataError(
            f"{asked.option}: lm-eval cannot load the task or its data: {one_line(error)}; "
            "its data must be reachable, or in the cache of `datasets`"
        ) from error
    if not found["tasks"]:
        raise DataError(f"{asked.option}: is a group without tasks")
    return found


def _found(asked: Asked, folders: tuple[Path, ...]) -> tuple[Any, str]:
    """A task manager, and what it calls the task."""
    if not asked.is_file:
        refuse(asked, (path for folder in folders for path in folder.rglob("*.y*ml")))
        manager = _manager(folders)
        if asked.task not in manager.task_index:
            raise UnknownNameError(f"{asked.option}: lm-eval has no task {asked.task!r}{_nearest(asked.task, manager)}")
        return manager, asked.task
    path = Path(asked.task)
    refuse(asked, [path])
    if not re.search(r"^group\s*:", path.read_text(encoding="utf-8"), re.MULTILINE):
        return _manager(folders, defaults=False), asked.task
    refuse(asked, (one for folder in (*folders, path.parent) for one in folder.rglob("*.y*ml")))
    manager = _manager((*folders, path.parent))  # a group's tasks stand beside it, or are lm-eval's
    names = [name for name, entry in manager.task_index.items() if entry.yaml_path == path]
    if not names:
        raise DataError(f"{asked.option}: lm-eval cannot read this group, or there is another of its name beside it")
    return manager, names[0]


@functools.lru_cache(maxsize=4)
def _manager(folders: tuple[Path, ...], *, defaults: bool = True) -> Any:
    """Reading lm-eval's 14,000 task files takes some 20 s."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=list(folders) or None, include_defaults=defaults)


def _nearest(name: str, manager: Any) -> str:
    close = get_close_matches(name.casefold(), manager.all_tasks, n=3, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(map(repr, close)) + "?"
    return f"; `lm-eval ls tasks` lists them, and {FOLDERS} names folders of your own"


def _refuse(tasks: Mapping[str, Any], asked: Asked) -> None:
    for name, task in tasks.items():
        if getattr(task, "UNSAFE_CODE", False):
            raise OptionError(
                f"{asked.option}: {name} runs code that the model writes, which clbench does not let lm-eval do"
            )
        if getattr(task, "MULTIMODAL", False):
            raise OptionError(f"{asked.option}: {name} asks about pictures or sounds")


def one_line(error: BaseException) -> str:
    """`ConnectionError: Couldn't reach the Hub`."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
