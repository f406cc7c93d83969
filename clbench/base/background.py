"""One piece of work beside the program's own: at most one at a time, and what went wrong in it is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

_OWN: set[int] = set()  # identities of the threads that are at a job


def is_own() -> bool:
    """Whether what asks is a job of a `Background`, in its thread."""
    return threading.get_ident() in _OWN


class Background:
    """A thread for one job after the other. It dies with its process, so that a job must bear being cut off."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self, job: Callable[[], None]) -> None:
        """Begin a job when the one before is done.

        Raises:
            BaseException: what the job before has raised.
        """
        self.wait()

        def work() -> None:
            _OWN.add(threading.get_ident())
            try:
                job()
            except BaseException as error:  # for whoever asks next
                self._error = error
            finally:
                _OWN.discard(threading.get_ident())

        self._thread = threading.Thread(target=work, name="clbench-background", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what a job has raised; do not wait for one that is still going on."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def settle(self) -> None:
        """Wait until nothing is going on, however it ends."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wait(self) -> None:
        """Wait until nothing is going on.

        Raises:
            BaseException: what the job has raised.
        """
        self.settle()
        self.check()
