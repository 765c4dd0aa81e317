"""A release is between us and time: nothing in a hall is read as one, and none is ever shown; what was held crosses as itself."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "release.not_carried", "The end of a wait is not shown; what waited is.")
