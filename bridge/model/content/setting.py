"""A place changed: who may come in, who may read back, what it is called."""

from __future__ import annotations

import msgspec

from bridge.model.place import Openness


class Setting(msgspec.Struct, frozen=True, tag="setting"):
    """None means unchanged. `successor` names the place that replaces this one (a Matrix tombstone)."""

    openness: Openness | None = None
    name: str | None = None
    successor: str | None = None
