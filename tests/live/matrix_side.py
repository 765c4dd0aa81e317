"""The Matrix half of a node on a real Synapse: adapter, store and door, and the few steps of the loops that its tests need."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from bridge.changes import EraseIntake, PutChannel, PutCommunity, PutCopy, PutObject
from bridge.homeserver import Homeserver, free_port
from bridge.keyfiles import Secrets
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Content, Message
from bridge.model.event import Event, Provenance, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, ChannelId, CommunityId, Native, ObjectId, event_id, item_id
from bridge.model.item import Delivered, Destination, Item, Outcome
from bridge.model.place import Channel, Community, Place, PlaceKind
from bridge.model.record import KnownObject
from bridge.model.richtext import from_plain
from bridge.ports import Node
from bridge.refs import Needs, Reading, Refs, Wire
from bridge.relay.loading import Loader
from bridge.settings import Matrix, Settings
from bridge.streams import Stream
from protocols.matrix.adapter import MatrixAdapter
from protocols.matrix.registration import registration
from storage import SqlStore, open_memory
from storage.hints import WallClock

SECRETS = Secrets(b"k" * 32, "our-own-token-" + "a" * 32, "the-homeservers-token-" + "b" * 32)
NODE = Node("moot.example", "https://moot.example", b"a secret of sixteen bytes or more")
GROUP = Place(Native(ACTIVITYPUB, "https://moot.example/c/commons"), PlaceKind.GROUP, "Commons")
COMMONS = CommunityId("commons")


def person(name: str, host: str = "a.example") -> Actor:
    """Somebody of the fediverse."""
    return Actor(Native(ACTIVITYPUB, f"https://{host}/u/{name}"), f"@{name}@{host}", host, name.title(), url=f"https://{host}/@{name}")


def said(text: str, **more: Any) -> Message:
    return Message(text=from_plain(text), **more)


def place_for(folder: Path) -> tuple[Homeserver, Settings]:
    """A homeserver that knows our registration, and the settings it was made from."""
    door = free_port()
    homeserver = Homeserver(folder / "synapse", registrations=[folder / "registration.yaml"])
    matrix = Matrix(homeserver=homeserver.url, server_name=homeserver.name, appservice_url=f"http://127.0.0.1:{door}")
    settings = Settings(domain=NODE.domain, data_dir=str(folder), matrix=matrix)
    (folder / "registration.yaml").write_text(registration(settings, SECRETS))
    return homeserver, settings


class MatrixSide:
    """`async with MatrixSide(settings) as side`. `door=False`: the homeserver finds nobody at home until `open_door`."""

    def __init__(self, settings: Settings, *, door: bool = True, store: SqlStore | None = None) -> None:
        assert settings.matrix is not None
        self.matrix = settings.matrix
        self.store = store or open_memory()
        self._with_door = door
        self._runner: web.AppRunner | None = None
        self._numbers = itertools.count()
        self._seen: set[str] = set()

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession()
        self.adapter = MatrixAdapter(
            NODE,
            self.matrix,
            as_token=SECRETS.as_token,
            hs_token=SECRETS.hs_token,
            store=self.store,
            clock=WallClock(),
            session=self.session,
            beat=0.2,
        )
        self.loader = Loader(self.store, {MATRIX: self.adapter}, WallClock())
        if self._with_door:
            await self.open_door()
        await self.adapter.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.adapter.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.session.close()

    async def open_door(self, application: web.Application | None = None) -> web.AppRunner:
        runner = web.AppRunner(application or self.adapter.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(self.matrix.reached_at.rpartition(":")[2]), reuse_address=True).start()
        if application is None:
            self._runner = runner
        return runner

    async def link(self, room: str) -> Channel:
        place = await self.adapter.prepare(room)
        channel = Channel(ChannelId("channel"), COMMONS, (place, GROUP))
        await self.store.journal.commit([PutCommunity(Community(COMMONS, "commons", "Commons")), PutChannel(channel)])
        self.channel = channel
        return channel

    @property
    def room(self) -> Native:
        return self.channel.places[0].native

    # ------------------------------------------------------------------------------------------------------ out

    def item(self, author: Actor, content: Content, name: str = "") -> Item:
        """Something done on the fediverse, on its way into the room."""
        native = Native(ACTIVITYPUB, f"{author.native.id}/{name or f'n{next(self._numbers)}'}")
        event = Event(
            id=event_id(NODE.secret, native),
            community=COMMONS,
            channel=self.channel.id,
            place=GROUP.native,
            author=author,
            content=content,
            audience=Audience.PUBLIC,
            at=datetime.now(UTC),
            received_at=datetime.now(UTC),
            provenance=Provenance(native=native, url=native.id),
        )
        return Item(
            id=item_id(NODE.secret, event.id, self.room, "send"),
            event_id=event.id,
            community=COMMONS,
            object=object_of(event),
            thread=object_of(event),
            place=self.room,
            form="send",
            by=author.native,
            event=event,
        )

    async def deliver(self, item: Item) -> Outcome:
        """Write, send once, and keep the copy, as relay and courier do."""
        wire = await self._settled(lambda refs: self.adapter.write(item, refs))
        assert isinstance(wire, Wire), wire
        outcome = await self.adapter.send(wire, item, Destination(MATRIX, self.room.id, self.matrix.server_name))
        if isinstance(outcome, Delivered) and outcome.native is not None:
            await self.keep(item.event, outcome.native)
        return outcome

    async def say(self, author: Actor, content: Content) -> tuple[ObjectId, str]:
        """Delivers; the object and what the room calls it (empty when it has no name there)."""
        item = self.item(author, content)
        outcome = await self.deliver(item)
        assert isinstance(outcome, Delivered), outcome
        return ObjectId(item.event_id), outcome.native or ""

    async def keep(self, event: Event, copy: str) -> None:
        content = event.content
        known = KnownObject(
            id=ObjectId(event.id),
            community=COMMONS,
            channel=event.channel,
            native=event.provenance.native,
            place=event.place,
            author=event.author.native,
            kind=str(content.__struct_config__.tag),
            audience=event.audience,
            thread=content.thread if isinstance(content, Message) else None,
            reply_to=content.reply_to if isinstance(content, Message) else None,
        )
        await self.store.journal.commit([PutObject(known, event), PutCopy(known.id, self.room, copy)])

    # ------------------------------------------------------------------------------------------------------ in

    async def arrived(self, room: str = "") -> list[Event]:
        """Everything read from a room's lane so far and not asked for before, in order."""
        found: list[Event] = []
        for entry in await self.store.journal.read_intake(room or self.room.id, 10_000):
            if entry.intake.key in self._seen:
                continue
            self._seen.add(entry.intake.key)
            reading = await self._settled(lambda refs, intake=entry.intake: self.adapter.read(intake, refs))  # type: ignore[misc]
            found += getattr(reading, "events", ())
        return found

    async def until(self, kind: type, count: int = 1, *, room: str = "", seconds: float = 20.0) -> list[Event]:
        """The first events with this kind of content, once there are so many."""
        found: list[Event] = []
        end = datetime.now(UTC).timestamp() + seconds
        while True:
            found += [event for event in await self.arrived(room) if isinstance(event.content, kind)]
            if len(found) >= count:
                return found
            assert datetime.now(UTC).timestamp() < end, f"{len(found)} of {count} {kind.__name__} arrived"
            await self.store.journal.hint(Stream.INTAKE, 0.2)

    async def forget_arrivals(self, room: str = "") -> None:
        for entry in await self.store.journal.read_intake(room or self.room.id, 10_000):
            await self.store.journal.commit([EraseIntake(entry.seq, "read")])

    async def _settled(self, call: Any) -> Any:
        refs = Refs()
        while True:
            answer: Reading | Any = call(refs)
            if not isinstance(answer, Needs):
                return answer
            await self.loader.fill(refs, answer.needs, MATRIX)
