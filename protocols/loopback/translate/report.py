"""A hall has no report of its own: people say `!report` or put 🚩 on what they mean, and nothing is ever reported to a hall."""

from __future__ import annotations

from bridge.model.item import Item, Omission

__all__ = ["write"]


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "report.not_carried", "A report is for the people who look after the community.")
