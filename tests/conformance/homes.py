"""Where a store can live: every conformance test runs in each of them, and may restart the store in its home."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bridge.ports import Clock
from bridge.streams import Stream
from storage import SqlStore, connect_store, open_memory, open_store
from storage.inline import Inline
from tests.postgres import Cluster, cluster

SECRET = b"a key that only tests ever use!!"


class Home(Protocol):
    async def open(self) -> SqlStore: ...

    async def reopen(self) -> SqlStore:
        """A new store over the same data, as after a restart."""
        ...

    async def close(self) -> None: ...


class MemoryHome:
    def __init__(self, _folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._database: Inline | None = None

    async def open(self) -> SqlStore:
        store = open_memory(SECRET, self._clock, database=self._database)
        assert isinstance(store.database, Inline)
        self._database = store.database
        return store

    async def reopen(self) -> SqlStore:
        return await self.open()

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()


class FileHome:
    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / "folkmoot.sqlite"
        self._clock = clock
        self._store: SqlStore | None = None

    async def open(self) -> SqlStore:
        self._store = open_store(self._path, SECRET, self._clock)
        return self._store

    async def reopen(self) -> SqlStore:
        await self.close()
        return await self.open()

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()
            self._store = None


class ClusterHome:
    """A database of its own on the run's PostgreSQL server, copied from one that has the tables already."""

    def __init__(self, _folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._cluster = cluster()
        self._name: str | None = None
        self._store: SqlStore | None = None

    async def open(self) -> SqlStore:
        if self._name is None:
            self._name = self._cluster.create(await template(self._cluster))
        self._store = await connect_store(self._cluster.url(self._name), SECRET, self._clock)
        await self._store.claims.start(Stream)
        return self._store

    async def reopen(self) -> SqlStore:
        await self._close_store()
        return await self.open()

    async def close(self) -> None:
        await self._close_store()
        if self._name is not None:
            self._cluster.drop(self._name)

    async def _close_store(self) -> None:
        if self._store is not None:
            await self._store.close()
            self._store = None


_templates: dict[Cluster, str] = {}


async def template(of: Cluster) -> str:
    """A database with all tables and nothing in them, sealed with `SECRET`: copying it is quicker than making them anew."""
    if of not in _templates:
        name = of.create()
        await (await connect_store(of.url(name), SECRET)).close()
        _templates[of] = name
    return _templates[of]


HOMES: dict[str, Callable[[Path, Clock], Home]] = {"memory": MemoryHome, "sqlite": FileHome, "postgresql": ClusterHome}


class Hand:
    """A clock moved by hand; sleeping moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)
