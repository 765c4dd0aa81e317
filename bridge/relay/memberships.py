"""Following and its answer, coming and going, faces that end: what changes who hears a place, as changes of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from bridge.changes import (
    AppendEvent,
    AppendItem,
    Change,
    DropFollow,
    EndEvent,
    EndGhost,
    EndHold,
    EraseEvent,
    ForgetActor,
    JoinRoster,
    LeaveRoster,
    PutChannel,
    PutConsent,
    PutDecision,
    PutFollow,
    PutOmission,
)
from bridge.model.content import Membership, Profile, Retraction
from bridge.model.content.membership import Change as Coming
from bridge.model.content.release import Ending
from bridge.model.event import Event, Provenance, decode
from bridge.model.ids import OURS, CommunityId, Native, ObjectId, Protocol, RosterId, event_id
from bridge.model.item import Omission
from bridge.model.place import Channel, Place, PlaceKind
from bridge.model.record import Follow
from bridge.moderation.forgetting import left_room
from bridge.norms import VERSION
from bridge.norms.context import Crossing
from bridge.norms.decision import Decision, Ruling, Rung, Verdict
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.notices import Notices
from bridge.relay.plan import person_roster, place_roster, plan
from bridge.relay.routes import Routes
from bridge.relay.welcomes import Welcomes

__all__ = ["Memberships"]

_Chosen = Callable[[Channel, Event], tuple[Place, ...]]

MOST_HOLDS = 500

MOST_OBJECTS = 100_000
"""Of one author: more than anybody has said; the bound keeps a transaction finite."""


class Memberships:
    """`change` for a Membership, `left` for whoever is gone from a room, `ended` for a Profile that has ended, `spread` for one of no
    community."""

    def __init__(
        self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock, *, notices: Notices, welcomes: Welcomes
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._routes = Routes(store, adapters)
        self._notices = notices
        self._welcomes = welcomes

    async def change(self, event: Event, content: Membership) -> list[Change]:
        """Raises StorageError."""
        match content.change:
            case Coming.FOLLOW if content.subject.protocol == OURS:
                return await self._answered(event, self._foreign)
            case Coming.FOLLOW if content.subject.protocol != content.target.protocol:
                return await self._follows(event, content)
            case Coming.FOLLOW:
                return await self._followed(event, content)
            case Coming.UNFOLLOW if content.subject.protocol == OURS:
                return await self._answered(event, self._foreign)
            case Coming.UNFOLLOW if content.subject.protocol != content.target.protocol:
                return await self._follows(event, content)
            case Coming.UNFOLLOW:
                roster = await self._roster(event, content.target)
                left: list[Change] = [LeaveRoster(roster, content.subject)] if roster is not None else []
                return [DropFollow(content.subject, content.target), *left, EndEvent(event.id, "answered")]
            case Coming.ACCEPTED | Coming.REJECTED:
                return await self._heard(event, content)
            case Coming.LEAVE:
                return await self.left(event, content.subject)
            case Coming.JOIN | Coming.INVITE:
                # Who comes and goes in a room stays there: nobody is made to join elsewhere, and nothing of it is kept.
                return [EraseEvent(event.id, "noted")]

    async def left(self, event: Event, person: Native) -> list[Change]:
        """Whoever leaves a room, or is sent out of it, says nothing new from there that would cross, and is asked what is to become of the
        rest (N02)."""
        here, now = event.place, self._clock.now()
        consent = await self._store.decisions.consent(person, event.community)
        if consent is None or consent.in_room(here) is Crossing.OFF:
            return [EraseEvent(event.id, "noted")]
        channels = await self._store.directory.channels(event.community)
        rooms = [place for channel in channels for place in channel.places if place.kind is PlaceKind.ROOM]
        others = tuple(room for room in consent.rooms if room[0] != here)
        silent = msgspec.structs.replace(consent, rooms=(*others, (here, Crossing.OFF)), since=now)
        if all(room.native == here for room in rooms):
            silent = msgspec.structs.replace(consent, state=Crossing.OFF, rooms=(), since=now, opted_in_by_act=False)
        changes: list[Change] = [PutConsent(silent)]
        for hold in await self._store.decisions.holds(event.community, MOST_HOLDS, person):
            if decode(hold.body).place == here:
                changes += [EndHold(hold.event_id, Ending.LOCAL, now), EraseEvent(hold.event_id, "kept local")]
        if await self._store.directory.conversation(person) is not None:
            room = next((place.name for place in rooms if place.native == here), "")
            asked = left_room(person, room, await self._store.objects.count(person, event.community))
            changes += await self._notices.items([asked], event, event.community, now)
        return [*changes, EraseEvent(event.id, "noted")]

    async def _followed(self, event: Event, content: Membership) -> list[Change]:
        """Accepted at once: reading along asks nobody's leave. A second Follow is answered again, for who missed the first answer."""
        adapter = self._adapters.get(content.subject.protocol)
        roster = await self._roster(event, content.target)
        destination = adapter.destination_of(event.author, alone=False) if adapter is not None else None
        if roster is None or destination is None or content.request is None:
            text = "Who follows has no address of their own, or follows nobody that is here."
            return [PutOmission(Omission(event.id, event.place, "follow.nowhere", text)), EraseEvent(event.id, "refused")]
        follow = Follow(content.subject, content.target, content.request, event.received_at, accepted=self._clock.now())
        changes: list[Change] = [PutFollow(follow), JoinRoster(roster, destination, content.subject)]
        answered = await self._answered(event, self._own)
        greeted = await self._welcomes.greet(event, self._clock.now()) if content.target == event.place else []
        return [*changes, *answered, *greeted]

    async def _follows(self, event: Event, content: Membership) -> list[Change]:
        """One of our people follows, or leaves, the group elsewhere that carries this conversation."""
        channel = await self._store.directory.channel(event.channel)
        adapter = self._adapters.get(content.target.protocol)
        ghost = await self._store.directory.ghost_of(content.target.protocol, content.subject)
        if channel is None or channel.place(content.target) is None or adapter is None or ghost is None or ghost.ended is not None:
            text = "Only a group that carries this conversation can be followed from here, by people who said `!cross on`."
            return [PutOmission(Omission(event.id, event.place, "follow.nowhere", text)), EraseEvent(event.id, "left out")]
        before = await self._store.directory.follow(ghost.native, content.target)
        if content.change is Coming.UNFOLLOW:
            request = before.request if before is not None else None
            left = msgspec.structs.replace(event, content=msgspec.structs.replace(content, request=request))
            return [DropFollow(ghost.native, content.target), *await self._answered(left, self._foreign)]
        follow = Follow(ghost.native, content.target, adapter.name_deed(event.id) or event.id, event.received_at)
        return [PutFollow(follow), *await self._answered(event, self._foreign)]

    async def _heard(self, event: Event, content: Membership) -> list[Change]:
        """The group elsewhere said yes or no to our Follow."""
        follow = await self._store.directory.follow(content.subject, content.target)
        changes: list[Change] = []
        if follow is not None and content.change is Coming.ACCEPTED:
            changes.append(PutFollow(msgspec.structs.replace(follow, accepted=self._clock.now())))
        elif follow is not None:
            changes.append(DropFollow(content.subject, content.target))
        return [*changes, EndEvent(event.id, "answered")]

    async def _roster(self, event: Event, target: Native) -> RosterId | None:
        """Followers of the group, or of one of its people."""
        if target == event.place:
            channel = await self._store.directory.channel(event.channel)
            place = channel.place(event.place) if channel is not None else None
            return place_roster(place, event.community) if place is not None else None
        ghost = await self._store.directory.ghost(target)
        return person_roster(self._node.secret, ghost.of) if ghost is not None and ghost.ended is None else None

    async def appointed(self, event: Event) -> list[Change]:
        """The community itself gave or ended a seat: the servers that follow its group are told, so that buttons come and go there."""
        channel = await self._store.directory.channel(event.channel)
        places = tuple(place for place in channel.places if place.kind is PlaceKind.GROUP) if channel is not None else ()
        return [*await self._sent(event, places), EndEvent(event.id, "answered")]

    async def _answered(self, event: Event, chosen: _Chosen) -> list[Change]:
        """Sent by the place itself or by the community: no norm stands before an answer."""
        channel = await self._store.directory.channel(event.channel)
        places = chosen(channel, event) if channel is not None else ()
        return [*await self._sent(event, places), EndEvent(event.id, "answered")]

    async def _sent(self, event: Event, places: tuple[Place, ...]) -> list[Change]:
        now = self._clock.now()
        rulings = tuple((place.native, Ruling(Verdict.PASS, event.audience)) for place in places)
        decision = Decision(event_id=event.id, norms=VERSION, rulings=rulings, rung=Rung.ALLOW)
        planned = plan(event, decision, await self._routes.load(event, places), self._node.secret, is_root=False)
        changes: list[Change] = [PutDecision(decision, now)]
        changes += [AppendItem(item, now) for item in planned.items]
        return [*changes, *(PutOmission(omission) for omission in planned.omissions)]

    @staticmethod
    def _own(channel: Channel, event: Event) -> tuple[Place, ...]:
        return tuple(place for place in channel.places if place.native == event.place)

    @staticmethod
    def _foreign(channel: Channel, event: Event) -> tuple[Place, ...]:
        """The group elsewhere, also when it has just been unlinked."""
        target = event.content.target if isinstance(event.content, Membership) else event.place
        return (channel.place(target) or Place(target, PlaceKind.FOREIGN_GROUP),)

    # ------------------------------------------------------------------------------------------------------ the end of an account

    async def spread(self, event: Event, profile: Profile) -> list[Change]:
        """A face from elsewhere, for each community that knows it: where they spoke, wait, follow, or were shown. Raises StorageError."""
        person = profile.actor.native
        changes: list[Change] = []
        for community in await self._store.directory.communities():
            channels = await self._store.directory.channels(community.id)
            places = [place for channel in channels for place in channel.places if place.native.protocol == person.protocol]
            if places and await self._knows(community.id, places, person):
                native = Native(OURS, f"face/{event.id}/{community.id}")
                here = next(channel for channel in channels if channel.place(places[0].native) is not None)
                there = msgspec.structs.replace(
                    event, id=event_id(self._node.secret, native), community=community.id, channel=here.id, place=places[0].native
                )
                changes.append(AppendEvent(there))
        return [*changes, EraseEvent(event.id, "noted")]

    async def _knows(self, community: CommunityId, places: list[Place], person: Native) -> bool:
        store = self._store
        if await store.objects.recent(person, community, 1) or await store.decisions.holds(community, 1, person):
            return True
        for protocol in self._adapters:
            ghost = await store.directory.ghost_of(protocol, person)
            if ghost is not None and ghost.community == community:
                return True
        return any([await store.directory.follow(person, place.native) is not None for place in places])

    async def ended(self, event: Event, profile: Profile) -> list[Change]:
        """An account deleted itself: what it said is taken back everywhere, then its face goes. When the community itself sends one of its
        accounts away (it is retired), words in rooms stay: the room belongs to its people. Raises StorageError."""
        person = profile.actor.native
        if event.author.native == person:
            standing = await self._store.objects.recent(person, event.community, MOST_OBJECTS)
            if standing:
                return [*(AppendEvent(self._taken_back(event, known.id)) for known in standing), *self._again(event)]
        channel = await self._store.directory.channel(event.channel)
        places = tuple(place for place in channel.places if place.native != event.place or place.kind is PlaceKind.GROUP) if channel else ()
        changes = await self._sent(event, places)
        for protocol in self._adapters:
            ghost = await self._store.directory.ghost_of(protocol, person)
            if ghost is not None and ghost.ended is None and protocol != person.protocol:
                changes.append(EndGhost(ghost.native, self._clock.now()))
        if person.protocol == OURS and channel is not None:
            # The community itself: from here on nothing is said in its name, and its places are free for others.
            changes.append(PutChannel(msgspec.structs.replace(channel, places=())))
        elif event.author.native == person:
            changes += [DropFollow(person, place.native) for place in places]
            changes += [LeaveRoster(place_roster(place, event.community), person) for place in places]
            changes.append(ForgetActor(person, event.received_at))
        return [*changes, EndEvent(event.id, "crossed")]

    def _taken_back(self, event: Event, target: ObjectId) -> Event:
        native = Native(OURS, f"ended/{target}")
        return msgspec.structs.replace(
            event, id=event_id(self._node.secret, native), content=Retraction(target), provenance=Provenance(native), wire=None
        )

    def _again(self, event: Event) -> list[Change]:
        """The end itself once more, after all that was said is taken back: who has left a room cannot take anything back in it."""
        native = Native(OURS, f"ended/{event.id}")
        later = msgspec.structs.replace(event, id=event_id(self._node.secret, native), provenance=Provenance(native))
        return [AppendEvent(later), EndEvent(event.id, "answered")]
