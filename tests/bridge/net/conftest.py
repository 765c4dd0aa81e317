from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.bridge.net.street import Street


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        yield Street(stack)


_connections: list[tuple[object, ...]] | None = None


def _note_connections(name: str, arguments: tuple[object, ...]) -> None:
    if _connections is not None and name in ("socket.connect", "socket.getaddrinfo"):
        _connections.append((name, *arguments[1:]))


sys.addaudithook(_note_connections)


@pytest.fixture
def connections() -> Iterator[list[tuple[object, ...]]]:
    """Every connection and name lookup that Python is asked for, by anybody."""
    global _connections  # noqa: PLW0603 - an audit hook cannot be taken out again
    _connections = []
    yield _connections
    _connections = None
