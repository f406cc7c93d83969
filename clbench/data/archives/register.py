"""What archives are on this machine: a file for each kind, with every folder's files and their hashes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.base import atomic, home
from clbench.base.errors import DataError, unknown_name
from clbench.base.hashing import file_digest


@dataclass(frozen=True, slots=True)
class Register:
    """The archives of one kind. What is read later must have the hash that it had when it was added.

    Args:
        kind: how the command names it, `clbench data add KIND PATH`.
        title: how people do.
        origin: where it is to be had.
        instead: what can be used where it is not here, as the end of a sentence.
    """

    kind: str
    title: str
    origin: str
    instead: str = ""

    @property
    def file(self) -> Path:
        """Where this is written down."""
        return home.data_dir() / f"{self.kind}.json"

    def entries(self) -> dict[str, dict[str, Any]]:
        """`{"500": {"path": …, "files": {"C-STANCE/train.json": sha256, …}}}`.

        Raises:
            DataError: the register itself is damaged.
        """
        if not self.file.is_file():
            return {}
        try:
            return dict(json.loads(self.file.read_text(encoding="utf-8"))["variants"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.file}: is damaged ({error}); delete it and run `clbench data add {self.kind} PATH` again"
            ) from error

    def add(self, found: Mapping[str, tuple[Path, Iterable[str]]]) -> None:
        """Remember folders and the hashes of their files.

        Args:
            found: variant to its folder and the files below it that belong to it.
        """
        entries = self.entries()
        for variant, (folder, names) in found.items():
            files = {name: file_digest(folder / name) for name in sorted(names)}
            entries[variant] = {"path": str(folder.resolve()), "files": files}
        self._write(entries)

    def remove(self, variant: str) -> Path:
        """Forget a variant; what clbench unpacked of it goes too, and a folder of the user's own stays.

        Returns:
            Where its files were.

        Raises:
            UnknownNameError: it is not registered.
        """
        entries = self.entries()
        if variant not in entries:
            raise unknown_name(f"registered variant of {self.title}", variant, entries)
        folder = Path(str(entries.pop(variant)["path"]))
        self._write(entries)
        own = home.data_dir().resolve()
        if folder.is_relative_to(own):
            self.discard(own / folder.relative_to(own).parts[0])
        return folder

    def discard(self, root: Path) -> None:
        """Remove what was unpacked in vain, unless a registered variant is read from it."""
        if not any(Path(str(entry["path"])).is_relative_to(root.resolve()) for entry in self.entries().values()):
            shutil.rmtree(root, ignore_errors=True)

    def folder(self, variant: str) -> Path:
        """Where a variant is.

        Raises:
            DataError: it is not registered.
        """
        return Path(str(self._entry(variant)["path"]))

    def path(self, variant: str, name: str) -> Path:
        """One file of a variant, verified.

        Raises:
            DataError: the variant is not registered, lacks the file, or the file has changed.
        """
        entry = self._entry(variant)
        path = Path(str(entry["path"])) / name
        if name not in entry["files"] or not path.is_file():
            raise DataError(
                f"{self.title} variant {variant!r} has no {name} (looked for {path}); add the archive again"
            )
        if file_digest(path) != entry["files"][name]:
            raise DataError(
                f"{path}: changed since it was added; restore it, or run `clbench data add {self.kind} PATH` again"
            )
        return path

    def _entry(self, variant: str) -> dict[str, Any]:
        entry = self.entries().get(variant)
        if entry is None:
            raise DataError(
                f"{self.title} variant {variant!r} is not installed: get the archive ({self.origin}) "
                f"and run `clbench data add {self.kind} PATH`{self.instead}"
            )
        return entry

    def _write(self, entries: Mapping[str, object]) -> None:
        atomic.write_json(self.file, {"schema": 1, "variants": entries})
