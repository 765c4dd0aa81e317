from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bridge.net.conftest import connections as connections  # fixtures of the outbound client, here too
from tests.bridge.net.conftest import street as street
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import House, open_house


@pytest.fixture
async def house(street: Street) -> AsyncIterator[House]:
    opened = await open_house(street)
    yield opened
    await opened.close()
