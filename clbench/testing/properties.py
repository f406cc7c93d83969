"""The properties of a conforming method: each a function that returns, or says what is wrong."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clbench.errors import ClbenchError, OptionError, PluginError
from clbench.testing import world

if TYPE_CHECKING:
    from clbench.registry import MethodChoice, Registry
    from clbench.testing.trial import Trial

TOLERANCE = 0.05  # of an update's length, between two ways to cut a batch: rounding turns over choices that are close
HEAVY = ("torch", "transformers", "accelerate", "datasets", "peft", "avalanche", "tensorflow", "jax")
_REGISTER = f"""
import sys
from clbench.registry import registry
registry().composition(sys.argv[1])
print(*[name for name in {HEAVY} if name in sys.modules])
"""


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
            raise Failed(f"the run fails: {_line(done.error)}")
        return done

    def plain(self) -> Trial:
        """The same run of plain fine-tuning."""
        from clbench.testing import trial

        if "plain" not in self.trials:
            choice = self.registry.composition("sequential")
            self.trials["plain"] = trial.run(choice, {}, registry=self.registry)
        return self.trials["plain"]


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _no_faults(subject: Subject, name: str) -> None:
    faults = subject.trial().sight.faults.get(name, [])
    if faults:
        raise Failed("; ".join(faults[:3]))


# --- without a run


def loads(subject: Subject) -> None:
    """Its plugin loads strictly: a good name that nobody else claims, a Method class, a summary."""
    try:
        choice = subject.choice
    except PluginError as error:
        raise Failed(str(error)) from error
    for entry in choice.entries:
        if entry.plugin.status != "ok":
            raise Failed(f"plugin {entry.plugin.label} is {entry.plugin.status}: {entry.plugin.error}")
        if reason := entry.spec.problem():
            raise Failed(reason)
        if not entry.spec.summary.strip():
            raise Failed(f"method {entry.spec.name!r} has no summary")
        try:
            entry.spec.load()
        except PluginError as error:
            raise Failed(str(error)) from error


def light(subject: Subject) -> None:
    """Registering it imports no torch, nor anything else that takes seconds."""
    known = {entry.plugin.name for entry in subject.choice.entries}
    installed = {record.name for record in subject.registry.plugins.records.values()}
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "CLBENCH_DISABLE_PLUGINS": ",".join(sorted(installed - known)),
        "CLBENCH_STRICT_PLUGINS": "1",
    }
    arguments = [sys.executable, "-c", _REGISTER, subject.name]
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        arguments, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise Failed(f"a new process cannot register it: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
    if done.stdout.strip():
        raise Failed(f"registering it imports {', '.join(done.stdout.split())}")


def options(subject: Subject) -> None:
    """Its options survive a round trip through JSON, and unknown keys are refused."""
    for entry in subject.choice.entries:
        given = dict(subject.options.get(entry.spec.name, {}))
        made = entry.spec.create(given).options
        dumped = json.loads(json.dumps(made.model_dump(mode="json"), allow_nan=False))
        if type(made).model_validate(dumped) != made:
            raise Failed(f"{entry.spec.name}: {dumped} does not give the options that it came from")
        try:
            entry.spec.create(given | {"no_such_key": 1})
        except OptionError:
            continue
        raise Failed(f"{entry.spec.name}: the unknown option 'no_such_key' is taken")


# --- what a run gives


def learns(subject: Subject) -> None:
    """A run on the CPU ends, with losses that are numbers and fall."""
    try:
        losses = subject.trial().losses
    except Skipped:
        base = subject.trials["base"]
        if isinstance(base.error, PermissionError) or "state" in base.sight.faults:
            raise  # another property says why
        raise Failed(f"the run fails: {_line(base.error)}" if base.error else "the run fails") from base.error
    if not all(map(math.isfinite, losses)):
        raise Failed(f"the loss of step {next(i for i, one in enumerate(losses, 1) if not math.isfinite(one))} is none")
    if subject.choice.regime == "frozen":
        return
    first = losses[: len(losses) // 3]
    third = max(1, len(first) // 3)
    begin, end = sum(first[:third]) / third, sum(first[-third:]) / third
    if not end < begin:
        raise Failed(f"the loss of the first task goes from {begin:.4f} to {end:.4f} nats")


def repeats(subject: Subject) -> None:
    """The same seed gives the same record, predictions and R."""
    _same(subject.trial("again"), subject.trial(), "the second run")


def resumes(subject: Subject) -> None:
    """Killed again and again and taken up each time, it ends as if nothing had been."""
    whole = subject.trial()
    killed = subject.trial("killed", kill_every=max(3, whole.moments // 6))
    assert killed.deaths
    _same(killed, whole, f"the run that was killed {killed.deaths} times")


def state(subject: Subject) -> None:
    """Its state is made of tensors and JSON values only."""
    base = subject.trials.get("base")
    if base is not None and base.sight.faults.get("state"):
        raise Failed("; ".join(base.sight.faults["state"][:3]))
    subject.trial()


def identity(subject: Subject) -> None:
    """With the setting that switches it off, it is plain fine-tuning to the last bit."""
    if subject.identity is None:
        raise Skipped("no setting was given with which it is plain fine-tuning")
    own, plain = subject.trial("identity", options=subject.identity), subject.plain()
    for step, (one, other) in enumerate(zip(own.losses, plain.losses, strict=False), 1):
        if one != other:
            raise Failed(f"the loss of step {step} is {one!r}; plain fine-tuning has {other!r}")
    if len(own.losses) != len(plain.losses):
        raise Failed(f"it makes {len(own.losses)} steps; plain fine-tuning makes {len(plain.losses)}")
    if own.record["scores"] != plain.record["scores"]:
        raise Failed("R is another than that of plain fine-tuning")
    _same_files(own, plain, "with the identity setting")


def accumulates(subject: Subject) -> None:
    """Batches of 8, 2 × 4 and 8 × 1 give the same update."""
    whole = subject.trial()
    length = _distance(whole.sight.weights, whole.sight.before)
    if not length:
        raise Skipped("it trains nothing")
    for size in (4, 1):
        cut = subject.trial(f"micro-batches of {size}", micro_batch=size)
        apart = _distance(cut.sight.weights, whole.sight.weights) / length
        if apart > TOLERANCE:
            number = world.GLOBAL_BATCH // size
            raise Failed(
                f"{number} micro-batches of {size} give another update: {100 * apart:.1f} % of its length apart"
            )


def one_example(subject: Subject) -> None:
    """A task with a single example is no end."""
    done = subject.trial("one example", sizes=(1, world.SIZE))
    if not all(map(math.isfinite, done.losses)):
        raise Failed("a loss is no number")


# --- what the method did during the run


def footprint(subject: Subject) -> None:
    """What it says that it adds and keeps is what it adds and keeps."""
    _no_faults(subject, "footprint")


def memory(subject: Subject) -> None:
    """Examples that it keeps of the past are counted, and no more than it has seen."""
    _no_faults(subject, "memory")


def randomness(subject: Subject) -> None:
    """It draws from its own named streams: global generators and the order of the data stay as they are."""
    _no_faults(subject, "randomness")
    edits = any("edits_data" in entry.spec.capabilities for entry in subject.choice.entries)
    comparable = subject.choice.regime == "sequential" and not edits
    if comparable and subject.trial().sight.batches != subject.plain().sight.batches:
        raise Failed("the data come in another order than in plain fine-tuning, and edits_data is not declared")


def no_peeking(subject: Subject) -> None:
    """It sees the present experience: not the past, not the future, no test data."""
    try:
        subject.trial()
    except Skipped:
        error = subject.trials["base"].error
        if isinstance(error, PermissionError):
            raise Failed(f"it was stopped: {error}") from error
        raise
    _no_faults(subject, "no-peeking")


def no_writing(subject: Subject) -> None:
    """It writes nothing where runs, records and boards are."""
    _no_faults(subject, "no-writing")


def no_secrets(subject: Subject) -> None:
    """Secrets of the environment reach no record, and no other file of the run."""
    _no_faults(subject, "no-secrets")
    if leaks := subject.trial().leaks:
        raise Failed(f"the value of HF_TOKEN stands in {leaks[0]}")


# --- comparing


def _same(one: Trial, other: Trial, what: str) -> None:
    for key, value in one.record.items():
        if value != other.record[key]:
            raise Failed(f"{what} has another {key}{_where(value, other.record[key])}")
    if list(one.losses)[-1:] != list(other.losses)[-1:]:
        raise Failed(f"{what} has another last loss")
    _same_files(one, other, what)


def _where(one: Any, other: Any) -> str:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return ""
    return ": " + ", ".join(sorted(key for key in {*one, *other} if one.get(key) != other.get(key)))


def _same_files(one: Trial, other: Trial, what: str) -> None:
    changed = sorted(name for name in {*one.files, *other.files} if one.files.get(name) != other.files.get(name))
    if changed:
        raise Failed(f"{what} has another {changed[0]}")


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """L2, over parameters that both have."""
    return math.sqrt(sum(((one[name] - other[name]).double() ** 2).sum().item() for name in one.keys() & other.keys()))


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Args:
        name: short, for tables and test ids.
        holds: raises `Failed` or `Skipped`.
    """

    name: str
    holds: Callable[[Subject], None]

    @property
    def meaning(self) -> str:
        """One line."""
        return (self.holds.__doc__ or "").strip().splitlines()[0]


PROPERTIES: tuple[Property, ...] = tuple(
    Property(one.__name__.replace("_", "-"), one)
    for one in (
        loads,
        light,
        options,
        learns,
        repeats,
        resumes,
        state,
        identity,
        accumulates,
        one_example,
        footprint,
        memory,
        randomness,
        no_peeking,
        no_writing,
        no_secrets,
    )
)


def settle(subject: Subject, prop: Property) -> tuple[str, str]:
    """Whether it holds: `passed`, `failed` or `skipped`, and why."""
    try:
        if prop.holds is not loads:
            _ = subject.choice
        prop.holds(subject)
    except Failed as error:
        return "failed", str(error)
    except Skipped as error:
        return "skipped", str(error)
    except PluginError:
        return "skipped", "it does not load"
    except ClbenchError as error:
        return "failed", _line(error)
    return "passed", ""
