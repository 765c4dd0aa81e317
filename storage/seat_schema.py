"""The table of seats: who looks after which community, and until when. Conventions as in schema.py."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import number, text

__all__ = ["seats"]

seats = Table(
    "seats",
    metadata,
    text("community", "community", key=True),
    text("actor", "native of who holds it", key=True),
    text("role", "what they may", key=True),
    text("topic", "what a curator looks after, empty for everything", key=True),
    number("since", "moment it begins"),
    number("until", "moment it ends by itself; null: an admin's, which does not", null=True),
    text("by", "who gave it, or `operator`"),
    Index("ix_seats_actor", "actor"),
    Index("ix_seats_until", "until"),
    comment="Who looks after a community.",
)
