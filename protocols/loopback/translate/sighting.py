"""A hall does not tell us of our own deeds (it answers with their names), so nothing is read as a sighting and none is sent."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "sighting.not_carried", "A receipt is for us alone.")
