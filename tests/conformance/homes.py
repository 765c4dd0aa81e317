"""Where a store can live: every conformance test runs in each of them, and may restart the store in its home."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bridge.ports import Clock
from storage import SqlStore, open_memory, open_store
from storage.inline import Inline

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


HOMES: dict[str, Callable[[Path, Clock], Home]] = {"memory": MemoryHome, "sqlite": FileHome}


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
