"""Our one internal event: what happened, where, by whom, who may see it, and which way it came."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.ids import ChannelId, CommunityId, EventId, Native, ObjectId


class Provenance(msgspec.Struct, frozen=True):
    """Where it was born and the path it took.

    `native` is the object's or activity's own id; `node` the bridge whose mark it carries ("" when none); `hops` how many bridges
    it crossed; `url` a page people can open; `thread` what the place itself calls the root of the thread it was said in, `about` what it
    calls the thing that a sign or an order is about (which may never have crossed, so that only the place knows it).
    """

    native: Native
    node: str = ""
    hops: int = 0
    url: str | None = None
    thread: str | None = None
    about: str | None = None


class Event(msgspec.Struct, frozen=True):
    """`id` is derived (model/ids.py); `at` is the author's clock, clamped to receipt + 60 s; `received_at` ours; both aware, UTC.

    `wire` keeps the received activity byte for byte where a group must pass it on unchanged (FEP-1b12).
    """

    id: EventId
    community: CommunityId
    channel: ChannelId
    place: Native
    author: Actor
    content: Content
    audience: Audience
    at: datetime
    received_at: datetime
    provenance: Provenance
    wire: bytes | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)


def encode(event: Event) -> bytes:
    """MessagePack, for the journal."""
    return _encoder.encode(event)


def decode(body: bytes) -> Event:
    """The reverse of `encode`. Raises msgspec.ValidationError when the bytes are not an event."""
    return _decoder.decode(body)


def object_of(event: Event) -> ObjectId:
    """The object this event is about: itself when it brings one into being, else its target."""
    content = event.content
    target = getattr(content, "target", None)
    if isinstance(target, str):
        return ObjectId(target)
    return ObjectId(event.id)
