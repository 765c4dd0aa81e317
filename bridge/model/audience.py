"""Who may see something: one lattice, from most open to most closed; crossing only ever closes (invariant I1).

Norms.md 3.1. Ceilings combine by `meet`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Audience(enum.IntEnum):
    """Ordered: a larger value is a smaller circle."""

    PUBLIC = 0
    UNLISTED = 1
    COMMUNITY = 2
    DIRECT = 3
    LOCAL = 4


def meet(levels: Iterable[Audience]) -> Audience:
    """The closest circle of them all; no ceiling at all is PUBLIC."""
    return max(levels, default=Audience.PUBLIC)
