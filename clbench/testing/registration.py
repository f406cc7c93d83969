"""Properties that need no run: how a method presents itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from clbench.base.errors import OptionError, PluginError
from clbench.testing.subject import Failed, Subject

HEAVY = ("torch", "transformers", "accelerate", "datasets", "peft", "avalanche", "tensorflow", "jax")
_REGISTER = f"""
import sys
from clbench.plugins.registry import registry
registry().composition(sys.argv[1])
print(*[name for name in {HEAVY} if name in sys.modules])
"""


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
