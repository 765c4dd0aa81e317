"""An adapter over a real store and a homeserver of a hundred lines, and files that other servers have; it sends as the courier would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from bridge.errors import Gone, TooLarge
from bridge.model.ids import MATRIX
from bridge.model.item import Destination, Item, Outcome
from bridge.ports import Node
from bridge.refs import Absent, Wire
from bridge.settings import Matrix
from protocols.matrix.adapter import MatrixAdapter
from protocols.matrix.uploads import Fetch
from storage import SqlStore, open_memory
from tests.protocols.matrix.homeserver import TOKEN, Standin
from tests.protocols.matrix.world import ME, NOW, ROOM, World

__all__ = ["HERE", "House", "house"]

HERE = Destination(MATRIX, ROOM.id, "hs.test")


class Hours:
    """A clock that stands until it is moved; sleeping moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Any:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class House:
    """An adapter, its store and its homeserver."""

    def __init__(self, homeserver: Standin, store: SqlStore, session: aiohttp.ClientSession) -> None:
        self.homeserver = homeserver
        self.store = store
        self.clock = Hours()
        self.world = World()
        settings = Matrix(homeserver=homeserver.url, server_name="hs.test")
        node = Node(ME.domain, f"https://{ME.domain}", ME.secret)
        self.elsewhere: dict[str, bytes] = {}
        """Files on other servers; what is not here cannot be had."""
        self.fetched: list[str] = []
        self.download: Fetch | None = None
        """Real servers instead."""
        self.adapter = MatrixAdapter(
            *(node, settings),
            as_token=TOKEN,
            hs_token="x",
            store=store,
            clock=self.clock,
            session=session,
            fetch=self._fetch,
            most_file=100_000,
            most_pixels=10_000,
        )

    async def _fetch(self, url: str, most: int) -> bytes:
        self.fetched.append(url)
        if self.download is not None:
            return await self.download(url, most)
        if url not in self.elsewhere:
            raise Gone("a.example does not have this file any more")
        if len(self.elsewhere[url]) > most:
            raise TooLarge("a.example answered with too much")
        return self.elsewhere[url]

    async def send(self, what: Item, destination: Destination = HERE) -> Outcome:
        """As the courier does: write, then send once."""
        ghost = await self.store.directory.ghost_of(MATRIX, what.by)
        self.world.ghosts = [ghost] if ghost is not None else []
        self.world.parts[what.object] = await self.store.objects.parts(what.object, what.place)
        for need in self.world.asked_outside(what):
            found = await self.adapter.fetch(need)
            self.world.documents[need.key[0]] = b"" if isinstance(found, Absent) else found
        wire = self.world.write(what)
        assert isinstance(wire, Wire), wire
        return await self.adapter.send(wire, what, destination)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    homeserver, store = Standin(), open_memory()
    await homeserver.server.start_server()
    async with aiohttp.ClientSession() as session:
        made = House(homeserver, store, session)
        homeserver.accounts.add(ME.bot)
        homeserver.devices.add(ME.bot)
        homeserver.members[(ROOM.id, ME.bot)] = ("join", ME.bot)
        yield made
    await homeserver.server.close()
    await store.close()
