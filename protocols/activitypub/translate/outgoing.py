"""One event on its way to a fediverse group, with everything a pure writer may look at.

What is asked for and not loaded yet ends as `Needs`; what cannot be said there ends as a `Lack`, which becomes an omission people can read.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native, ObjectId
from bridge.model.portal import portal_at
from bridge.model.record import KnownObject
from bridge.ports import Node
from bridge.refs import Refs
from protocols.activitypub.ids import activity_url, group_url, object_url, team_url
from protocols.activitypub.wire import Document


class Lack(msgspec.Struct, frozen=True):
    """`code` as `author.no_actor`; `text` is a sentence for people."""

    code: str
    text: str


Made: TypeAlias = "Document | Lack"


class Outgoing(msgspec.Struct, frozen=True):
    """`group` is the place it goes to: a group of ours or one elsewhere, or one person's side of a direct conversation."""

    event: Event
    group: Native
    refs: Refs
    me: Node

    def actor(self, who: Native, *, ended: bool = False) -> str | None:
        """The actor id of anybody: their own, or the one we serve for them. None when they have none here, or no more.

        `ended`: also the one that was taken back, which still says that it is gone and what of it is taken back.
        """
        if who.protocol == ACTIVITYPUB:
            return who.id
        ghost = self.refs.ghost_of(ACTIVITYPUB, who)
        return ghost.native.id if ghost is not None and (ended or ghost.ended is None) else None

    def team(self) -> str:
        """Who acts for the group's moderators."""
        return team_url(group_url(self.me, self.event.community))

    def url(self, object_id: ObjectId) -> str | None:
        """What an object is called on the fediverse; None when it never crossed."""
        return self.refs.copy(object_id, self.group)

    def object(self, object_id: ObjectId) -> KnownObject | None:
        return self.refs.object(object_id)

    def is_private(self) -> bool:
        """Does it go to one person, as their side of a direct conversation?"""
        return portal_at(self.group) is not None

    def correspondent(self) -> Native | None:
        """Who that person is; None for every other place, and for a conversation that has ended."""
        channel = self.refs.channel(self.group) if self.is_private() else None
        place = channel.place(self.group) if channel is not None else None
        return place.person if place is not None else None

    def own_url(self) -> str:
        """The object this event brings into being."""
        return self.event.provenance.native.id if self.is_foreign() else object_url(self.me, self.event.id)

    def own_activity(self) -> str:
        """One id for what a person did, however often and in whatever wrapping it is sent."""
        return activity_url(self.me, self.event.id)

    def is_foreign(self) -> bool:
        """Was it born on the fediverse?"""
        return self.event.provenance.native.protocol == ACTIVITYPUB

    def is_marked(self) -> bool:
        """Words born in another network carry our mark; people of the node's own place live here."""
        return self.event.provenance.native.protocol not in {ACTIVITYPUB, LOOPBACK}


NOBODY = Lack("person.gone", "The person this was for is not to be found any more.")
NO_ACTOR = Lack("author.no_actor", "Its author has no address on the fediverse, so nobody there could have said it.")
