"""The tables of standing: who somebody, or a server, is to a community, and the modes it is in. Conventions as in schema.py."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import flag, number, text

__all__ = ["acquaintances", "modes", "origins", "tenures", "vouches"]

# ------------------------------------------------------------------------------------------------------------------- standing

tenures = Table(
    "tenures",
    metadata,
    text("actor", "native of the person", key=True),
    text("community", "community", key=True),
    number("since", "moment they became a member"),
    comment="Standing: since when somebody is a member.",
)

vouches = Table(
    "vouches",
    metadata,
    text("actor", "native of the person vouched for", key=True),
    text("community", "community", key=True),
    text("by", "native of the person who vouched", key=True),
    flag("host", "the voucher was a host"),
    number("at", "moment it was said"),
    number("until", "moment it ends"),
    Index("ix_vouches_by", "by", "community"),
    Index("ix_vouches_until", "until"),
    comment="Standing: who said that they know somebody.",
)

acquaintances = Table(
    "acquaintances",
    metadata,
    text("community", "community", key=True),
    text("one", "keyed hash of whoever answered or let in", key=True),
    text("other", "keyed hash of whoever was answered or let in", key=True),
    number("at", "moment of the last time"),
    Index("ix_acquaintances_other", "other"),
    Index("ix_acquaintances_at", "at"),
    comment="Who is no stranger to whom, for 90 days.",
)

origins = Table(
    "origins",
    metadata,
    text("community", "community", key=True),
    text("host", "server", key=True),
    number("first_at", "moment its first item was let in", null=True),
    number("released", "items let in, counted as far as it matters", default=0),
    number("actors", "people of it let in, counted as far as it matters", default=0),
    number("waved_at", "moment a member let somebody from there in", null=True),
    number("member_at", "moment somebody from there became a member", null=True),
    number("added_at", "moment an administrator said that it is known", null=True),
    comment="Servers that a community knows, or is getting to know.",
)

modes = Table(
    "modes",
    metadata,
    text("community", "community", key=True),
    text("mode", "what is in force", key=True),
    text("target", "what or whom it is about, as a keyed hash or a host; empty for the whole community", key=True),
    number("until", "moment it ends by itself"),
    Index("ix_modes_until", "until"),
    comment="Modes in force; each ends by itself.",
)
