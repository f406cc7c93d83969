"""What is known of a method before it is imported: its name, what it touches, how experiences reach its model.

Plugins yield these at start-up, so this module imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args

from clbench import API_VERSION
from clbench.base.errors import OptionError, PluginError, did_you_mean, pydantic_line

if TYPE_CHECKING:
    from clbench.methods.method import Method

Capability = Literal[
    "changes_model",  # replaces or adds modules (LoRA, LoRAMoE)
    "owns_optimizer",  # brings its own optimizer (MoFO)
    "edits_gradients",  # between backward and step (GEM)
    "adds_loss",  # a term of its own (EWC, LwF)
    "replaces_loss",  # minimises something else (GRPO)
    "edits_data",  # changes what is trained on (replay)
    "stores_examples",  # keeps records of the past
    "freezes_base",  # trains only what it added (LoRA)
    "folds_base",  # and adds what was learned to the base's weights after a task (O-LoRA)
    "extra_backward",  # further passes each step
    "sees_rows",  # its layers or hooks look at a batch row by row (LoRAMoE's balance), so that texts share none
    "routes_prompts",  # answers each prompt in a way of its own (a router, a prompt pool)
    "sharded_ok",  # exact when parameters or gradients are sharded
    "one_process",  # cannot be trained by several processes
]
"""What a method touches and needs, by which `compose` refuses pairs that cannot go together."""

Regime = Literal["sequential", "joint", "single", "frozen"]
"""How experiences reach the model: one after the other; all at once; each from the base model; not at all."""


UNPACKAGED = "unpackaged"
"""What stands in a record instead of a package's name where a method is a class that is in none."""


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What is known of a method before it is imported.

    Args:
        name: as in `--plugin NAME`: lower case, digits, hyphens.
        target: `module:Class`, imported only when the method is chosen.
        summary: one line.
        capabilities: what it touches and needs; `compose` refuses pairs that cannot go together.
        regime: how experiences reach the model.
        source: paper.
        requires_api: the contract's version it was written for.
        limit: why it trains in one process only, or not with parameters in parts, as a clause: a run says so.
    """

    name: str
    target: str
    summary: str
    capabilities: frozenset[Capability] = frozenset()
    regime: Regime = "sequential"
    source: str = ""
    requires_api: int = API_VERSION
    limit: str = ""

    @property
    def text(self) -> str:
        """Of the module that a class of no package would be; empty for a method of a package."""
        return ""

    def problem(self) -> str:
        """Why this spec cannot be used, or the empty string."""
        if not re.fullmatch("[a-z0-9][a-z0-9-]*", self.name):
            return f"the method name {self.name!r} must be lower-case letters, digits and hyphens"
        if self.requires_api != API_VERSION:
            return f"method {self.name!r} needs plugin API {self.requires_api}; this clbench has {API_VERSION}"
        if self.regime not in get_args(Regime):
            return f"method {self.name!r} has the unknown regime {self.regime!r}"
        unknown = set(self.capabilities) - set(get_args(Capability))
        return f"method {self.name!r} declares the unknown capability {min(unknown)!r}" if unknown else ""

    def load(self) -> type[Method]:
        """Import the class.

        Raises:
            PluginError: the target cannot be imported or is no Method.
        """
        from clbench.methods.method import Method

        module, _, attribute = self.target.partition(":")
        try:
            target = getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:
            raise PluginError(f"method {self.name!r}: {self.target} cannot be imported: {error!r}") from error
        if not (isinstance(target, type) and issubclass(target, Method)):
            raise PluginError(f"method {self.name!r}: {self.target} is not a subclass of clbench.Method")
        return target

    def create(self, options: Mapping[str, Any] | None = None) -> Method:
        """The method with its options.

        Raises:
            OptionError: an option that is unknown or out of range.
        """
        from pydantic import ValidationError

        target = self.load()
        try:
            return target(target.Options.model_validate(dict(options or {})))
        except ValidationError as error:
            unknown = [str(item["loc"][0]) for item in error.errors() if item["type"] == "extra_forbidden"]
            hint = did_you_mean(unknown[0], target.Options.model_fields) if unknown else ""
            raise OptionError(f"-o {self.name}.{pydantic_line(error)}{hint}") from error
