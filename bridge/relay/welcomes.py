"""Tells somebody on the group's own network, once, what the place is they have come to, who can read it, and how to leave (norms.md N01, N05).

Never more than a few an hour to one server: whoever sends us a crowd does not make us write to it (norms.md 3.7).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.changes import Change, NoteRelayed
from bridge.model.actor import ActorKind, Mark
from bridge.model.content import Profile
from bridge.model.event import Event
from bridge.model.ids import derive
from bridge.model.place import PlaceKind
from bridge.moderation.own import marked, welcome
from bridge.ports import Node, Store
from bridge.relay.context import home_protocol
from bridge.relay.notices import Notices

__all__ = ["Welcomes"]

MOST_AN_HOUR = 20
EVER = timedelta(days=36_500)
HOUR = timedelta(hours=1)
_REFUSES = frozenset({Mark.NOBRIDGE, Mark.NOBOT})


class Welcomes:
    """`greet` for who follows or writes, `refused` for who says in their profile that they are not to be bridged."""

    def __init__(self, node: Node, store: Store, *, notices: Notices) -> None:
        self._node = node
        self._store = store
        self._notices = notices

    async def greet(self, event: Event, now: datetime) -> list[Change]:
        """Nothing for programs, for people of a group elsewhere, and for whoever was told before. Raises StorageError."""
        person, community = event.author, await self._store.directory.community(event.community)
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        if community is None or channel is None or place is None or place.kind is not PlaceKind.GROUP:
            return []
        if person.native.protocol != event.place.protocol or person.kind is not ActorKind.PERSON or person.marks & _REFUSES:
            return []
        told = derive(self._node.secret, "welcomed", str(person.native), community.id)
        if await self._store.decisions.relayed(told) or await self._store.directory.ghost(person.native) is not None:
            return []
        slot = await self._slot(person.host, now)
        if slot is None:
            return []
        rooms = tuple(one for one in channel.places if one.kind is PlaceKind.ROOM)
        words = welcome(person.native, community, f"@{community.handle}@{self._node.domain}", rooms)
        said = await self._notices.items([words], event, community.id, now)
        return [*said, NoteRelayed(told, now + EVER), NoteRelayed(slot, now + HOUR)]

    async def _slot(self, host: str, now: datetime) -> str | None:
        """One of the places that a server has in an hour, if any is free."""
        for number in range(MOST_AN_HOUR):
            slot = derive(self._node.secret, "welcomes", host, now.strftime("%Y-%m-%dT%H"), str(number))
            if not await self._store.decisions.relayed(slot):
                return slot
        return None

    async def refused(self, event: Event, profile: Profile, now: datetime) -> list[Change]:
        """Their profile asks from now on not to be bridged: what is there already is theirs to take back, and they are told so once."""
        person, marks = profile.actor.native, profile.actor.marks & _REFUSES
        crossed = await self._store.objects.count(person, event.community) if marks else 0
        consent = await self._store.decisions.consent(person, event.community) if crossed else None
        told = derive(self._node.secret, "refused", str(person), event.community)
        willing = marks == {Mark.NOBOT} and consent is not None and consent.opted_in_by_act
        if not crossed or willing or await self._store.decisions.relayed(told):
            return []
        channel = await self._store.directory.channel(event.channel)
        near = channel is not None and person.protocol == home_protocol(channel)
        if not near and await self._store.directory.conversation(person) is None:
            return []
        said = await self._notices.items([marked(person, crossed)], event, event.community, now)
        return [*said, NoteRelayed(told, now + EVER)]
