"""A whole node in one process with others: the real loops, adapters and tables, wired as `bridge/app.py` wires them, that can die and come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace

from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from bridge.administration import Administration
from bridge.app import SWEEP_EVERY
from bridge.errors import OperatorError, StorageError
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Protocol
from bridge.net.server import health_routes, new_application
from bridge.ports import Adapter, Node
from bridge.refs import Need, Refs
from bridge.relay.courier import Courier
from bridge.relay.loading import Loader
from bridge.relay.reader import Reader
from bridge.relay.relay import Relay
from bridge.settings import ActivityPub, Settings
from bridge.web.pages import SitePages
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.loopback.adapter import LoopbackAdapter
from protocols.loopback.hall import Hall
from storage import SqlStore, open_memory
from storage.inline import Inline
from tests.simulation.keys import PooledKeys
from tests.simulation.life import Disk, Life
from tests.simulation.network import Ask, Post, Reply
from tests.simulation.world import Clock, World

__all__ = ["COMMONS", "ROOM", "Plant", "SimulatedNode"]

COMMONS = "commons"
ROOM = "hall"
SECRET = b"a secret of the simulation, 32 by"

SOON = timedelta(minutes=10)
"""What waits longer waits for a person."""

Plant = Callable[[SqlStore, "SimulatedNode"], None]
"""Puts a bug into a store as it is opened."""


class SimulatedNode:
    """`boot`, `crash`, and what the network asks of it. Its hall and its database outlive it."""

    def __init__(self, world: World, number: int, *, plant: Plant | None = None) -> None:
        self.world = world
        self.host = f"n{number}.example"
        self.origin = f"https://{self.host}"
        self.clock = Clock(world)
        self.hall = Hall(Clock(world), stamp=f"h{number}")
        self.hall.open(ROOM, "The Hall")
        self.node = Node(self.host, self.origin, f"the ids of node number {number:06}".encode())
        self.settings = Settings(domain=self.host, data_dir="unused", activitypub=ActivityPub(first_retry=2.0, longest_retry=20.0))
        first = open_memory(SECRET, self.clock)
        assert isinstance(first.database, Inline)
        self.database = first.database
        self.is_full = False
        self.up_since = -1.0
        self.lives = 0
        self.life: Life | None = None
        self.people: dict[str, str] = {}
        """The address of each actor that stands for a member → the member."""
        self._pages = SitePages(self.host)
        self._plant = plant
        self._returning: asyncio.Task[None] | None = None
        world.network.hosts[self.host] = self

    # ------------------------------------------------------------------------------------------------------ life and death

    @property
    def is_up(self) -> bool:
        return self.life is not None and self.life.alive and self.up_since >= 0

    async def boot(self) -> None:
        """Wires everything over what is there, and starts it. Dies again when it cannot be started."""
        self.lives += 1
        life = self.life = Life()
        self.disk = Disk(self.database, life, self.world.random, self._die)
        self.disk.is_full = False
        self.store = SqlStore(self.disk, SECRET, self.clock, free=self._free)
        self.store.keys = PooledKeys(self.store.keys)  # type: ignore[assignment]
        if self._plant is not None:
            self._plant(self.store, self)
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await life.begin(self._start(life))
            except StorageError as error:
                self.crash(f"could not start: {error.code}")

    async def _start(self, life: Life) -> None:
        store = self.store
        self.adapters: dict[Protocol, Adapter] = {}
        self.loader = Loader(store, self.adapters, self.clock)
        client = Post(self.world.network, self.host, life, seconds=self.settings.limits.fetch_seconds)
        self.activitypub = ActivityPubAdapter(
            self.node,
            self.settings,
            store=store,
            clock=self.clock,
            client=client,
            fill=self._fill,
            pages=self._pages,
            version="0",
        )
        self.loopback = LoopbackAdapter(self.node, store=store, clock=self.clock, hall=self.hall)
        self.adapters |= {ACTIVITYPUB: self.activitypub, LOOPBACK: self.loopback}
        self.relay = Relay(self.node, store, self.adapters, self.loader, self.clock)
        self.reader = Reader(store, self.adapters, self.loader, self.clock)
        self.courier = Courier(store, self.adapters, self.loader, self.clock)
        self.administration = Administration(self.node, store, self.adapters, self.relay, self.clock, version="0")
        for adapter in self.adapters.values():
            await adapter.start()
        self._application = new_application(max_body=self.settings.limits.body_bytes)
        self._application.add_routes([*self.activitypub.routes(), *health_routes(dict)])
        self._application.freeze()
        for loop in (self.reader.run, self.relay.run, self.courier.run, self._sweep):
            life.begin(self._keep(loop))
        self.up_since = self.world.now

    async def _fill(self, refs: Refs, needs: Sequence[Need]) -> None:
        await self.loader.fill(refs, needs, ACTIVITYPUB, outside=False)

    async def _keep(self, loop: Callable[[], Awaitable[None]]) -> None:
        """As the app does, but that a fault of ours is what we are looking for."""
        while True:
            try:
                await loop()
            except Exception as error:  # noqa: BLE001  (whatever it was, the run has failed by it)
                self.world.fail(f"{self.host}: a loop ended with {error!r}")
            await self.clock.sleep(1.0)

    async def _sweep(self) -> None:
        while True:
            await self.clock.sleep(SWEEP_EVERY)
            with contextlib.suppress(StorageError):
                await self.store.sweep(self.clock.now())

    def crash(self, why: str) -> None:
        """Now. What it was doing ends where it stands."""
        if self.life is None or not self.life.alive:
            return
        self.world.note(f"{self.host} dies: {why}")
        self.up_since = -1.0
        self.hall.detach()
        self.life.end()

    def _die(self, why: str) -> None:
        """By itself, in the middle of something; its supervisor starts it again after a while."""
        self.crash(why)
        self.come_back(self.world.random.random() * 5.0)

    def come_back(self, seconds: float) -> None:
        if self._returning is None or self._returning.done():
            self._returning = self.world.begin(self._come_back(seconds))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while not self.is_up:
            if self.life is not None:
                await self.life.gone()
            self.world.note(f"{self.host} starts")
            await self.boot()
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        if self.life is not None:
            self.life.end()
            await self.life.gone()
        await self.database.close()

    def _free(self) -> tuple[int, int]:
        return (0 if self.is_full else 100), 100

    # ------------------------------------------------------------------------------------------------------ the public address

    def answer(self, ask: Ask) -> asyncio.Task[Reply]:
        assert self.life is not None
        return self.life.begin(self._answer(ask))

    async def _answer(self, ask: Ask) -> Reply:
        """By the application that the product serves, as its server would hand the request to it."""
        loop = asyncio.get_running_loop()
        headers = CIMultiDictProxy(CIMultiDict([("Host", self.host), ("Content-Length", str(len(ask.body))), *ask.headers]))
        raw = tuple((key.encode(), value.encode()) for key, value in headers.items())
        message = RawRequestMessage(
            ask.method, ask.path, HttpVersion11, headers, raw, False, None, False, False, URL(ask.path, encoded=True)
        )
        body = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
        body.feed_data(ask.body)
        body.feed_eof()
        peer = SimpleNamespace(ssl_context=None, peername=("198.51.100.1", 1), sockname=None, transport=None)
        task = asyncio.current_task()
        request = web.Request(message, body, peer, None, task, loop, client_max_size=self.settings.limits.body_bytes)  # type: ignore[arg-type]
        try:
            response = await self._application._handle(request)
        except web.HTTPException as refusal:
            response = refusal
        assert isinstance(response, web.Response)
        content = response.body if isinstance(response.body, bytes) else b""
        return Reply(response.status, tuple(response.headers.items()), content)

    # ------------------------------------------------------------------------------------------------------ its operator

    async def found(self) -> str:
        """The community and its room; returns the id of its group."""
        await self.administration.community_create(handle=COMMONS, name="The Commons")
        await self.administration.community_link(handle=COMMONS, place=f"loopback:{ROOM}")
        ghost = await self.store.directory.ghost_by_handle(ACTIVITYPUB, COMMONS)
        assert ghost is not None
        return ghost.native.id

    async def release(self, author: str) -> bool:
        """Lets in who waits to be looked at; False when they do not wait (yet)."""
        for line in await self.administration.holds(limit=100, community=COMMONS):
            if line.author.id == author:
                with contextlib.suppress(OperatorError):
                    await self.administration.release(id=line.event_id)
                    return True
        return False

    async def find_people(self) -> None:
        for community in await self.store.directory.communities():
            for ghost in await self.store.directory.ghosts(community.id):
                if ghost.of.protocol == LOOPBACK:
                    self.people[ghost.native.id] = ghost.of.id

    async def is_idle(self) -> bool:
        """Nothing is left that could be done now; holds may wait."""
        if not self.is_up:
            return False
        backlog = await self.store.journal.backlog(self.clock.now())
        if any(backlog.rows.values()) or self.hall._waiting:
            return False
        far = self.clock.now() + timedelta(days=400)
        due = await self.store.decisions.next_due()
        if due is not None and due < self.clock.now() + SOON:
            return False
        return not await self.store.deliveries.lanes(far, 1)
