"""Loads what a person may ask for about themselves: all that is kept of them, and how they look on the other side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time

from bridge.model.actor import Actor
from bridge.model.content.notice import Notice
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId, Protocol
from bridge.model.place import Community, Place, PlaceKind
from bridge.model.portal import Portal
from bridge.model.record import Said
from bridge.moderation.commands import Export
from bridge.moderation.own import MOST_POSTS, LookFacts, Membership, Owned, Posted, export, look
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.context import home_protocol

__all__ = ["Own"]

MOST_HOLDS = 500
PAGE = 100


class Own:
    """`export` and `look` give the notices that answer; they only read."""

    def __init__(self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock

    async def export(self, order: Export, event: Event, answer_in: Native | None) -> tuple[Notice, ...]:
        """Raises StorageError."""
        person, store = event.author.native, self._store
        since = datetime.combine(order.since, time(), UTC) if order.since is not None else None
        consents = {consent.community: consent for consent in await store.decisions.consents(person)}
        seats = await store.seats.held_by(person)
        memberships = []
        for community in await store.directory.communities():
            let_in = await store.decisions.released_count(person, community.id)
            held = tuple(seat for seat in seats if seat.community == community.id)
            if community.id in consents or let_in or held:
                memberships.append(Membership(community, consents.get(community.id), let_in, held))
        ghosts = [await store.directory.ghost_of(protocol, person) for protocol in self._adapters if protocol != person.protocol]
        posts, more = await self._posts(person, Said(since=since))
        owned = Owned(
            person=await self._seen(event.author),
            domain=self._node.domain,
            now=self._clock.now(),
            memberships=tuple(memberships),
            ghosts=tuple(ghost for ghost in ghosts if ghost is not None and ghost.ended is None),
            holds=await store.decisions.holds(None, MOST_HOLDS, person),
            posts=posts,
            since=since,
            more=more,
            answer_in=answer_in,
            cases=await store.cases.naming(person, MOST_HOLDS),
            log=await store.log.concerning(person, MOST_HOLDS),
            door=await store.portals.door(person),
            portals=await self._portals(person),
        )
        return export(owned)

    async def _portals(self, person: Native) -> tuple[tuple[Portal, Actor | None], ...]:
        """Their private conversations, each with the other one."""
        found = []
        for portal in await self._store.portals.of(person, MOST_HOLDS):
            other = portal.correspondent if portal.member == person else portal.member
            known = await self._store.directory.actor(other)
            found.append((portal, known[0] if known is not None else None))
        return tuple(found)

    async def _posts(self, person: Native, part: Said) -> tuple[tuple[Posted, ...], datetime | None]:
        """What stands, oldest first, and when the first that did not fit crossed."""
        posts: list[Posted] = []
        after = 0
        while page := await self._store.objects.said_by(person, part, after, PAGE):
            for ordinal, known in page:
                after = ordinal
                event = await self._store.objects.current(known.id) if known.retracted_at is None else None
                if event is None:
                    continue
                if len(posts) == MOST_POSTS:
                    return tuple(posts), known.crossed_at
                posts.append(Posted(known, event, await self._addresses(known.id, event)))
        return tuple(posts), None

    async def _addresses(self, object_id: ObjectId, event: Event) -> tuple[str, ...]:
        channel = await self._store.directory.channel(event.channel)
        places = [place for place in channel.places if place.native != event.place] if channel is not None else []
        found = [await self._store.objects.copy(object_id, place.native) for place in places]
        return tuple(dict.fromkeys(address for address in found if address is not None))

    async def look(self, event: Event, community: Community, answer_in: Native | None) -> tuple[Notice, ...]:
        """Raises StorageError."""
        person, directory = event.author.native, self._store.directory
        channels = await directory.channels(community.id)
        home = home_protocol(channels[0]) if channels else ACTIVITYPUB
        needs = person.protocol != home
        rooms = tuple(place for channel in channels for place in channel.places if place.kind is PlaceKind.ROOM)
        ghost = await directory.ghost_of(home if needs else _of_rooms(rooms, home), person)
        facts = LookFacts(
            person=await self._seen(event.author),
            domain=self._node.domain,
            community=community,
            needs_consent=needs,
            consent=await self._store.decisions.consent(person, community.id),
            ghost=ghost if ghost is not None and ghost.ended is None else None,
            rooms=rooms,
            answer_in=answer_in,
        )
        return (look(facts),)

    async def _seen(self, author: Actor) -> Actor:
        """With name and picture, which an order by itself does not bring."""
        known = await self._store.directory.actor(author.native)
        return author if known is None or author.name or author.avatar else known[0]


def _of_rooms(rooms: tuple[Place, ...], home: Protocol) -> Protocol:
    return next((room.native.protocol for room in rooms), home)
