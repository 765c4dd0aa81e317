"""The tables of direct conversations. Conventions as in schema.py."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import bytes_, flag, number, partial, text

__all__ = ["doors", "portals"]

portals = Table(
    "portals",
    metadata,
    text("id", "channel of the two people", key=True),
    text("community", "whose norms hold"),
    text("member", "native of our person"),
    text("correspondent", "native of the person elsewhere"),
    text("stance", "knocks, open, closed or ended"),
    number("since", "moment of the knock, or of its beginning"),
    text("room", "native of the room, once there is one", null=True),
    flag("begun", "by the member"),
    Index("ix_portals_member", "member", "since"),
    Index("ix_portals_correspondent", "correspondent", "since"),
    comment="Direct conversations (N17): who writes to whom, and what the member said to it.",
)
partial(portals, "room", "room", where="room IS NOT NULL", unique=True)

doors = Table(
    "doors",
    metadata,
    text("person", "native of our person", key=True),
    bytes_("body", "the setting"),
    comment="Whom people let knock.",
)
