"""Fediverse servers that take whatever is posted and answer 202 at once: many addresses, one process, no aiohttp.

`python -m tests.bench.sink 1000` opens a thousand ports on loopback. Signatures are not verified: what is measured is who sends.
"""

from __future__ import annotations

import asyncio
import re
import resource
import sys

from tests.bench.programs import answering, say
from tests.bench.tally import Tally

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class _Inbox(asyncio.Protocol):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            del self._buffer[:whole]
            self._tally.note()
            self._transport.write(_ANSWER)


async def main(servers: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tally = Tally()
    loop = asyncio.get_running_loop()
    open_ = [await loop.create_server(lambda: _Inbox(tally), "127.0.0.1", 0, backlog=64) for _ in range(servers)]
    say(origins=[f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in open_])
    await answering(tally.answer)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
