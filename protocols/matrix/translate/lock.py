"""On Matrix a thread cannot be closed, so nothing is read as a Lock; the bridge carries no more answers to it."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "lock.not_carried", "A Matrix room cannot close one thread; answers to it stay in the room.")
