"""Tables and spans of time, as people read them on a screen."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Return rows as lines with their columns below each other; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        indent
        + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def lasting(seconds: float) -> str:
    """Return a span of time in its two largest units: `45 s`, `3 min 20 s`, `2 d 4 h`."""
    left, parts = max(0, round(seconds)), list[str]()
    for size, name in _UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {name}")
            left %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"
