"""The echo of our own item in its place: the receipt that nothing between sending and noting can lose (matrix.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.changes import AppendItem, Change, EndEvent, EraseEvent, PutCopy, PutPart
from bridge.model.actor import Actor
from bridge.model.content import Retraction, Sighting
from bridge.model.event import Event
from bridge.model.ids import Protocol
from bridge.model.item import Item
from bridge.model.record import KnownObject, Part
from bridge.norms.decision import Decision, Ruling, Rung, Verdict
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.plan import plan
from bridge.relay.routes import Routes

__all__ = ["Echoes"]


class Echoes:
    """Reads what an echo tells; what it returns is committed by the relay."""

    def __init__(self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._routes = Routes(store, adapters)

    async def hear(self, event: Event, sighting: Sighting) -> list[Change]:
        """The name its place gave a copy of ours. Raises StorageError."""
        known = await self._store.objects.get(sighting.target)
        if known is not None and sighting.part is not None:
            return await self._hear_part(event, sighting, sighting.part, known)
        if known is None or await self._store.objects.copy(sighting.target, event.place) is not None:
            return [EraseEvent(event.id, "noted")]
        return await self._noted(event, known, PutCopy(sighting.target, event.place, sighting.native))

    async def _hear_part(self, event: Event, sighting: Sighting, number: int, known: KnownObject) -> list[Change]:
        if any(part.number == number for part in await self._store.objects.parts(known.id, event.place)):
            return [EraseEvent(event.id, "noted")]
        heard: list[Change] = [PutPart(known.id, event.place, Part(number, sighting.native, sighting.source))]
        if number == 0 and await self._store.objects.copy(known.id, event.place) is None:
            heard.append(PutCopy(known.id, event.place, sighting.native))
        return await self._noted(event, known, *heard)

    async def _noted(self, event: Event, known: KnownObject, *heard: Change) -> list[Change]:
        if known.retracted_at is None:
            return [*heard, EraseEvent(event.id, "noted")]
        items = await self._take_back(event, known)
        return [*heard, *(AppendItem(item, self._clock.now()) for item in items), EndEvent(event.id, "crossed" if items else "noted")]

    async def _take_back(self, event: Event, known: KnownObject) -> tuple[Item, ...]:
        """It was taken back while nobody knew whether it had arrived: the answer to its sending was lost. So it is taken back there now."""
        channel = await self._store.directory.channel(known.channel)
        place = channel.place(event.place) if channel is not None else None
        if place is None:
            return ()
        seen = await self._store.directory.actor(known.author)
        author = seen[0] if seen is not None else Actor(known.author, known.author.id, "")
        back = msgspec.structs.replace(event, place=known.place, author=author, content=Retraction(known.id), audience=known.audience)
        allowed = Decision(event.id, "", ((place.native, Ruling(Verdict.PASS, known.audience)),), Rung.ALLOW)
        routes = await self._routes.load(back, (place,))
        return plan(back, allowed, routes, self._node.secret, is_root=False).items
