"""Every test of the relay gets a node of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.logs import configure
from tests.bridge.relay.house import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    # In the product's own form: the library's default looks for source files on the disk while it prints a trace.
    configure("warning", form="json")
    opened = await House.open()
    yield opened
    for adapter in opened.adapters.values():
        await adapter.stop()
    await opened.store.close()
