"""What is checked: a method, its options, and its runs, each made once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench.plugins.registry import MethodChoice, Registry
    from clbench.testing.trial import Trial


class Failed(Exception):  # noqa: N818 (an outcome, as in unittest)
    """A property that does not hold; says why."""


class Skipped(Exception):  # noqa: N818
    """A property that was not looked at; says why."""


@dataclass
class Subject:
    """A method to check; its runs are made when they are asked for, and kept.

    Args:
        name: as `--plugin` takes it.
        options: by method name.
        identity: options with which it is plain fine-tuning, by method name; None: there are none.
        registry: that knows it.
    """

    name: str
    options: Mapping[str, Mapping[str, Any]]
    identity: Mapping[str, Mapping[str, Any]] | None
    registry: Registry
    trials: dict[str, Trial] = field(default_factory=dict)

    @cached_property
    def choice(self) -> MethodChoice:
        """The method or composition.

        Raises:
            ClbenchError: there is none.
        """
        return self.registry.composition(self.name)

    def trial(self, key: str = "base", **changes: Any) -> Trial:
        """A run; one that failed fails the property that asked for it.

        Raises:
            Skipped: the plain run had failed already.
        """
        from clbench.testing import trial

        if key not in self.trials:
            if key != "base":
                self.trial()
            options = changes.pop("options", self.options)
            self.trials[key] = trial.run(self.choice, options, registry=self.registry, **changes)
        done = self.trials[key]
        if done.error is not None and key == "base":
            raise Skipped("it needs a run, and the run failed")
        if done.error is not None:
            raise Failed(f"the run fails: {one_line(done.error)}") from done.error
        return done


@functools.cache
def plain() -> Trial:
    """The same run of plain fine-tuning; one for all methods that are checked in this process."""
    from clbench.plugins.registry import registry
    from clbench.testing import trial

    return trial.run(registry().composition("sequential"), {}, registry=registry())


def one_line(error: BaseException) -> str:
    """What went wrong, for a table."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
