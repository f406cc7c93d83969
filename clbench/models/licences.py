"""Under which licence a model's weights are, where that is written beside them."""

from __future__ import annotations

import re
from pathlib import Path

from clbench.models import packages
from clbench.models.loading import BUNDLED
from clbench.models.ref import ModelRef

OWN = "Apache-2.0"
_LINE = re.compile(r"^license:\s*['\"]?([\w.+-]+)", re.MULTILINE)


def licence(ref: ModelRef) -> str | None:
    """Of the bundled model, of a packaged one, or what the head of a folder's model card says (`license: …`)."""
    if ref.name == BUNDLED:
        return OWN
    if ref.name in packages.KNOWN:
        return packages.KNOWN[ref.name].licence
    path = Path(ref.location) / "README.md"
    if not ref.local or not path.is_file():
        return None
    head = re.match(r"---\n(.*?)\n---", path.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = _LINE.search(head[1]) if head else None
    return found[1] if found else None
