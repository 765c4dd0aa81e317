"""Two of us on two sockets: what one signs the other verifies by asking the first, which answers without asking back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from aiohttp import ClientSession

from bridge.changes import PutChannel, PutCommunity
from bridge.model.actor import Actor
from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, OURS, ChannelId, CommunityId, Native
from bridge.model.item import Delivered
from bridge.model.place import OPEN, Channel, Community, Place, PlaceKind
from bridge.model.richtext import from_plain
from bridge.net.client import Client
from bridge.net.guard import policy_for
from bridge.net.server import Server
from bridge.ports import Node
from bridge.refs import Ignored, Need, Refs, Wire
from bridge.relay.loading import Loader
from bridge.settings import ActivityPub, Development
from bridge.streams import Stream
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.activitypub.ids import native
from storage import open_memory
from tests.protocols.activitypub.house import SETTINGS, Hand
from tests.protocols.activitypub.world import ME, item


class Neighbour:
    """One node with a community and a person of its own place."""

    def __init__(self, port: int, client: Client, origins: tuple[str, ...], *, secure: bool = False) -> None:
        self.me = Node(f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", ME.secret + str(port).encode())
        self.store = open_memory()
        self.clock = Hand()
        development = Development(enabled=True, networks=("127.0.0.0/8",), origins=origins)
        fediverse = ActivityPub(signed_fetches=secure)
        settings = msgspec.structs.replace(SETTINGS, domain=self.me.domain, development=development, matrix=None, activitypub=fediverse)
        self.adapter = ActivityPubAdapter(
            self.me, settings, store=self.store, clock=self.clock, client=client, fill=self._fill, pages=None, version="0.1.0"
        )
        self.server = Server(self.adapter.application(), "127.0.0.1", port)
        self.community = Community(CommunityId("commons"), "commons", "Commons")
        self.group = native(f"{self.me.origin}/c/commons")
        self.person = Native(LOOPBACK, "lena")

    async def _fill(self, refs: Refs, needs: object) -> None:
        await Loader(self.store, {}, self.clock).fill(refs, needs, ACTIVITYPUB, outside=False)  # type: ignore[arg-type]

    async def open(self) -> None:
        channel = Channel(ChannelId("channel"), self.community.id, (Place(self.group, PlaceKind.GROUP, "Commons", OPEN),))
        await self.store.journal.commit([PutCommunity(self.community), PutChannel(channel)])
        for of in (Native(OURS, "commons"), self.person):
            await self.store.journal.commit(await self.adapter.embody(of, self.community))
        await self.server.start()
        await self.adapter.start()

    async def close(self) -> None:
        await self.server.drain(1)
        await self.adapter.stop()
        await self.store.close()

    async def lena(self) -> Native:
        ghost = await self.store.directory.ghost_of(ACTIVITYPUB, self.person)
        assert ghost is not None
        return ghost.native


@asynccontextmanager
async def opened_street(ports: tuple[int, int], *, secure: bool) -> AsyncIterator[tuple[Neighbour, Neighbour]]:
    origins = tuple(f"http://127.0.0.1:{port}" for port in ports)
    async with AsyncExitStack() as stack:
        opened = []
        for port in ports:
            policy = policy_for(Development(enabled=True, networks=("127.0.0.0/8",), origins=origins))
            client = await stack.enter_async_context(Client(policy, "folkmoot/0 (+https://moot.example/)"))
            neighbour = Neighbour(port, client, origins, secure=secure)
            await neighbour.open()
            stack.push_async_callback(neighbour.close)
            opened.append(neighbour)
        yield opened[0], opened[1]


@pytest.fixture
async def street(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[tuple[Neighbour, Neighbour]]:
    async with opened_street((unused_tcp_port_factory(), unused_tcp_port_factory()), secure=False) as opened:
        yield opened


@pytest.fixture
async def secure_street(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[tuple[Neighbour, Neighbour]]:
    """Both show their people only to those who sign."""
    async with opened_street((unused_tcp_port_factory(), unused_tcp_port_factory()), secure=True) as opened:
        yield opened


async def test_what_one_sends_the_other_verifies_and_keeps(street: tuple[Neighbour, Neighbour]) -> None:
    here, there = street
    group = await here.adapter.fetch(Need("actor", (ACTIVITYPUB, there.group.id)))
    assert isinstance(group, Actor)
    assert (group.handle, group.name) == (f"@commons@{there.me.domain}", "Commons")
    lena = await here.lena()
    follow = {"id": f"{here.me.origin}/a/1", "type": "Follow", "actor": lena.id, "object": there.group.id, "to": [there.group.id]}
    wire = Wire("POST", "", msgspec.json.encode(follow), speaker=lena)
    made = item(Message(from_plain("x")), "direct")
    for alone in (True, False):
        destination = here.adapter.destination_of(group, alone=alone)
        assert destination is not None
        assert await here.adapter.send(wire, made, destination) == Delivered()
    assert await there.store.journal.pending(Stream.INTAKE) == (here.me.domain,)
    (entry,) = await there.store.journal.read_intake(here.me.domain, 10)
    assert (entry.intake.signer, entry.intake.body) == (lena.id, wire.body)


async def test_nobody_is_believed_who_signs_for_somebody_else(street: tuple[Neighbour, Neighbour]) -> None:
    """The door accepts what a known key signed; that its signer is not its actor is recorded as a refusal by the reader."""
    here, there = street
    lena = await here.lena()
    forged = {"id": f"{there.me.origin}/a/1", "type": "Follow", "actor": there.group.id, "object": there.group.id}
    group = await here.adapter.fetch(Need("actor", (ACTIVITYPUB, there.group.id)))
    destination = here.adapter.destination_of(group, alone=True)
    assert destination is not None
    outcome = await here.adapter.send(
        Wire("POST", "", msgspec.json.encode(forged), speaker=lena), item(Message(from_plain("x")), "direct"), destination
    )
    assert outcome == Delivered()
    (entry,) = await there.store.journal.read_intake(here.me.domain, 10)
    reading = there.adapter.read(entry.intake, Refs())
    assert isinstance(reading, Ignored)
    assert reading.refused


async def test_a_name_and_a_post_are_found_from_the_other_side(street: tuple[Neighbour, Neighbour]) -> None:
    here, there = street
    place = await here.adapter.prepare(f"@commons@{there.me.domain}")
    assert place.native == there.group
    person = await here.adapter.fetch(Need("actor", (ACTIVITYPUB, (await there.lena()).id)))
    assert isinstance(person, Actor)
    assert person.handle == f"@lena@{there.me.domain}"


async def test_two_servers_that_both_ask_for_signatures_meet_and_never_wait_for_each_other(
    secure_street: tuple[Neighbour, Neighbour],
) -> None:
    """Each has to ask the other for a key to believe the question that the other asks for a key (activitypub.md 1.10)."""
    here, there = secure_street
    async with asyncio.timeout(10):
        group, other = await asyncio.gather(
            here.adapter.fetch(Need("actor", (ACTIVITYPUB, there.group.id))),
            there.adapter.fetch(Need("actor", (ACTIVITYPUB, here.group.id))),
        )
        assert isinstance(group, Actor)
        assert isinstance(other, Actor)
        lena = await here.lena()
        follow = {"id": f"{here.me.origin}/a/1", "type": "Follow", "actor": lena.id, "object": there.group.id}
        destination = here.adapter.destination_of(group, alone=True)
        assert destination is not None
        wire = Wire("POST", "", msgspec.json.encode(follow), speaker=lena)
        assert await here.adapter.send(wire, item(Message(from_plain("x")), "direct"), destination) == Delivered()
    (entry,) = await there.store.journal.read_intake(here.me.domain, 10)
    assert entry.intake.signer == lena.id, "her key was shown to whoever signed the question"
    async with ClientSession() as stranger, stranger.get(lena.id, headers={"Accept": "application/activity+json"}) as answer:
        assert answer.status == 401
