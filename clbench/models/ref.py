"""Which model is meant: what stands in records, what is loaded, and by what content it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model a name means.

    Args:
        name: what stands in records and tables: a folder's own name, never its path.
        location: folder, or Hub id, of the weights; of an adapter: its base's.
        hash: of weights, configuration and tokenizer; a Hub model's revision; of an adapter: its files and its base.
        local: whether `location` is a folder.
        files: SHA-256 of a folder's files, by name.
        trust_remote_code: run code that comes with the model.
        gguf: the file in `location` that holds all of it, quantised.
        adapter: folder of a PEFT adapter that is merged into the weights when they are loaded.
        revision: of a Hub model.
    """

    name: str
    location: str
    hash: str
    local: bool
    files: Mapping[str, str] = field(default_factory=dict)
    trust_remote_code: bool = False
    gguf: str | None = None
    adapter: str | None = None
    revision: str | None = None

    def identity(self) -> dict[str, str]:
        """What makes two models the same on a board."""
        return {"name": self.name, "hash": self.hash}
