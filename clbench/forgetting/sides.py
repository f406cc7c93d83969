"""Which two models are meant: what `--model` takes each, an adapter with its own base, or one that is served."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clbench.base.errors import ModelError, OptionError
from clbench.models.naming import find_model
from clbench.models.ref import ModelRef


def find_pair(names: tuple[str, ...], *, trust_remote_code: bool = False) -> tuple[ModelRef, ModelRef]:
    """The base and the tuned model.

    Args:
        names: of both; of an adapter alone where its base is to be taken.
        trust_remote_code: run code that comes with a model.

    Raises:
        ClbenchError: there is no such model, or an adapter is given with another base.
    """
    tuned = find_model(names[-1], trust_remote_code=trust_remote_code)
    own = base_of(tuned, trust_remote_code=trust_remote_code)
    if len(names) == 1:
        if own is None:
            raise OptionError(
                f"{names[0]}: is no adapter, whose folder names its base; give both models: clbench forget BASE TUNED"
            )
        return own, tuned
    base = find_model(names[0], trust_remote_code=trust_remote_code)
    if own is not None and base.hash not in (own.hash, tuned.hash):
        raise ModelError(
            f"{names[0]}: is not the base of the adapter {names[-1]} ({own.name} is, by its adapter_config.json); "
            "leave BASE out, or merge the adapter into this one first"
        )
    return base, tuned


def base_of(ref: ModelRef, *, trust_remote_code: bool = False) -> ModelRef | None:
    """The model that an adapter changes; None of what is no adapter."""
    if ref.adapter is None:
        return None
    return find_model(_base_name(ref), revision=ref.revision, trust_remote_code=trust_remote_code)


def name_of_base(names: Sequence[str]) -> str:
    """What `--model` takes for the base: the first of two names, or what an adapter says."""
    return names[0] if len(names) == 2 else _base_name(find_model(names[0]))


def _base_name(ref: ModelRef) -> str:
    return str(Path(ref.location) / ref.gguf) if ref.gguf else ref.location
