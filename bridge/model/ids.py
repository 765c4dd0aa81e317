"""Every id of ours is derived, so a second arrival of anything is the same row.

Design section 2: keyed BLAKE2b-128, 26 lower-case base32 characters. The key is the node's secret: without it nobody can
tell from an id which Matrix event or fediverse object it stands for.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

import msgspec

NAMESPACE = "org.folkmoot"
"""Prefix of our own Matrix event types and content keys."""

TERMS = "https://folkmoot.org/ns#"
"""Prefix of our own ActivityPub terms, always inlined in `@context`."""

Protocol = NewType("Protocol", str)
"""`matrix`, `activitypub`, `loopback`: the name of an adapter's folder."""

EventId = NewType("EventId", str)
"""Something that happened, once."""

ObjectId = NewType("ObjectId", str)
"""Something that can be answered, edited or taken back; the id of the event that brought it into being."""

CommunityId = NewType("CommunityId", str)
ChannelId = NewType("ChannelId", str)
"""The places that carry one conversation."""

ItemId = NewType("ItemId", str)
"""One outgoing item: the tail of its activity id on ActivityPub, the root of its transaction id on Matrix."""

RosterId = NewType("RosterId", str)
"""A standing set of destinations: `followers:{community}`, `place:{native}`."""

MATRIX = Protocol("matrix")
ACTIVITYPUB = Protocol("activitypub")
LOOPBACK = Protocol("loopback")
OURS = Protocol("folkmoot")
"""The pseudo-protocol of things that only we know: a community that an ActivityPub group or a bot stands for."""


class Native(msgspec.Struct, frozen=True, order=True):
    """What a protocol calls one of its own things: a Matrix user, room or event id, an ActivityPub URL."""

    protocol: Protocol
    id: str

    def __str__(self) -> str:
        return f"{self.protocol}:{self.id}"


def parse_native(text: str) -> Native:
    """`matrix:!room:hs` back to its two halves. Raises ValueError when there is no colon."""
    protocol, colon, native = text.partition(":")
    if not (colon and native):
        raise ValueError(f"{text!r} is not PROTOCOL:ID")
    return Native(Protocol(protocol), native)


def derive(secret: bytes, *parts: str) -> str:
    """26 lower-case base32 characters from the node's secret (16–64 bytes) and any texts; parts never run together."""
    digest = hashlib.blake2b(key=secret[:64], digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return base64.b32encode(digest.digest()).decode("ascii").rstrip("=").lower()


def event_id(secret: bytes, native: Native, incarnation: int = 0) -> EventId:
    """The id of what `native` brought into being; `incarnation` counts how often it was restored."""
    return EventId(derive(secret, "event", native.protocol, native.id, str(incarnation)))


def revision_id(secret: bytes, native: Native, digest: str) -> EventId:
    """The id of one revision of an object: servers reuse the activity id of an Update (GoToSocial 0.20, Takahe 0.11)."""
    return EventId(derive(secret, "revision", native.protocol, native.id, digest))


def item_id(secret: bytes, event: EventId, place: Native, form: str) -> ItemId:
    """The id of one outgoing item: the same event, place and form always give the same item."""
    return ItemId(derive(secret, "item", event, str(place), form))
