"""Promises text that fits a terminal of 80 columns and cannot command it: what peers wrote is stripped of control characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final

__all__ = ["WIDTH", "fit", "moment", "safe", "span", "table"]

WIDTH: Final = 80


def safe(text: str) -> str:
    """One line without control, direction and private-use characters; each becomes U+FFFD, white space one blank."""
    return "".join(
        " " if character.isspace() else "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn"} else character
        for character in text
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, whole: int = 1, width: int = WIDTH) -> str:
    """Aligned columns, two blanks apart. When they do not fit, the widest columns are cut and end in `…`, but for the first `whole` ones,

    which people copy; no row is ever wrapped.
    """
    cells = [[safe(cell) for cell in row] for row in (header, *rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    least = [widths[column] if column < whole else _width(title) for column, title in enumerate(cells[0])]
    while sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(range(len(widths)), key=lambda column: (widths[column] > least[column], widths[column]))
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
    return "\n".join("  ".join(_pad(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in cells)


def moment(at: datetime | None) -> str:
    """`2026-11-24 15:01:03`, UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def span(seconds: float) -> str:
    """A length of time in its largest unit: `40 s`, `12 min`, `5 h`, `3 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def fit(text: str, size: int = WIDTH) -> str:
    """One safe line of at most `size` columns, ending in `…` when something was cut."""
    text = safe(text)
    if _width(text) > size:
        while text and _width(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, size: int) -> str:
    text = fit(text, size)
    return text + " " * (size - _width(text))
