"""Colours that people with any colour vision tell apart, and that keep their order in grey."""

from __future__ import annotations

from itertools import pairwise

# Nine points of viridis, dark to light (Smith & van der Walt 2015, matplotlib's default).
_VIRIDIS = tuple(
    bytes.fromhex(one)
    for one in ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
)
# Okabe & Ito 2008, without the yellow that no one sees on white.
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_DASHES = (None, "6 3", "2 3", "8 3 2 3")


def shade(share: float) -> tuple[str, str]:
    """Background and readable foreground of a value between 0 and 1 (clipped)."""
    place = min(1.0, max(0.0, share)) * (len(_VIRIDIS) - 1)
    low, high = list(pairwise(_VIRIDIS))[min(int(place), len(_VIRIDIS) - 2)]
    part = place - min(int(place), len(_VIRIDIS) - 2)
    mixed = [round(a + (b - a) * part) for a, b in zip(low, high, strict=True)]
    return "#" + bytes(mixed).hex(), "#000000" if luminance(mixed) > 0.179 else "#ffffff"


def luminance(rgb: list[int]) -> float:
    """Relative luminance of sRGB, 0–1 (WCAG 2); above 0.179 black is the more readable on it."""
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def line_style(number: int) -> tuple[str, str | None]:
    """Colour and dashes of the n-th line; 28 differ."""
    return _LINES[number % len(_LINES)], _DASHES[number // len(_LINES) % len(_DASHES)]
