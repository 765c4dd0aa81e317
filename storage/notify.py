"""Hints across processes: LISTEN and NOTIFY, one a batch and apart from every commit; a lost one costs at most the loops' nap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from bridge.errors import StoreDown
from bridge.logs import logger
from bridge.ports import Clock
from bridge.streams import Stream
from storage.hints import Hints
from storage.postgres import Server

if TYPE_CHECKING:
    import asyncpg

__all__ = ["SharedHints"]

CHANNEL: Final = "folkmoot"
AGAIN: Final = 1.0
"""Seconds until a lost session is opened anew."""

_log = logger()


class SharedHints(Hints):
    """`start` and `stop` it; in between, what one process of a database rings for is heard by all."""

    def __init__(self, clock: Clock, server: Server) -> None:
        super().__init__(clock)
        self._server = server
        self._untold: set[Stream] = set()
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="storage-hints")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def ring(self, streams: Iterable[Stream]) -> None:
        told = set(streams)
        self.ring_here(told)
        self._untold |= told
        if told:
            self._bell.set()

    def ring_here(self, streams: Iterable[Stream]) -> None:
        """In this process alone."""
        super().ring(streams)

    async def _keep(self) -> None:
        while True:
            try:
                session = await self._server.connect()
            except StoreDown as error:
                _log.warning("store.failed", code=error.code, reason=error.private)
            else:
                try:
                    await self._talk(session)
                except self._server.errors as error:
                    _log.warning("store.failed", code="store_down", reason=str(error) or type(error).__name__)
                finally:
                    session.terminate()
            await asyncio.sleep(AGAIN)

    async def _talk(self, session: asyncpg.Connection[asyncpg.Record]) -> None:
        """Until the session ends."""
        mine = session.get_server_pid()

        def hear(_session: object, sender: int, _channel: str, said: object) -> None:
            if sender != mine:
                # Words of a newer release are none of ours.
                self.ring_here(stream for stream in Stream if stream in str(said).split())

        session.add_termination_listener(lambda _session: self._bell.set())
        await session.add_listener(CHANNEL, hear)
        self.ring_here(Stream)  # whatever was said while nobody listened
        while not session.is_closed():
            await self._bell.wait()
            self._bell.clear()
            told, self._untold = self._untold, set()
            if told:
                await session.execute("SELECT pg_notify($1, $2)", CHANNEL, " ".join(sorted(told)))
