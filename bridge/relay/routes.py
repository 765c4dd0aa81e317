"""Finds where the people that an event involves hear us, place by place, so that planning can stay pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.model.actor import Actor
from bridge.model.content import Appointment, Membership, Notice, Sanction
from bridge.model.event import Event
from bridge.model.ids import Native, Protocol
from bridge.model.item import Destination
from bridge.model.place import Place, PlaceKind
from bridge.norms.norm import words_of
from bridge.ports import Adapter, Store
from bridge.relay.plan import Route, targets_of

__all__ = ["Routes"]

MOST_INVOLVED = 50
"""People one event is sent to by name; a message that names more is an announcement, and they hear the place."""


class Routes:
    """`load` gives one route per place whose protocol this node speaks; a place of another protocol has none."""

    def __init__(self, store: Store, adapters: Mapping[Protocol, Adapter]) -> None:
        self._store = store
        self._adapters = adapters

    async def load(self, event: Event, places: Iterable[Place]) -> tuple[Route, ...]:
        """In the order of the places. Raises StorageError."""
        involved = await self._involved(event)
        routes = []
        for place in places:
            adapter = self._adapters.get(place.native.protocol)
            if adapter is None:
                continue
            near: list[Destination] = []
            if place.kind is PlaceKind.PERSON:
                near += await adapter.destinations(place)
            elif place.kind is not PlaceKind.ROOM:
                near += [one for actor in involved if (one := _reach(adapter, actor, alone=False)) is not None]
                near += await adapter.destinations(place)
            alone = isinstance(event.content, Membership | Notice)
            own = _reach(adapter, event.author, alone=alone)
            routes.append(Route(place, adapter.capabilities(place), tuple(dict.fromkeys(near)), (own,) if own is not None else ()))
        return tuple(routes)

    async def _involved(self, event: Event) -> list[Actor]:
        """Authors of what it is about, people named in it, and whom it decides about, except its own author and accounts of ours."""
        people: dict[Native, None] = {}
        for target in targets_of(event.content):
            known = await self._store.objects.get(target)
            if known is not None:
                people[known.author] = None
        words = words_of(event.content)
        for mention in words.mentions if words is not None else ():
            people[mention.actor] = None
        if isinstance(event.content, Sanction | Appointment):
            people[event.content.whom] = None
        people.pop(event.author.native, None)
        found = []
        for person in list(people)[:MOST_INVOLVED]:
            known_actor = await self._store.directory.actor(person)
            if known_actor is not None and await self._store.directory.ghost(person) is None:
                found.append(known_actor[0])
        return found


def _reach(adapter: Adapter, actor: Actor, *, alone: bool) -> Destination | None:
    return adapter.destination_of(actor, alone=alone) if actor.native.protocol == adapter.protocol else None
