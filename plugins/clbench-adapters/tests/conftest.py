"""The shared fixtures, also when this package's tests run alone."""

from __future__ import annotations

from small import gpt2, llama

__all__ = ["gpt2", "llama"]
