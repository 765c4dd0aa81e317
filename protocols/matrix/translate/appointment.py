"""On Matrix who may do what is for its own people to settle, so nothing is read as an Appointment and none is shown."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(
        item.event_id, item.place, "appointment.not_carried", "Who holds a seat is kept by the bridge; the room stays as it is."
    )
