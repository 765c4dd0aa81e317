from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bridge.changes import PutGhost
from tests.bridge.net.conftest import connections as connections  # fixtures of the outbound client, here too
from tests.bridge.net.conftest import street as street
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import House, open_house
from tests.protocols.activitypub.porch import Door, Porch
from tests.protocols.activitypub.world import ANA_GHOST, GROUP_GHOST


@pytest.fixture
async def house(street: Street) -> AsyncIterator[House]:
    opened = await open_house(street)
    yield opened
    await opened.close()


@pytest.fixture
async def porch() -> AsyncIterator[Porch]:
    opened = Porch()
    await opened.store.journal.commit([PutGhost(ANA_GHOST), PutGhost(GROUP_GHOST)])
    yield opened
    await opened.keyring.close()
    await opened.store.close()


@pytest.fixture
async def door(porch: Porch) -> AsyncIterator[Door]:
    async with TestClient(TestServer(porch.application())) as client:
        yield client
