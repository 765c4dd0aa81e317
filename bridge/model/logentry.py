"""One line of a community's log: what was done and by which norm, public without names, private with them, chained by hash (norms.md 4.6)."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from bridge.model.ids import CommunityId, EventId, Native, ObjectId

GENESIS = ""
"""What stands before the first entry."""

AUTOMATIC = "automatic"


class Doing(msgspec.Struct, frozen=True):
    """What everybody may read of it. `effect` is a rung (`slow` …) or a deed (`ban` …); `by` is AUTOMATIC or a role, never a name.

    `item` is a content type, `place` a class of place (`open room`, `closed room`, `group`), `standing` a standing, `platform` a protocol;
    `seconds` how long it lasts, None where that has no meaning; `domain` only for what was decided about a server; `result` of an appeal.
    """

    effect: str
    by: str = AUTOMATIC
    norm: str = ""
    version: str = ""
    item: str = ""
    place: str = ""
    standing: str = ""
    platform: str = ""
    seconds: int | None = None
    domain: str = ""
    result: str = ""


class Names(msgspec.Struct, frozen=True):
    """What moderators may read besides, and the person concerned of their own entries; sealed at rest, cut when its time is over."""

    whom: Native | None = None
    decided_by: Native | None = None
    event: EventId | None = None
    object: ObjectId | None = None
    case: str = ""
    act: str = ""
    reason: str = ""
    code: str = ""


class LogEntry(msgspec.Struct, frozen=True):
    """Before it is written `seq` is 0 and the hashes are empty: the store chains it. `id` is derived: the same deed is one entry.

    `digest` is a keyed hash of the names, so that the chain still holds when they are cut (`names` None then).
    """

    id: str
    community: CommunityId
    at: datetime
    doing: Doing
    names: Names | None = None
    seq: int = 0
    digest: str = ""
    previous: str = GENESIS
    hash: str = ""


_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def chained(previous: str, entry: LogEntry) -> str:
    """The hash of an entry, over the one before it: BLAKE2b-256, 64 hexadecimal digits. What may be cut goes in by its digest alone."""
    fixed = (previous, entry.id, entry.community, entry.seq, entry.at, entry.doing, entry.digest)
    return hashlib.blake2b(_encode(fixed), digest_size=32, person=b"moot-log").hexdigest()
