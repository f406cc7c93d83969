"""What models of every architecture bear, as a table: `python tests/architectures.py` writes it into `docs/models.md`.

Each tiny model of `clbench.testing.families` is saved, loaded and tried, as a user's is.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.base.errors import ModelError
from clbench.models.bearing import packed
from clbench.models.bearing.checks import check
from clbench.models.loading import describe, load_model
from clbench.spec.protocol import Runtime
from clbench.testing import families
from clbench.testing.world import byte_tokenizer

if TYPE_CHECKING:
    from clbench.testing.families import Family

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
BEGIN, END = "<!-- python tests/architectures.py -->\n", "<!-- end -->\n"
HEAD = """\
| architecture | loads | a later token | padding behind a text | padding before a prompt | texts in one row |
| --- | --- | --- | --- | --- | --- |
"""


def row(one: Family, folder: Path) -> str:
    """A line of the table."""
    ref = describe(str(families.save(one, folder / one.model_type, tokenizer=byte_tokenizer())))
    loaded = load_model(ref, device="cpu", runtime=Runtime(device="cpu"))
    attention = loaded.model.config._attn_implementation or "own"
    try:
        padding = check(loaded, name=one.name, precision="fp32").padding
    except ModelError:
        return f"| {one.name} | {attention} | is seen: refused | – | – | – |"
    behind, before = ("nothing changes" if good else "equal lengths" for good in (padding.training, padding.asking))
    window = f"packed, up to {padding.packing} tokens"
    packing = {0: "padded", packed.ANY: "packed"}.get(padding.packing, window)
    return f"| {one.name} | {attention} | not seen | {behind} | {before} | {packing} |"


def table() -> str:
    """Of all families."""
    with tempfile.TemporaryDirectory() as folder:
        return HEAD + "".join(f"{row(one, Path(folder))}\n" for one in families.FAMILIES)


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
