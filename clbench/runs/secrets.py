"""Secrets of the environment are kept out of what is published: their values are cut out wherever they stand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

REMOVED = "[removed]"
_NAMES = ("TOKEN", "SECRET", "PASSWORD", "KEY")
_SHORTEST = 9  # characters; shorter values would cut words out of ordinary text


def scrub(value: Any, *, environment: Mapping[str, str] = os.environ) -> Any:
    """A JSON value without the values of environment variables that are named like secrets.

    Args:
        value: nested dictionaries, lists and tuples of JSON values; keys are cleaned too.
        environment: variables.
    """
    found = {text for name, text in environment.items() if any(part in name.upper() for part in _NAMES)}
    secrets = sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True)
    return _scrub(value, secrets) if secrets else value


def _scrub(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REMOVED)
        return value
    if isinstance(value, Mapping):
        return {_scrub(key, secrets): _scrub(one, secrets) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_scrub(one, secrets) for one in value) if type(value) in (list, tuple) else value
    return value
