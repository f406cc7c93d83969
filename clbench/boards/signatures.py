"""Who has checked a record, how far, and when: a line each in `<run-id>.signed.jsonl` beside it.

A signature is somebody's word, and names the content that it is given for: a record that is changed later has none.
What each tier excludes is in `docs/conformance.md`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError

from clbench.base import atomic
from clbench.base.errors import RecordError, pydantic_line
from clbench.base.hashing import digest
from clbench.runs.record import Part, Record, read_record
from clbench.runs.strict import Hash, Line, read_json

Tier = Literal["reported", "rescored", "rerun"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""From the lowest: nobody but its owner has looked; scored again from its predictions; trained again."""


class Signature(Part):
    """One line.

    Args:
        tier: what was done.
        record: hash of the record's content.
        who: whoever did it.
        when: day, as YYYY-MM-DD, in UTC.
    """

    tier: Tier
    record: Hash
    who: Annotated[Line, Field(max_length=80)]
    when: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.who}, {self.when}"


def content_hash(record: Record) -> str:
    """Of what a record says, however it is written: in the compact form its own digest.

    Of full records what older ones could not say is left out where it is empty: they were signed without it.
    """
    if record.folded:
        return record.digest
    told = record.model_dump(mode="json")
    later = {"spent": {}, "share_of_peak": None}
    del told["folded"]
    told["costs"] = {key: one for key, one in told["costs"].items() if key not in later or one != later[key]}
    return digest(told)


def signatures_path(record: Path) -> Path:
    """Where the signatures of a record are."""
    return record.with_suffix(".signed.jsonl")


def sign(path: Path, *, tier: Tier, who: str) -> Signature:
    """Add a signature to those of a record.

    Args:
        path: of the record, as it stands on its board.
        tier: what was done.
        who: whoever did it.

    Raises:
        RecordError: there is no such record, `who` is no name, or the file cannot be written.
    """
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    content = content_hash(read_record(path))
    try:
        own = Signature(tier=tier, record=content, who=who, when=when)
    except ValidationError as error:
        raise RecordError(f"--sign {who!r}: {pydantic_line(error)}") from error
    known = list(read(path))
    if own not in known:
        atomic.write_text(signatures_path(path), "".join(f"{one.model_dump_json()}\n" for one in (*known, own)))
    return own


def read(path: Path) -> Iterable[Signature]:
    """All signatures of a record, given its path.

    Raises:
        RecordError: the file holds something else.
    """
    found = signatures_path(path)
    if not found.is_file():
        return []
    try:
        return [Signature.model_validate(read_json(line)) for line in found.read_text("utf-8").splitlines() if line]
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{found}: holds no signatures ({' '.join(str(error).split())[:100]}); remove it") from error


def best(path: Path, content: str) -> Signature | None:
    """The signature of the highest tier that was given for a record's present content, the newest of such.

    Args:
        path: of the record.
        content: its hash.

    Raises:
        RecordError: the file holds something else, or signatures of other content only.
    """
    found = list(read(path))
    valid = [one for one in found if one.record == content]
    if found and not valid:
        raise RecordError(f"{signatures_path(path)}: was signed for another content of the record; remove it")
    return max(valid, key=lambda one: (TIERS.index(one.tier), one.when), default=None)
