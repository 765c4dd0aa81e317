"""A boost has no shape on Matrix: what is boosted is in the room already; nothing is read as one and writing one is an omission."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "boost.not_carried", "A Matrix room has no way to show a boost.")
