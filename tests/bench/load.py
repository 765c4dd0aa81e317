"""Requests made beforehand, sent over kept connections as fast as they are answered or at a given rate, with how long each answer took.

Open loop: a request counts from the moment at which it was due, so a server that stalls is charged for everybody who waits meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

__all__ = ["Load", "as_fast_as_answered", "at_a_rate", "request"]

ANSWER_WITHIN = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Load(msgspec.Struct, frozen=True):
    """`seconds` from first to last; `waits`: seconds per answer, sorted; `statuses`: how often each came; `cpu`: of the sender itself."""

    seconds: float
    waits: tuple[float, ...]
    statuses: Mapping[int, int]
    cpu: float

    @property
    def count(self) -> int:
        return len(self.waits)

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    def wait(self, share: float) -> float:
        """Milliseconds within which this share of the answers came (0.99: the slowest one in a hundred took longer)."""
        return self.waits[max(0, math.ceil(share * self.count) - 1)] * 1000

    def require(self, status: int) -> None:
        """Raises AssertionError when anything else was answered."""
        assert set(self.statuses) == {status}, f"expected {status} alone, got {dict(self.statuses)}"


def request(method: str, path: str, body: bytes, headers: Mapping[str, str], host: str = "bench") -> bytes:
    """The bytes of one HTTP/1.1 request."""
    lines = {"Host": host, **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) >= whole and self._answer is not None and not self._answer.done():
            status = int(self._buffer[9:12])
            del self._buffer[:whole]
            self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    async def ask(self, data: bytes) -> int:
        """The status of the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        async with asyncio.timeout(ANSWER_WITHIN):
            return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def as_fast_as_answered(address: tuple[str, int], requests: Iterable[bytes], connections: int = 32) -> Load:
    """Closed loop: each connection sends its next request when the last one was answered."""
    loop = asyncio.get_running_loop()
    open_ = [(await loop.create_connection(_Connection, *address))[1] for _ in range(connections)]
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    line = iter(requests)

    async def send(connection: _Connection) -> None:
        for data in line:
            begun = time.perf_counter()
            statuses[await connection.ask(data)] += 1
            waits.append(time.perf_counter() - begun)

    cpu, begun = time.process_time(), time.perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            for connection in open_:
                tasks.create_task(send(connection))
    finally:
        for connection in open_:
            connection.close()
    return Load(time.perf_counter() - begun, tuple(sorted(waits)), statuses, time.process_time() - cpu)


async def at_a_rate(address: tuple[str, int], requests: Sequence[bytes], rate: float) -> Load:
    """Open loop: one every 1/`rate` seconds, whether or not the earlier ones were answered."""
    loop = asyncio.get_running_loop()
    idle: deque[_Connection] = deque()
    waits: list[float] = []
    statuses: Counter[int] = Counter()

    async def send(data: bytes, due: float) -> None:
        connection = idle.popleft() if idle else (await loop.create_connection(_Connection, *address))[1]
        statuses[await connection.ask(data)] += 1
        waits.append(time.perf_counter() - due)
        idle.append(connection)

    cpu, begun = time.process_time(), time.perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, data in enumerate(requests):
                due = begun + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(send(data, due))
    finally:
        for connection in idle:
            connection.close()
    return Load(time.perf_counter() - begun, tuple(sorted(waits)), statuses, time.process_time() - cpu)
