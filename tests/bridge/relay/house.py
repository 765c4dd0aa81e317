"""A whole node without sockets: a hall whose people really speak, activities as an inbox would take them, and a clock moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bridge.administration import Administration
from bridge.changes import PutActor
from bridge.model.actor import Actor
from bridge.model.content import Notice
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, OURS, EventId, Native, Protocol, derive
from bridge.model.item import Destination, Item
from bridge.model.place import Community, Place, PlaceKind
from bridge.model.record import Hold, KnownObject, Record
from bridge.net.client import Client
from bridge.net.guard import Policy
from bridge.ports import Adapter, Node
from bridge.refs import Refs
from bridge.relay.loading import Loader
from bridge.relay.reader import Reader
from bridge.relay.relay import Relay
from bridge.settings import Settings
from bridge.streams import Intake
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.activitypub.ids import PUBLIC
from protocols.loopback.adapter import LoopbackAdapter
from protocols.loopback.hall import Hall
from protocols.loopback.people import Person
from storage import SqlStore, open_memory

NODE = Node("moot.example", "https://moot.example", b"a secret of sixteen bytes or more")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HALL = Native(LOOPBACK, "hall")
EVER = timedelta(days=3650)


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)


class House:
    """`await House.open()`; what people do is said to `hall`, what the fediverse sends to `receive`, and `settle` lets the loops work."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.store: SqlStore = open_memory(clock=self.clock)
        self.hall = Hall(self.clock, stamp="h")
        self.adapters: dict[Protocol, Adapter] = {}
        self.loader = Loader(self.store, self.adapters, self.clock)
        self.loopback = LoopbackAdapter(NODE, store=self.store, clock=self.clock, hall=self.hall)
        self.activitypub = ActivityPubAdapter(
            NODE,
            Settings(domain=NODE.domain, data_dir="unused"),
            store=self.store,
            clock=self.clock,
            client=Client(Policy(), "folkmoot/0"),
            fill=self._fill,
            pages=None,
            version="0",
        )
        self.adapters |= {LOOPBACK: self.loopback, ACTIVITYPUB: self.activitypub}
        self.reader = Reader(self.store, self.adapters, self.loader, self.clock)
        self.relay = Relay(NODE, self.store, self.adapters, self.loader, self.clock)
        self.administration = Administration(NODE, self.store, self.adapters, self.relay, self.clock, version="0")
        self._numbers = iter(range(1, 1_000_000))

    async def _fill(self, refs: Refs, needs: Any) -> None:
        await self.loader.fill(refs, needs, ACTIVITYPUB, outside=False)

    @classmethod
    async def open(cls) -> House:
        """One community, `commons`, whose room is the hall."""
        house = cls()
        house.hall.open("hall", "The Hall")
        for adapter in house.adapters.values():
            await adapter.start()
        await house.administration.community_create(handle="commons", name="The Commons")
        await house.administration.community_link(handle="commons", place="loopback:hall")
        return house

    async def community(self) -> Community:
        return (await self.store.directory.communities())[0]

    async def group(self) -> Place:
        channel = (await self.store.directory.channels((await self.community()).id))[0]
        return next(place for place in channel.places if place.kind is PlaceKind.GROUP)

    def person(self, name: str) -> Person:
        return self.hall.person(name)

    async def settle(self) -> None:
        """Until there is nothing left to read and to relay."""
        while await self.reader.step() or await self.relay.step():
            pass

    async def opted_in(self, name: str, words: str = "cross on") -> Person:
        person = self.person(name)
        await person.tell_bot(words)
        await self.settle()
        return person

    # ------------------------------------------------------------------------------------------------------ the fediverse

    async def stranger(self, name: str, host: str = "a.example", **more: Any) -> Actor:
        """Somebody elsewhere whom this node has seen before."""
        url = f"https://{host}/u/{name}"
        actor = Actor(
            Native(ACTIVITYPUB, url),
            f"@{name}@{host}",
            host,
            name.title(),
            url=url,
            route=f"{url}/inbox",
            shared_route=f"https://{host}/inbox",
            followers=f"{url}/followers",
            **more,
        )
        await self.store.journal.commit([PutActor(actor, self.clock.now())])
        return actor

    async def receive(self, actor: Actor, activity: dict[str, Any]) -> str:
        """As the inbox commits what is signed, and read at once; returns the activity's id."""
        id_ = await self.accept(actor, activity)
        await self.settle()
        return id_

    async def accept(self, actor: Actor, activity: dict[str, Any]) -> str:
        """As the inbox commits what is signed; returns the activity's id."""
        number = next(self._numbers)
        full = {"id": f"https://{actor.host}/a/{number}", "actor": actor.native.id, "to": [PUBLIC], **activity}
        body = msgspec.json.encode(full)
        key = derive(NODE.secret, "intake", ACTIVITYPUB, str(full["id"]))
        entry = Intake(key, actor.host, ACTIVITYPUB, "activity", body, self.clock.now(), signer=actor.native.id)
        await self.store.journal.accept([entry])
        return str(full["id"])

    async def follow(self, actor: Actor) -> str:
        return await self.receive(actor, {"type": "Follow", "object": (await self.group()).native.id})

    async def post(self, actor: Actor, text: str, *, reply_to: str | None = None, **more: Any) -> str:
        """A public post addressed to the group; returns the note's id."""
        activity = await self.create(actor, text, **({"inReplyTo": reply_to} if reply_to else {}), **more)
        await self.receive(actor, activity)
        return str(activity["object"]["id"])

    async def create(self, actor: Actor, text: str, **more: Any) -> dict[str, Any]:
        """The Create of a public post addressed to the group, published now."""
        group = (await self.group()).native.id
        url = f"https://{actor.host}/o/{next(self._numbers)}"
        note = {
            "id": url,
            "type": "Note",
            "attributedTo": actor.native.id,
            "to": [PUBLIC],
            "cc": [group],
            "content": f"<p>{text}</p>",
            "published": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            **more,
        }
        return {"type": "Create", "object": note, "cc": [group]}

    async def known(self, actor: Actor) -> Actor:
        """They followed, posted, and were let in."""
        await self.follow(actor)
        await self.post(actor, "hello, I am new here")
        await self.administration.release(id=(await self.holds())[0].event_id)
        await self.settle()
        return actor

    # ------------------------------------------------------------------------------------------------------ what came of it

    async def out(self, destination: str | None = None) -> list[tuple[Destination, Item]]:
        """Everything that waits to be sent, in order per lane, but for the greeting of the hall."""
        found = []
        for lane in await self.store.deliveries.lanes(self.clock.now() + EVER, 1000):
            if destination is not None and lane.destination.address != destination:
                continue
            queued = [one.item for one in await self.store.deliveries.read(lane, 1000) if one.item is not None and not one.taken_back]
            found += [(lane.destination, item) for item in queued if not is_greeting(item)]
        return found

    async def forms(self, destination: str | None = None) -> list[str]:
        """`form:content` of everything that waits for a destination."""
        return [f"{item.form}:{item.event.content.__struct_config__.tag}" for _, item in await self.out(destination)]

    async def told(self, person: str) -> list[str]:
        """What the bridge has to say to somebody, sent or not."""
        content = [item.event.content for _, item in await self.out()]
        return [one.text.plain for one in content if hasattr(one, "to") and one.to.id.endswith(person)]

    async def records(self) -> list[Record]:
        """Newest first."""
        return list(await self.store.journal.recent_events(None, 200))

    async def endings(self, kind: str) -> list[str]:
        """How every event of a kind ended, oldest first."""
        return [record.ended for record in reversed(await self.records()) if record.kind == kind]

    async def holds(self) -> list[Hold]:
        return list(await self.store.decisions.holds(None, 100))

    async def object(self, native: str, protocol: Protocol = LOOPBACK) -> KnownObject | None:
        return await self.store.objects.find(Native(protocol, native))

    async def record(self, event_id: str) -> Record:
        found = await self.store.journal.record(EventId(event_id))
        assert found is not None
        return found


def is_greeting(item: Item) -> bool:
    """What a room hears when it is linked."""
    return isinstance(item.event.content, Notice) and item.event.content.to.protocol == OURS
