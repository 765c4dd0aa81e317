"""What every reader of a deed needs: who did it, where, when, and what it points at.

A message of another room counts as no target (matrix.md S1: GHSA-c7hh-3v6c-fj4q and CVE-2024-32000 leaked words that way).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.event import Event, Provenance
from bridge.model.ids import LOOPBACK, Native, ObjectId, event_id
from bridge.model.place import Channel
from bridge.model.record import KnownObject
from bridge.ports import Node
from bridge.refs import Read, Refs
from protocols.htmltree import safe_href, scrub
from protocols.loopback.ids import is_ghost, native_of
from protocols.loopback.wire import Account, Deed

__all__ = ["Frame", "Target", "aim", "make", "one_line", "person", "whom"]

MOST_NAME = 100


class Frame(msgspec.Struct, frozen=True):
    """One deed in a room of one of our communities."""

    me: Node
    raw: Deed
    channel: Channel
    received_at: datetime

    @property
    def room(self) -> Native:
        return Native(LOOPBACK, self.raw.room)

    @property
    def native(self) -> Native:
        return Native(LOOPBACK, self.raw.id)


class Target(msgspec.Struct, frozen=True):
    """What a deed points at. `known` None: it never crossed, or has not been decided yet."""

    id: ObjectId
    known: KnownObject | None = None


def aim(frame: Frame, refs: Refs, deed: str) -> Target | None:
    """The object behind a name this room has given; None when it is no name, or one of another room."""
    if not deed or len(deed) > 255:
        return None
    source = Native(LOOPBACK, deed)
    known = refs.object_at(source)
    if known is None:
        return Target(ObjectId(event_id(frame.me.secret, source)))
    if (known.place == frame.room and known.native == source) or refs.copy(known.id, frame.room) == deed:
        return Target(known.id, known)
    return None


def one_line(text: str, most: int) -> str:
    """Without control characters, breaks and more than `most` characters."""
    return " ".join(scrub(text).split())[:most]


def person(account: Account, me: Node) -> Actor:
    """Somebody who lives in a hall of this node."""
    return Actor(
        native=Native(LOOPBACK, account.id),
        handle=f"@{account.id}",
        host=me.domain,
        name=one_line(account.name, MOST_NAME),
        avatar=safe_href(account.avatar),
    )


def whom(who: str, refs: Refs) -> Native:
    """The person a name stands for: themselves, or the one whose ghost it is."""
    native = native_of(who)
    ghost = refs.ghost(native) if native.protocol == LOOPBACK and is_ghost(native.id) else None
    return ghost.of if ghost is not None else native


def _said_at(at: datetime, received_at: datetime) -> datetime:
    """The hall's clock, never later than receipt and a minute; a moment before the first year is none."""
    try:
        return min(at.astimezone(UTC), received_at + timedelta(seconds=60))
    except OverflowError:
        return received_at


def make(frame: Frame, content: Content, *, thread: str | None = None, about: str | None = None) -> Read:
    """The one event a deed becomes. `thread` is what the hall calls the root of the thread, `about` what a sign or an order points at."""
    raw, mark, place = frame.raw, frame.raw.mark, frame.channel.place(frame.room)
    return Read((
        Event(
            id=event_id(frame.me.secret, frame.native),
            community=frame.channel.community,
            channel=frame.channel.id,
            place=frame.room,
            author=person(raw.by, frame.me),
            content=content,
            audience=Audience.DIRECT if place is not None and place.person is not None else Audience.PUBLIC,
            at=_said_at(raw.at, frame.received_at),
            received_at=frame.received_at,
            provenance=Provenance(
                native=frame.native,
                node=mark.node[:255] if mark else "",
                hops=max(0, mark.hops) if mark else 0,
                thread=thread,
                about=about,
            ),
        ),
    ))  # fmt: skip
