"""Every scenario gets a node of its own, with a member whose words may cross."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bridge.relay.house import House


@pytest.fixture
async def home() -> AsyncIterator[House]:
    house = await House.open()
    await house.opted_in("bo")
    yield house
    await house.store.close()
