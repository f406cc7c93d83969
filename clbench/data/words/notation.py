"""Lexicons written as plain text: words, phrases between bars, tables of forms."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """Single words: `words("red blue")`."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """Phrases, separated by bars or line ends: `phrases("so far | at last")`."""
    return tuple(part for line in text.splitlines() for part in (cell.strip() for cell in line.split("|")) if part)


def table(text: str) -> tuple[tuple[str, ...], ...]:
    """Several forms a word: one word a line or before a semicolon, its forms between bars."""
    rows = [row for row in text.replace(";", "\n").splitlines() if row.strip()]
    return tuple(tuple(cell.strip() for cell in row.split("|")) for row in rows)
