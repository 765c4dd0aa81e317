"""What every reader of a matrix event needs: who said it, where, when, and what it points at.

An event id from another room counts as unknown (matrix.md S1: GHSA-c7hh-3v6c-fj4q and CVE-2024-32000 leaked words that way).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from bridge.model.actor import Actor, ActorKind, marks_in
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.event import Event, Provenance
from bridge.model.ids import MATRIX, Native, ObjectId, event_id
from bridge.model.place import Channel, Join
from bridge.model.record import KnownObject
from bridge.refs import Read, Refs
from protocols.matrix.ids import Me, actor_link, event_link, host_of
from protocols.matrix.wire import MatrixEvent, OriginMark

__all__ = ["Frame", "Target", "account", "aim", "author_of", "make", "page", "said_at"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Frame(msgspec.Struct, frozen=True):
    """One matrix event in a room of one of our communities."""

    me: Me
    raw: MatrixEvent
    channel: Channel
    received_at: datetime

    @property
    def room(self) -> Native:
        return Native(MATRIX, self.raw.room_id)

    @property
    def native(self) -> Native:
        return Native(MATRIX, self.raw.event_id)


class Target(msgspec.Struct, frozen=True):
    """What an event points at. `known` None: it never crossed, or has not been decided yet."""

    id: ObjectId
    known: KnownObject | None = None


def aim(frame: Frame, refs: Refs, native: str) -> Target | None:
    """The object behind an event id of this room; None when it is no event id, or belongs to another room."""
    if not native.startswith("$") or len(native) > 255:
        return None
    source = Native(MATRIX, native)
    known = refs.object_at(source)
    if known is None:
        return Target(ObjectId(event_id(frame.me.secret, source)))
    born_here = known.place == frame.room and known.native == source
    if born_here or refs.copy(known.id, frame.room) == native:
        return Target(known.id, known)
    if any(part.native == native for part in refs.parts(known.id, frame.room)):
        return Target(known.id, known)
    return None


def account(user: str, name: str | None = None, avatar: str | None = None) -> Actor:
    """A Matrix account as we show it. Accounts whose name begins with `_` belong to some bridge: people cannot register them."""
    shown = " ".join((name or "").split())[:100]
    return Actor(
        native=Native(MATRIX, user),
        handle=user,
        host=host_of(user).lower(),
        name=shown,
        kind=ActorKind.SERVICE if user.startswith("@_") else ActorKind.PERSON,
        url=actor_link(user),
        avatar=avatar if avatar and avatar.startswith("mxc://") else None,
        marks=marks_in(shown),
    )


def author_of(frame: Frame, refs: Refs) -> Actor:
    """The sender, with the name they go by where we know it."""
    return refs.actor(Native(MATRIX, frame.raw.sender)) or account(frame.raw.sender)


def said_at(frame: Frame) -> datetime:
    """The sender's clock, never later than receipt and a minute (a homeserver may claim any time up to 2^53 ms)."""
    latest = frame.received_at + timedelta(seconds=60)
    most = int((latest - _EPOCH).total_seconds() * 1000)
    return _EPOCH + timedelta(milliseconds=max(0, min(frame.raw.origin_server_ts, most)))


def page(frame: Frame) -> str | None:
    """Where people can open this event; nothing for a room that not everyone may enter, since its id is nobody else's business."""
    place = frame.channel.place(frame.room)
    if place is None or place.openness.join is not Join.PUBLIC or place.openness.encrypted:
        return None
    return event_link(frame.raw.room_id, frame.raw.event_id, frame.me.server_name)


def make(
    frame: Frame,
    content: Content,
    author: Actor,
    *,
    mark: OriginMark | None = None,
    thread: str | None = None,
    about: str | None = None,
) -> Read:
    """The one event a matrix event becomes. `thread` is what Matrix calls the root of the thread it was said in, `about` what a sign or an
    order points at."""
    place = frame.channel.place(frame.room)
    return Read((
        Event(
            id=event_id(frame.me.secret, frame.native),
            community=frame.channel.community,
            channel=frame.channel.id,
            place=frame.room,
            author=author,
            content=content,
            audience=Audience.DIRECT if place is not None and place.person is not None else Audience.PUBLIC,
            at=said_at(frame),
            received_at=frame.received_at,
            provenance=Provenance(
                native=frame.native,
                node=mark.node[:255] if mark else "",
                hops=max(0, mark.hops) if mark else 0,
                url=page(frame),
                thread=thread,
                about=about,
            ),
        ),
    ))  # fmt: skip
