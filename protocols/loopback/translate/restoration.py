"""In a hall nothing that was taken back comes back, so nothing is read as a Restoration; what was removed is said again under a new name."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "restoration.not_carried", "What was taken back here cannot be put back; it is said again.")
