"""What stands in front of several doors: every connection is passed on to one of those that are open, bytes as they come."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Any, Self

__all__ = ["Entrance"]

PIECE = 65_536


class Entrance:
    """`async with Entrance(port, doors)`: a reverse proxy on loopback that knows nothing of what it carries. `doors` are ports.

    Each connection goes to the next door that takes it, and is cut when that one cuts it; where none is open it is refused.
    """

    def __init__(self, port: int, doors: Sequence[int]) -> None:
        self.port = port
        self._doors = tuple(doors)
        self._turn = itertools.cycle(range(len(self._doors)))
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            found = await self._open()
            if found is not None:
                await self._carry((reader, writer), found)
        except asyncio.CancelledError:
            pass  # at the end; the server would complain of a task that was cancelled
        finally:
            self._under_way.discard(task)
            writer.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for at in range(len(self._doors)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self._doors[(first + at) % len(self._doors)])
        return None

    async def _carry(
        self, outside: tuple[asyncio.StreamReader, asyncio.StreamWriter], inside: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        """Until either side has ended."""
        ways = [asyncio.create_task(_pass_on(outside[0], inside[1])), asyncio.create_task(_pass_on(inside[0], outside[1]))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            with contextlib.suppress(OSError):
                await outside[1].drain()
            inside[1].transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
