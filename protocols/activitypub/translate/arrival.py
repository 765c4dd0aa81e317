"""One activity on its way in, with everything a pure reader may look at; nothing here is believed that was not checked.

Origin rules (activitypub.md 2.8) are named where they are enforced, so that a refusal tells which one was broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, EventId, Native
from bridge.model.place import Channel, PlaceKind
from bridge.model.record import KnownObject
from bridge.ports import Node
from bridge.refs import Ignored, Needs, Refs
from protocols.activitypub.ids import host_of, is_ours, native, tail_of
from protocols.activitypub.translate.thing import Thing, decode

MOST_ABOVE = 4
"""Posts above one that is read, which are fetched when they are unknown. A stranger could make a chain of any length; each takes three or
four rounds of questions, and there are thirty (`bridge/relay/loading.py`)."""


class Spot(msgspec.Struct, frozen=True):
    """Where on the fediverse side something was said: the channel, and its group."""

    channel: Channel
    group: Native


class Arrival(msgspec.Struct, frozen=True):
    """`actor` is authenticated: it signed the request, or its own server served the activity. `group`: the foreign group that passed it on.

    `wire` is what a group of ours may pass on unchanged (trap 12); None for what was fetched or announced to us. `above`: how far up a chain
    of answers may still be asked for on its account.
    """

    activity: Thing
    actor: str
    refs: Refs
    me: Node
    received_at: datetime
    wire: bytes | None = None
    group: Spot | None = None
    above: int = MOST_ABOVE

    def author(self) -> Actor | None:
        """None also while it is being loaded."""
        return self.refs.actor(native(self.actor))

    def author_or_name(self) -> Actor:
        """For what must be heard even when its author is gone already."""
        return self.author() or self.nameless()

    def nameless(self) -> Actor:
        """The author as far as their address alone tells."""
        return Actor(
            native(self.actor),
            handle=f"@{self.actor.rstrip('/').rpartition('/')[2].lstrip('@')}@{host_of(self.actor)}",
            host=host_of(self.actor),
        )

    def needs(self) -> Needs | None:
        """What has to be loaded before anything can be said, if anything has."""
        return Needs(tuple(self.refs.missing)) if self.refs.missing else None

    def known(self, url: str) -> KnownObject | None:
        return self.refs.object_at(native(url)) if url else None

    def fetched(self, url: str) -> Thing | None:
        """The document at `url`, as its own server serves it (rules O2, O5); None when it is not there, or still to be loaded."""
        body = None if not self.above or is_ours(self.me, url) else self.refs.document(url)
        found = decode(body) if body else None
        return found if found is not None and found.id == url else None

    def gone(self, url: str) -> bool:
        """Does its own server say it no longer exists? (404, 410, or a tombstone.)"""
        if not self.above or is_ours(self.me, url):
            return False
        body = self.refs.document(url)
        if body == b"":
            return True
        found = decode(body) if body else None
        return found is not None and found.id == url and found.type == "Tombstone"

    def event(
        self, event_id: EventId, spot: Spot, author: Actor, content: Content, *, audience: Audience, at: datetime, come: Provenance
    ) -> Event:
        return Event(
            id=event_id,
            community=spot.channel.community,
            channel=spot.channel.id,
            place=spot.group,
            author=author,
            content=content,
            audience=audience,
            at=at,
            received_at=self.received_at,
            provenance=come,
            wire=self.wire,
        )


def refused(rule: str, why: str) -> Ignored:
    """An origin rule was broken; recorded as such."""
    return Ignored(f"{rule}: {why}", refused=True)


def same_server(one: str, other: str) -> bool:
    """Compared by parsed host, never by prefix (rule O1)."""
    host = host_of(one)
    return bool(host) and host == host_of(other)


def group_spot(arrival: Arrival, urls: Iterable[str]) -> Spot | None:
    """The first of these that is a community of ours."""
    for url in urls:
        if tail_of(arrival.me, url, "c"):
            channel = arrival.refs.channel(native(url))
            if channel is not None:
                return Spot(channel, native(url))
    return None


def known_spot(arrival: Arrival, known: KnownObject) -> Spot | None:
    """The fediverse side of the channel, or of the direct conversation, that a known object is in."""
    channel = arrival.refs.channel(known.place)
    if channel is None:
        return None
    group = next((place.native for place in channel.places if place.native.protocol == ACTIVITYPUB), None)
    return Spot(channel, group) if group is not None else None


def foreign_group(arrival: Arrival) -> Spot | None:
    """The channel in which a group on another server, the actor of this, is one of the places."""
    if is_ours(arrival.me, arrival.actor):
        return None
    channel = arrival.refs.channel(native(arrival.actor))
    place = channel.place(native(arrival.actor)) if channel else None
    return Spot(channel, place.native) if channel and place and place.kind is PlaceKind.FOREIGN_GROUP else None
