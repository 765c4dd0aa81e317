from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import House, open_house


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        yield Street(stack)


@pytest.fixture
async def house(street: Street) -> AsyncIterator[House]:
    opened = await open_house(street)
    yield opened
    await opened.close()
