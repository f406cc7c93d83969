"""Lexicons written as plain text: words, phrases between bars, tables of forms."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """Single words: `words("red blue")`."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """Phrases, separated by bars or line ends: `phrases("so far | at last")`."""
    return tuple(part for line in text.splitlines() for part in (cell.strip() for cell in line.split("|")) if part)


def table(text: str) -> tuple[tuple[str, ...], ...]:
    """One word a line, its forms between bars."""
    return tuple(tuple(cell.strip() for cell in line.split("|")) for line in text.splitlines() if line.strip())
