"""Writes `plans/base-text.jsonl`, of which `replay.extra` rehearses: what the bundled model was trained on before."""

import json
from itertools import islice
from pathlib import Path

from clbench.tiny.world.mixture import documents
from clbench.tiny.world.record import Document

FILE = Path(__file__).parent.parent / "plans" / "base-text.jsonl"
SEED, SIZE = 0, 256


def text() -> str:
    """Documents of the invented world's mixture; the second half of running text continues its first."""
    pairs = [_parted(one) for one in islice(documents(SEED), SIZE)]
    return "".join(json.dumps({"prompt": one, "answer": rest}, ensure_ascii=False) + "\n" for one, rest in pairs)


def _parted(document: Document) -> tuple[str, str]:
    if document.prompt:
        return document.prompt, document.answer
    place = len(document.answer) // 2
    return document.answer[:place], document.answer[place:]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
