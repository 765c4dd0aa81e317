"""One table for people, the same as JSON for machines: what was measured, beside what the machine could do at best."""

from __future__ import annotations

import os
import platform
import sqlite3
import ssl
from collections.abc import Sequence

import msgspec

__all__ = ["Bound", "Row", "as_json", "as_text"]


class Bound(msgspec.Struct, frozen=True):
    """What was promised: `what` as in "p99 of answers", and the figure found, both in `unit`."""

    what: str
    most: float
    found: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.found <= self.most


class Row(msgspec.Struct, frozen=True):
    """One line. `rate` per second; `cpu`: CPU seconds of the measured program per 1,000; `limit`: those of the unavoidable parts alone,

    measured in the same run; `more`: further figures, for the line below and for JSON.
    """

    what: str
    rate: float | None = None
    cpu: float | None = None
    limit: float | None = None
    bounds: tuple[Bound, ...] = ()
    more: dict[str, float] = {}

    @property
    def ratio(self) -> float | None:
        return self.cpu / self.limit if self.cpu is not None and self.limit else None


_HEADS = ("what", "a second", "CPU s/1,000", "at best", "ratio", "bound", "found", "holds")


def as_text(sections: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Aligned columns, a heading for each section, and what else was found in a line below."""
    lines: list[tuple[str, ...] | str] = []
    for heading, rows in sections:
        lines += ["", heading]
        for row in rows:
            lines += _lines(row)
    cells = [_HEADS, *(line for line in lines if not isinstance(line, str))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    shown = [_aligned(_HEADS, widths), "  ".join("─" * width for width in widths)]
    return "\n".join([*shown, *(line if isinstance(line, str) else _aligned(line, widths) for line in lines)]) + "\n"


def _lines(row: Row) -> list[tuple[str, ...] | str]:
    head = (f"  {row.what}", _number(row.rate), _number(row.cpu), _number(row.limit), f"{row.ratio:.2f}" if row.ratio else "")
    bounds = [
        (f"{bound.what} ≤ {bound.most:g} {bound.unit}", f"{bound.found:.3g} {bound.unit}", "yes" if bound.holds else "NO")
        for bound in row.bounds
    ]
    first, others = (bounds[0], bounds[1:]) if bounds else (("", "", ""), [])
    below = [("", "", "", "", "", *bound) for bound in others]
    more = [f"      {', '.join(f'{_number(value)} {name}' for name, value in row.more.items())}"] if row.more else []
    return [(*head, *first), *below, *more]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, figures to the right."""
    return "  ".join(
        cell.rjust(width) if 0 < column < 5 or column == 6 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def _number(value: float | None) -> str:
    """Three figures that count."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(sections: Sequence[tuple[str, Sequence[Row]]], machine: dict[str, str | float]) -> bytes:
    rows = [
        {
            "section": heading,
            **msgspec.structs.asdict(row),
            "ratio": row.ratio,
            "bounds": [{**msgspec.structs.asdict(bound), "holds": bound.holds} for bound in row.bounds],
        }
        for heading, rows in sections
        for row in rows
    ]
    return msgspec.json.format(msgspec.json.encode({"machine": machine, "rows": rows}), indent=2) + b"\n"


def machine() -> dict[str, str | float]:
    """What the figures were taken on, and how busy it was with other things."""
    return {
        "cores": float(len(os.sched_getaffinity(0))),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
    }
