"""The tables of moderation: cases with their sealed copies, the log that chains what was done, norms and counters. As in schema.py."""

from __future__ import annotations

from sqlalchemy import Index, Table

from storage.schema import metadata
from storage.tables import bytes_, number, partial, text

__all__ = ["case_people", "cases", "counter_keys", "counters", "evidence", "log", "norm_files"]

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

norm_files = Table(
    "norm_files",
    metadata,
    text("name", "what it is the file of: `node`, `pack:NAME`, `community:NAME` …", key=True),
    number("version", "its version, from 1 on", key=True),
    text("hash", "SHA-256 of its words"),
    text("parent", "hash of the version before it, empty for the first"),
    number("at", "moment it came into force"),
    bytes_("words", "the file as it was written"),
    comment="Every version of every norm file: append-only, chained by hash.",
)

counters = Table(
    "counters",
    metadata,
    text("key", "keyed hash of what is counted, renewed every day", key=True),
    bytes_("body", "a ring, a crowd or a leak (bridge/norms/counters.py)"),
    text("who", "keyed hash of the person it is about; empty: nobody"),
    number("used_at", "moment of the last one"),
    number("until", "moment it is empty without one more"),
    Index("ix_counters_used_at", "used_at"),
    Index("ix_counters_until", "until"),
    Index("ix_counters_who", "who"),
    comment="What norms count, within windows of at most seven days.",
)

counter_keys = Table(
    "counter_keys",
    metadata,
    number("one", "always 1", key=True),
    number("live", "how many rows `counters` has"),
    comment="One row: the size of `counters`, so that its bound costs no count.",
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
