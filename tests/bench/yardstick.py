"""The limits as the measurements ask for them: started once, asked when needed, so that both are taken in the same minute."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tests.bench.limits import Parts
from tests.bench.load import as_fast_as_answered, request
from tests.bench.programs import Program

__all__ = ["CONNECTIONS", "Delivery", "Yardstick"]

CONNECTIONS = 32


class Delivery(msgspec.Struct, frozen=True):
    cpu: float
    rate: float


class Yardstick:
    """`limits` is the running program; `database`: the server that its rows go to, a file when empty. CPU seconds per 1,000 throughout."""

    def __init__(self, limits: Program, times: int, database: str = "") -> None:
        self._limits = limits
        self._database = database
        self._times = times

    async def parts(self, body: bytes) -> Parts:
        return msgspec.convert(await self._limits.ask(what="parts", body=body.decode(), database=self._database), Parts)

    async def handler(self, size: int) -> float:
        """An aiohttp handler that reads `size` bytes and answers."""
        requests = [request("POST", "/inbox", bytes(size), {"Content-Type": "application/activity+json"})] * self._times
        address = ("127.0.0.1", int(self._limits.ready["port"]))
        await as_fast_as_answered(address, requests[: self._times // 4], CONNECTIONS)
        before = self._limits.usage()
        load = await as_fast_as_answered(address, requests, CONNECTIONS)
        load.require(202)
        return self._limits.usage().since(before).cpu / load.count * 1000

    async def inbox(self, body: bytes) -> float:
        """Everything that taking a signed post in cannot do without."""
        parts = await self.parts(body)
        return await self.handler(len(body)) + parts.verify + parts.digest + parts.decode + parts.insert

    async def door(self, body: bytes, events: int = 1) -> float:
        """The same for an event among as many in one transaction; `body`: one event's share of it."""
        parts = await self.parts(body)
        return await self.handler(len(body) * events) / events + parts.decode + parts.insert

    async def delivery(self, origins: Sequence[str], posts: int, *, sign: bool = True) -> Delivery:
        """Posted to each of the origins."""
        found = await self._limits.ask(what="deliver", origins=list(origins), posts=posts, sign=sign)
        return Delivery(found["cpu"] / found["count"] * 1000, found["count"] / found["seconds"])
