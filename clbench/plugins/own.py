"""A user's own file of questions and answers: how it is asked and scored, and a stream of one task made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from clbench.base import home
from clbench.base.atomic import write_text
from clbench.base.errors import DataError, pydantic_line
from clbench.base.hashing import digest
from clbench.data.example import Example
from clbench.data.records import read_examples, read_objects
from clbench.spec.task import Files, Scorers, Task

SCORER = "stripped"
MOST_TOKENS = 512
HOLD_OUT = 100
_PART = 5  # at most a fifth is held out


def own_task(path: Path, *, scorer: str = SCORER) -> Task:
    """A task that asks a file's records: prompt and answer, in any of the usual columns; or with `choices`.

    With `choices`, a list of texts, `answer` is the right one or its number from 0, and the likeliest counts.

    Args:
        path: of the file.
        scorer: of written answers.

    Raises:
        DataError: with file and line.
    """
    if not home.is_file(path):
        raise DataError(f"--data {path}: there is no such file or folder")
    first = next(iter(read_objects(path)), ("", {}))[1]
    fields = _chosen() if isinstance(first, dict) and "choices" in first else _written(path, scorer)
    try:
        return Task(task=own_name(path), data={"files": Files(test=path.name)}, **fields)
    except ValidationError as error:
        raise DataError(f"--data {path}: {pydantic_line(error)}") from error


def own_name(path: Path) -> str:
    """`own/` and the file's name, of letters that a task's name may have."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in path.stem.casefold())
    return f"own/{name.strip('-') or 'data'}"


def _chosen() -> dict[str, Any]:
    form = {
        "prompt": "{{ prompt }}",
        "choices": "{{ choices }}",
        "answer": "{{ answer if answer is integer else choices.index(answer) }}",
    }
    return {"forms": [form], "measure": "choice", "scorers": Scorers(strict="likelihood")}


def _written(path: Path, scorer: str) -> dict[str, Any]:
    return {"scorers": Scorers(strict=scorer), **limits(read_examples(path, task="own", split="test"))}


def limits(examples: Sequence[Example]) -> dict[str, Any]:
    """Answers may be as long as the longest that is expected, and end with their line where none has several."""
    answers = [one.answer for one in examples]
    longest = max(len(one.encode()) for one in answers)  # a token is a byte at least
    stop = () if any("\n" in one.strip() for one in answers) else ("\n",)
    return {"max_new_tokens": min(MOST_TOKENS, longest + 8), "stop": stop}


def write_stream(path: Path, folder: Path, *, scorer: str = SCORER, hold_out: int = HOLD_OUT) -> Path:
    """A stream of one task from a file of records, of which some are held out to score on.

    Records of one prompt stay together, and their prompts' hashes say which are held out, so that a longer file with
    the same records holds out the same ones.

    Args:
        path: of the file, in any of the usual columns.
        folder: where the stream file and its two files of records go.
        scorer: of the answers.
        hold_out: records to score on; at most a fifth.

    Returns:
        The stream file.

    Raises:
        DataError: the file cannot be read, or all its prompts are one.
    """
    examples = read_examples(path, task="own", split="train")
    order = sorted({one.prompt for one in examples}, key=digest)
    held = set(order[: max(1, min(hold_out, len(order) // _PART))])
    if len(order) < 2:
        raise DataError(f"{path}: has one prompt only, so that nothing could be held out to score on")
    records = [json.dumps(record, ensure_ascii=False) for _, record in read_objects(path)]
    name = own_name(path).removeprefix("own/")
    files = {split: f"{name}.{split}.jsonl" for split in ("train", "test")}
    for split, file in files.items():
        lines = [line for line, one in zip(records, examples, strict=True) if (one.prompt in held) == (split == "test")]
        write_text(folder / file, "".join(line + "\n" for line in lines))
    task = {"data": {"files": files}, "scorers": {"strict": scorer}, **limits(examples)}
    task["stop"] = list(task["stop"])
    stream = folder / f"{name}.yaml"
    write_text(stream, yaml.safe_dump({"stream": name, "tasks": {own_name(path): task}}, sort_keys=False))
    return stream
