"""A whole node at work, with the sinks that what it sends arrives at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from tests.bench.founding import Founded
from tests.bench.load import Load, as_fast_as_answered, at_a_rate, request
from tests.bench.programs import MEASURED, Failed, Program, Usage

__all__ = ["Running", "Spent", "running"]

READY_WITHIN = 60.0
ARRIVED_WITHIN = 120.0
SETTLED = 0.5
"""Seconds after the last arrival: the courier notes successes a quarter of a second later, and that is part of the price."""


class Spent(msgspec.Struct, frozen=True):
    """What `usage` something cost until all of it had arrived, `late` seconds after the last was sent; `seconds`: from first to last."""

    usage: Usage
    seconds: float
    late: float


class Running:
    """A node, and where it was founded."""

    def __init__(self, node: Program, founded: Founded) -> None:
        self.node = node
        self.founded = founded

    async def send(self, door: tuple[str, int], requests: Sequence[bytes], rate: float | None = None) -> Load:
        """`rate` None: as fast as they are answered, on one connection, so that they come in the order in which they were made."""
        if rate is None:
            return await as_fast_as_answered(door, requests, 1)
        return await at_a_rate(door, requests, rate)

    async def until_arrived(
        self, arrivals: Sequence[tuple[Program, int]], door: tuple[str, int], requests: Sequence[bytes], *, rate: float | None = None
    ) -> Spent:
        """Sends, and waits until exactly so many have arrived at each sink. Raises Failed when that is not what arrives."""
        for sink, _ in arrivals:
            await sink.ask(reset=True)
        before = self.node.usage()
        load = await self.send(door, requests, rate)
        ended = time.monotonic()
        assert all(200 <= status < 300 for status in load.statuses), load.statuses
        last = ended
        for sink, expected in arrivals:
            found = await sink.ask(count=expected, seconds=ARRIVED_WITHIN, within=ARRIVED_WITHIN + 10)
            last = max(last, found["last"])
        await asyncio.sleep(SETTLED)
        usage = self.node.usage().since(before)
        for sink, expected in arrivals:
            count = (await sink.ask())["count"]
            if count != expected:
                raise Failed(f"{count} of {expected} have arrived")
        return Spent(usage, last - ended + load.seconds, last - ended)


@asynccontextmanager
async def running(founded: Founded) -> AsyncIterator[Running]:
    """Started, ready by its own word, and at rest. Raises Failed."""
    async with Program("tests.bench.node", str(founded.path), cores=MEASURED) as node:
        await _until_ready(founded)
        yield Running(node, founded)


async def _until_ready(founded: Founded) -> None:
    """Also until what its founding says to the room has been said."""
    address = founded.inbox
    probe = request("GET", "/health/ready", b"", {"Connection": "close"})
    try:
        async with asyncio.timeout(READY_WITHIN):
            while not (await _is_ready(address, probe) and founded.home.is_delivered(founded.settings)):
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise Failed(f"the node was not ready after {READY_WITHIN:g} s") from error


async def _is_ready(address: tuple[str, int], probe: bytes) -> bool:
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    try:
        writer.write(probe)
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        writer.close()
