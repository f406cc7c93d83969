r"""What is printed where the output is no UTF-8: text degrades, and nothing ends a command or is lost.

Signs of ours become what stands for them in ASCII, letters lose their accents, all else is written as `\u4e2d`.
"""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

HANDLER = "clbench"
_SIGNS = str.maketrans(
    {"↑": "^", "↓": "v", "→": "->", "−": "-", "–": "-", "—": "-", "…": "...", "·": "*", "×": "x", "÷": "/", "±": "+-"}
    | {"Δ": "d", "✓": "+", "✗": "x", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "≤": "<=", "≥": ">="}
    | {"█": "#", "━": "-", "─": "-", "│": "|", "╸": "-", "╺": "-"}
)


def degrade_output() -> None:
    """Standard output and standard error write what they can from now on, and never raise for a character."""
    codecs.register_error(HANDLER, _handle)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where there is no console, or a notebook's
            stream.reconfigure(errors=HANDLER)


def takes(text: str) -> bool:
    """Whether standard output can take a text as it is."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return "".join(_substitute(sign, error.encoding) for sign in part), error.end


def _substitute(sign: str, encoding: str) -> str:
    """What stands for a character that an encoding lacks."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(one))
    for text in (sign.translate(_SIGNS), bare):
        if text and text != sign and _fits(text, encoding):
            return text
    return sign.encode("ascii", "backslashreplace").decode("ascii")


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
