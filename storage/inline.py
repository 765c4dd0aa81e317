"""The same database without a thread: every call runs to its end in the event loop, so a simulation repeats exactly."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from storage.engine import translated
from storage.prepared import PreparedConnection

__all__ = ["Inline"]

T = TypeVar("T")
P = TypeVar("P")


class Inline:
    """A `Database` over one connection. It lets others run before each call, as a thread would."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection = PreparedConnection(engine)

    async def read(self, work: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        return self._run(work)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        return await self.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        return self._run(work)

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        await asyncio.sleep(0)
        return self._run(lambda connection: work(connection, [value])[0])

    async def truncate(self) -> bool:
        return True

    async def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._connection.run(work)
        except (DBAPIError, sqlite3.Error) as error:
            raise translated(error) from error
