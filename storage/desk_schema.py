"""The tables of the desk, over the metadata of schema.py and with its conventions."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import number, text

__all__ = ["desk_links", "desk_sessions"]

desk_links = Table(
    "desk_links",
    metadata,
    text("digest", "digest of the secret in its address", key=True),
    text("who", "native of whom it signs in"),
    number("since", "moment it was made"),
    number("until", "moment from which it opens nothing"),
    Index("ix_desk_links_who", "who"),
    Index("ix_desk_links_until", "until"),
    comment="Links that sign in at the desk, until they are used or their time is over.",
)

desk_sessions = Table(
    "desk_sessions",
    metadata,
    text("digest", "digest of the secret in the cookie", key=True),
    text("who", "native of whoever is signed in"),
    number("since", "moment of signing in"),
    number("until", "moment at which it ends by itself"),
    Index("ix_desk_sessions_who", "who"),
    Index("ix_desk_sessions_until", "until"),
    comment="Who is signed in at the desk.",
)
