"""The process as it was: whatever a call changes of what is global is put back, however the call ends."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from clbench.base.quiet import TALKATIVE, quiet

Undo = Callable[[], object]


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """Random states, torch's settings, logging, warnings, environment, arguments and signal handlers stay.

    Inside, torch computes as in a process of its own: with its default type, and with nobody's accelerator.
    """
    undo: list[Undo] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # of bars that are not shown
        try:
            for keep in (_process, _logging, _random, _torch, _accelerate, _libraries):
                undo.extend(keep())
            yield
        finally:
            for one in reversed(undo):
                one()


def _process() -> Iterator[Undo]:
    environment, arguments, folder = dict(os.environ), list(sys.argv), os.getcwd()  # noqa: PTH109

    def restore() -> None:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in environment.items() if os.environ.get(name) != value})
        sys.argv[:] = arguments
        with contextlib.suppress(OSError):
            os.chdir(folder)

    yield restore
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield lambda: [signal.signal(number, handler) for number, handler in handlers.items() if handler is not None]


def _logging() -> Iterator[Undo]:
    """Levels and handlers of the loggers that there are; new ones are nobody's yet."""
    for name in TALKATIVE:
        logging.getLogger(name)
    known = [logging.getLogger(), *(one for one in logging.Logger.manager.loggerDict.values() if _is_logger(one))]
    for one in known:
        assert isinstance(one, logging.Logger)
        state = one.level, one.propagate, one.disabled, list(one.handlers)
        yield lambda one=one, state=state: _set_logger(one, *state)
    disabled = logging.root.manager.disable
    yield lambda: logging.disable(disabled)
    quiet()


def _is_logger(one: object) -> bool:
    return isinstance(one, logging.Logger)


def _set_logger(
    one: logging.Logger, level: int, propagate: bool, disabled: bool, handlers: list[logging.Handler]
) -> None:
    if one.level != level:
        one.setLevel(level)
    one.propagate, one.disabled, one.handlers[:] = propagate, disabled, handlers


def _random() -> Iterator[Undo]:
    state = random.getstate()
    yield lambda: random.setstate(state)
    if "numpy" in sys.modules:
        import numpy as np

        numbers = np.random.get_state()
        yield lambda: np.random.set_state(numbers)


def _torch() -> Iterator[Undo]:
    import torch

    state, threads, kind = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    strict, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    precision, gradients = torch.get_float32_matmul_precision(), torch.is_grad_enabled()
    yield lambda: torch.set_rng_state(state)
    yield lambda: torch.set_num_threads(threads)
    yield lambda: torch.set_default_dtype(kind)
    yield lambda: torch.use_deterministic_algorithms(strict, warn_only=warned)
    yield lambda: torch.set_float32_matmul_precision(precision)
    yield lambda: torch.set_grad_enabled(gradients)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = torch.cuda.get_rng_state_all()
        yield lambda: torch.cuda.set_rng_state_all(devices)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


def _accelerate() -> Iterator[Undo]:
    """Its state is one for the whole process; a caller's mixed precision is not the run's."""
    from accelerate.state import AcceleratorState, GradientState, PartialState

    if PartialState._shared_state.get("num_processes", 1) > 1:  # of a launcher, which the run belongs to
        return
    for one in (AcceleratorState, GradientState, PartialState):
        yield _put_back(one._shared_state)
        one._shared_state.clear()


def _put_back(state: dict[str, Any]) -> Undo:
    kept = dict(state)

    def restore() -> None:
        state.clear()
        state.update(kept)

    return restore


def _libraries() -> Iterator[Undo]:
    """Progress bars of libraries, which are ours to show."""
    from transformers.utils import logging as library

    if library.is_progress_bar_enabled():
        yield library.enable_progress_bar
    if "datasets" in sys.modules:
        import datasets

        if datasets.are_progress_bars_disabled():
            yield datasets.disable_progress_bars
        else:
            yield datasets.enable_progress_bars
    library.disable_progress_bar()
