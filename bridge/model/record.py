"""Rows the core reads back: what is known of an object, what waits, who follows, and the life of an event as people see it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model.audience import Audience
from bridge.model.content.release import Ending
from bridge.model.ids import ChannelId, CommunityId, EventId, ItemId, Native, ObjectId
from bridge.model.item import Omission, Standing


class KnownObject(msgspec.Struct, frozen=True):
    """Something that crossed (or was let in). `native` is the id it was born with, `place` where; `thread` None for a root."""

    id: ObjectId
    community: CommunityId
    channel: ChannelId
    native: Native
    place: Native
    author: Native
    kind: str
    audience: Audience
    thread: ObjectId | None = None
    reply_to: ObjectId | None = None
    crossed_at: datetime | None = None
    updated_at: datetime | None = None
    retracted_at: datetime | None = None


class Said(msgspec.Struct, frozen=True):
    """Which of somebody's objects, words and signs alike; None narrows nothing. `since`: crossed then or later."""

    community: CommunityId | None = None
    since: datetime | None = None
    thread: ObjectId | None = None
    object: ObjectId | None = None


class Traces(msgspec.Struct, frozen=True):
    """Rows of the log that still name somebody. Empty: there are none left."""

    events: tuple[EventId, ...] = ()
    items: tuple[ItemId, ...] = ()
    decisions: tuple[EventId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.events or self.items or self.decisions)


class Hold(msgspec.Struct, frozen=True):
    """An event that waits. `kind`: `grace`, `ask`, `review`, `knock` or `parent`; `code` names the reason.

    `body` is the event as it would cross, edits folded in (event.encode).
    """

    event_id: EventId
    community: CommunityId
    object: ObjectId
    author: Native
    kind: str
    code: str
    since: datetime
    due_at: datetime
    on_expiry: Ending
    body: bytes
    handle: str = ""
    waited: tuple[str, ...] = ()


class Wait(msgspec.Struct, frozen=True):
    """An intake entry parked until `due_at`, or until `awaited` arrives. `stuck`: parked for a person to look at; `why` says what happened."""

    seq: int
    due_at: datetime | None
    why: str
    tries: int = 0
    awaited: Native | None = None
    stuck: bool = False


class Kept(msgspec.Struct, frozen=True):
    """A file of somebody of ours that other servers may fetch from us. `id` is the unguessable end of its address.

    `owner` is the object it belongs to, or the native of the person whose picture it is; `source` what its own network calls it (`mxc://…`);
    `digest` names the bytes. Sizes in bytes and pixels. `removed_at`, `why`: taken down by a person; then it is never kept again.
    """

    id: str
    owner: str
    source: str
    digest: str
    media_type: str
    size: int
    at: datetime
    width: int | None = None
    height: int | None = None
    removed_at: datetime | None = None
    why: str = ""


class Upload(msgspec.Struct, frozen=True):
    """A file from elsewhere as the homeserver has it: uploaded once for all who show it. `source` is where it was fetched."""

    source: str
    digest: str
    address: str
    media_type: str
    size: int
    at: datetime
    width: int | None = None
    height: int | None = None


class Part(msgspec.Struct, frozen=True):
    """One of several events that together are a copy. `number` from 1 on; `native` what the place calls it; `source` the file it shows."""

    number: int
    native: str
    source: str
    digest: str = ""
    """Of how it was described when it was last sent, so that what did not change is not sent again."""


class Follow(msgspec.Struct, frozen=True):
    """`actor` follows `target`. `request` is the Follow's own id, embedded in the Accept; `accepted` None while pending."""

    actor: Native
    target: Native
    request: str
    since: datetime
    accepted: datetime | None = None


class Record(msgspec.Struct, frozen=True):
    """One event's life. `ended`: `crossed`, `held`, `kept local`, `refused`, `answered`, `waiting` …; `reasons` are sentences."""

    event_id: EventId
    community: CommunityId
    kind: str
    place: Native
    received_at: datetime
    ended: str
    reasons: tuple[str, ...] = ()
    held_until: datetime | None = None
    omissions: tuple[Omission, ...] = ()
    standings: tuple[Standing, ...] = ()
