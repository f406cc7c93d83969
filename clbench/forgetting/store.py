"""Answers kept by content: a model is asked the same records in the same way once, whatever it is compared with.

An entry's name is the hash of all that its answers depend on: model, records, how they are asked, code and libraries.
Beside the answers stands what they are of and their SHA-256; what does not agree with it is not taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clbench.base import atomic
from clbench.base.errors import ClbenchError
from clbench.base.hashing import digest, file_digest
from clbench.evaluation.draft import Draft
from clbench.runs import predictions
from clbench.runs.predictions import Prediction


class Store:
    """Answers below a folder.

    Args:
        folder: of all entries.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []  # names of entries that were left aside

    def read(self, key: Mapping[str, Any], *, prompts: Sequence[str] | None) -> list[Prediction] | None:
        """Kept answers; None where there are none, or they are not what was written.

        Args:
            key: all that they depend on.
            prompts: that they must answer, in their order; None where they are not known beforehand.
        """
        path = self._path(key)
        if not path.with_suffix(".json").is_file():
            return None
        try:
            return _checked(path, key, prompts)
        except (ClbenchError, OSError, ValueError, KeyError, TypeError):
            self.damaged.append(path.stem)
            return None

    def draft(self, key: Mapping[str, Any]) -> Draft:
        """Answers so far of an entry that is not finished."""
        return Draft(self._path(key), writable=True)

    def save(self, key: Mapping[str, Any], answers: Sequence[Prediction]) -> None:
        """Keep answers; the draft goes."""
        path = self._path(key)
        sha256 = predictions.save(path, answers)
        atomic.write_json(path.with_suffix(".json"), {"sha256": sha256, "key": key})
        path.with_suffix(".part").unlink(missing_ok=True)

    def drop(self, key: Mapping[str, Any]) -> None:
        """Forget an entry and its draft."""
        for ending in (".jsonl", ".json", ".part"):
            self._path(key).with_suffix(ending).unlink(missing_ok=True)

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{digest(key)}.jsonl"


def _checked(path: Path, key: Mapping[str, Any], prompts: Sequence[str] | None) -> list[Prediction]:
    """An entry's answers; a ValueError where they are not what was written, or answers to other prompts."""
    told = json.loads(path.with_suffix(".json").read_text("utf-8"))
    found = predictions.read(path)
    if told["key"] != json.loads(json.dumps(key)) or told["sha256"] != file_digest(path):
        raise ValueError("is not what was written")
    if prompts is not None and [one.prompt for one in found] != list(prompts):
        raise ValueError("answers other prompts")
    return found
