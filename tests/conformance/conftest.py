"""The store under test, once per home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import SqlStore
from tests.conformance.homes import HOMES, Hand, Home
from tests.conformance.samples import NOW


@pytest.fixture
def clock() -> Hand:
    return Hand(NOW)


@pytest.fixture(params=sorted(HOMES))
async def home(request: pytest.FixtureRequest, tmp_path: Path, clock: Hand) -> AsyncIterator[Home]:
    home = HOMES[request.param](tmp_path, clock)
    yield home
    await home.close()


@pytest.fixture
async def store(home: Home) -> SqlStore:
    return await home.open()
