"""Every test of the relay gets a node of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.logs import configure
from storage import open_memory
from tests.bridge.relay.house import House
from tests.bridge.relay.script import Desk
from tests.bridge.relay.street import Street, Sundial


@pytest.fixture
async def house() -> AsyncIterator[House]:
    # In the product's own form: the library's default looks for source files on the disk while it prints a trace.
    configure("warning", form="json", strict=True)
    opened = await House.open()
    yield opened
    for adapter in opened.adapters.values():
        await adapter.stop()
    await opened.store.close()


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    """Servers that take letters, over a store in memory."""
    configure("error", form="json", strict=True)
    clock = Sundial()
    opened = Street(open_memory(clock=clock), clock)
    yield opened
    await opened.store.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """Peers that say what they are told to, over a store in memory."""
    configure("error", form="json", strict=True)
    clock = Sundial()
    opened = Desk(open_memory(clock=clock), clock)
    yield opened
    await opened.store.close()
