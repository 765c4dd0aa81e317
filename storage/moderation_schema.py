"""The tables of moderation: cases with their sealed copies, and the log that chains what was done. Conventions as in schema.py."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import bytes_, number, partial, text

__all__ = ["case_people", "cases", "evidence", "log"]

cases = Table(
    "cases",
    metadata,
    text("id", "case id", key=True),
    text("community", "community"),
    text("subject", "keyed hash of what it is about: an object, or a person and a week"),
    text("stage", "how far it has come"),
    number("version", "grows with every change"),
    number("opened_at", "moment it was opened"),
    number("due_at", "moment at which time does something; null: never", null=True),
    bytes_("sealed", "the whole of it, AES-256-GCM with the key from the key file"),
    Index("ix_cases_community_opened_at", "community", "opened_at"),
    Index("ix_cases_subject", "subject"),
    comment="What moderators look at: one row per object, or per person and week.",
)
partial(cases, "due", "due_at", where="due_at IS NOT NULL")

case_people = Table(
    "case_people",
    metadata,
    text("case", "case id", key=True),
    text("who", "keyed hash of somebody whom the case names", key=True),
    Index("ix_case_people_who", "who"),
    comment="Whom cases name, so that whoever withdraws is found in them.",
)

evidence = Table(
    "evidence",
    metadata,
    text("case", "case id", key=True),
    text("object", "object it is a copy of", key=True),
    text("who", "keyed hash of its author"),
    number("until", "moment it is destroyed"),
    bytes_("sealed", "the event as it was, AES-256-GCM with the key from the key file"),
    Index("ix_evidence_until", "until"),
    Index("ix_evidence_object", "object"),
    Index("ix_evidence_who", "who"),
    comment="Copies of what was reported, for the moderators on the case alone.",
)

log = Table(
    "log",
    metadata,
    text("community", "community", key=True),
    number("seq", "position in the community's chain, from 1 on", key=True),
    text("id", "derived from what was done: the same deed is one entry"),
    number("at", "moment it was done"),
    bytes_("doing", "what everybody may read"),
    text("digest", "keyed hash of the names, which stays when they are cut"),
    text("previous", "hash of the entry before it"),
    text("hash", "hash of this entry over the one before"),
    text("who", "keyed hash of whom it concerns; null: nobody, or cut", null=True),
    text("by", "keyed hash of who decided; null: nobody, or cut", null=True),
    bytes_("sealed", "names and pointers, AES-256-GCM with the key from the key file; null once cut", null=True),
    Index("ix_log_community_id", "community", "id", unique=True),
    Index("ix_log_at", "at"),
    Index("ix_log_who", "who"),
    Index("ix_log_by", "by"),
    comment="What was done and by which norm: append-only, chained by hash.",
)
