"""The form in which boards keep records: a few kilobytes with a digest, and nothing lost that a board rests on.

A run's folder keeps its record in full. The board's is a pure function of it, so that one is checked by the other. What
records of a board have in common stands once, in the file `board.json` beside them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from clbench.base import atomic
from clbench.base.hashing import digest
from clbench.base.jsontext import json_text
from clbench.runs.boardcopy.common import BOARD_FILE, apart, common, shared
from clbench.runs.boardcopy.shorthand import ERROR_DIGITS, SCORE_DIGITS, short
from clbench.runs.record import MethodPart, Record, parse
from clbench.runs.recordparts import Fold

HASH_DIGITS = 12  # of hashes that tell two versions of a file or package apart
DRIFT_DIGITS, NOTE_DIGITS = 4, 3  # significant ones of what was measured besides
NOTE_LENGTH = 400  # characters of a part of a method's note
DRAWN = "utilisation"
"""The part of a note that reports draw (`clbench.report.notes`), which stays however long it is."""
_PLACES = ("--runs-dir", "--leaderboards-dir")
_APART = {"datasets", "filelock", "jinja2", "platformdirs", "pluggy", "psutil", "pyarrow", "pydantic", "pyyaml", "rich"}
_APART |= {"scipy", "tabulate", "typer"}
"""Packages that clbench needs and no number rests on: data have their own hash."""


def compacted(record: Record) -> Record:
    """What a board keeps of a record; of such a record itself again.

    Hashes of predictions are folded, numbers rounded, hashes of code shortened, long notes hashed.
    """
    content = record.model_dump(mode="json")
    if record.predictions:
        content |= {"predictions": {}, "folded": Fold.of(record.predictions).model_dump()}
    for name in ("scores", "probes", "probe_changes", "ceilings"):
        content[name] = _rounded(content[name], SCORE_DIGITS)
    for name in ("errors", "probe_errors"):
        content[name] = _rounded(content[name], ERROR_DIGITS)
    content["drift"] = _significant(content["drift"], DRIFT_DIGITS)
    content["notes"] = _significant(content["notes"], NOTE_DIGITS)
    content["notes"] = _notes(content["notes"])
    return Record.model_validate({**content, "provenance": _provenance(record.provenance, record.method)})


def save(record: Record, path: Path) -> Record:
    """Write a board's copy of a record, and what its board's records have in common where that is not there yet.

    Args:
        record: in whichever form.
        path: in the folder of its method, which is in that of its board.

    Returns:
        What was written.

    Raises:
        RecordError: the folder cannot be written.
    """
    kept, place = compacted(record), path.parent.parent / BOARD_FILE
    if not place.is_file():
        atomic.write_text(place, json_text(common(_content(kept))) + "\n")
    atomic.write_text(path, record_text(kept, beside=_beside(place)))
    return kept


def record_text(record: Record, *, beside: Mapping[str, Any]) -> str:
    """The file of a compact record: short where that gives it back, one line for each row of a matrix.

    Args:
        record: in the compact form.
        beside: what stands beside it, by name.
    """
    content = _content(record)
    written = next(one for one in (short(content), content) if _gives(one, record))
    names = shared(content, beside)
    own = apart(written, names, every="board" in names and set(beside) - set(names) <= set(common(content)))
    return json_text({**own, "digest": record.digest}) + "\n"


def _content(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_defaults=True)


def _gives(content: Mapping[str, Any], record: Record) -> bool:
    return parse(json.loads(json.dumps(content))).digest == record.digest


def _beside(path: Path) -> Mapping[str, Any]:
    """What stands beside records; nothing where it cannot be read, which whoever reads one of them is told."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _rounded(value: Any, digits: int) -> Any:
    return _floats(value, lambda number: round(number, digits))


def _significant(value: Any, digits: int) -> Any:
    return _floats(value, lambda number: float(f"{number:.{digits}g}"))


def _floats(value: Any, how: Any) -> Any:
    """A JSON value with every fraction in it changed."""
    if isinstance(value, float):
        return how(value)
    if isinstance(value, dict):
        return {key: _floats(one, how) for key, one in value.items()}
    return [_floats(one, how) for one in value] if isinstance(value, list) else value


def _notes(found: dict[str, Any]) -> dict[str, Any]:
    """With the runs that row 0 was taken from, instead of one name for each task; of what is long, its hash."""
    done = {name: _parts(one) if isinstance(one, dict) else one for name, one in found.items()}
    taken = found.get("base_row")
    return {**done, "base_row": sorted({str(run) for run in taken.values()})} if isinstance(taken, Mapping) else done


def _parts(note: dict[str, Any]) -> dict[str, Any]:
    """A method's note; what of it fills pages stands in the run's folder alone."""
    long = [name for name, one in note.items() if name != DRAWN and len(json.dumps(one)) > NOTE_LENGTH]
    return {**note, **{name: {"sha256": digest(note[name])[:HASH_DIGITS]} for name in long}}


def _provenance(found: Mapping[str, Any], method: MethodPart) -> dict[str, Any]:
    """Without what says nothing of the result or is said elsewhere, hashes as long as tells them apart."""
    done = dict(found)
    done.pop("model_files", None)  # the board has their hash
    if isinstance(code := done.get("code"), Mapping):
        done["code"] = {name: _beginning(one) for name, one in code.items()}
    if "commit" in done:
        done["commit"] = _beginning(done["commit"])
    if isinstance(packages := done.get("packages"), Mapping):
        said = _APART | {name for name, version in method.packages.items() if packages.get(name) == version}
        done["packages"] = {name: version for name, version in packages.items() if name not in said}
    if isinstance(command := done.get("command"), Sequence) and not isinstance(command, str):
        done["command"] = _own(_without_places(command), method.name)
    return done


def _beginning(found: Any) -> Any:
    """Of a hash, with what stands behind it: `+changes`."""
    return re.sub(rf"^([0-9a-f]{{{HASH_DIGITS}}})[0-9a-f]+", r"\1", found) if isinstance(found, str) else found


def _own(command: Sequence[Any], method: str) -> list[Any]:
    """A command of several methods without the others."""
    pairs = [*itertools.pairwise(command)]
    if ("--plugin", method) not in pairs:
        return [*command]
    others = {place for place, (flag, name) in enumerate(pairs) if flag == "--plugin" and name != method}
    return [word for place, word in enumerate(command) if place not in others and place - 1 not in others]


def _without_places(command: Sequence[Any]) -> list[Any]:
    """A command without where this machine keeps things; of other folders and files it has the names."""
    before = [None, *command]
    kept = [word for last, word in zip(before, command, strict=False) if last not in _PLACES and word not in _PLACES]
    return [_name(word) if isinstance(word, str) else word for word in kept]


def _name(word: str) -> str:
    """Of an absolute path its last part, also behind `key=`; any other word as it is."""
    key, equals, value = word.rpartition("=")
    path = next((one for one in (PurePosixPath(value), PureWindowsPath(value)) if one.is_absolute()), None)
    return f"{key}{equals}{path.name or '…'}" if path else word
