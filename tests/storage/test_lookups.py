"""What may take long never holds up the event loop: short look-ups are answered in it, long ones in a thread (ADR 0017)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from bridge.model.ids import ACTIVITYPUB, CommunityId, EventId, Native
from bridge.model.record import Said
from bridge.ports import Store
from storage import open_store
from storage.store import SqlStore
from storage.threads import Threads

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
COMMUNITY = CommunityId("commons")
SAM = Native(ACTIVITYPUB, "https://a.example/users/sam")


class Watched(Threads):
    """The store's own database, which notes how it was asked."""

    asked: list[str]

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.asked.append("read")
        return await super().read(work)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        self.asked.append("scan")
        return await super().scan(work)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = open_store(tmp_path / "folkmoot.db", b"k" * 32)
    assert isinstance(store.database, Threads)
    store.database.__class__ = Watched
    store.database.asked = []  # type: ignore[attr-defined]
    yield store
    await store.close()


LONG: dict[str, Callable[[Store], Awaitable[object]]] = {
    "everything that names somebody": lambda store: store.journal.traces(SAM, 10),
    "the latest events": lambda store: store.journal.recent_events(COMMUNITY, 10),
    "the whole life of one event": lambda store: store.journal.record(EventId("e")),
    "how much waits": lambda store: store.journal.backlog(NOW),
    "who heard one event": lambda store: store.deliveries.standings(EventId("e")),
    "dead letters": lambda store: store.deliveries.dead_letters(10),
    "how many follow": lambda store: store.directory.follower_count(SAM),
    "every ghost of a community": lambda store: store.directory.ghosts(COMMUNITY),
    "how many agreed": lambda store: store.decisions.consenting(COMMUNITY),
    "how many were said": lambda store: store.objects.count(None, COMMUNITY),
    "how many somebody said": lambda store: store.objects.count_said_by(SAM, Said(COMMUNITY)),
}


@pytest.mark.parametrize("name", LONG)
async def test_what_grows_with_what_is_stored_is_looked_up_in_a_thread(store: SqlStore, name: str) -> None:
    await LONG[name](store)
    assert isinstance(store.database, Watched)
    assert store.database.asked == ["scan"]


async def test_a_row_by_its_key_costs_no_hop(store: SqlStore) -> None:
    here = threading.current_thread()
    assert await store.database.read(lambda _: threading.current_thread()) is here
    assert await store.database.scan(lambda _: threading.current_thread()) is not here


async def test_who_looks_up_a_row_does_not_wait_for_somebody_who_counts(store: SqlStore) -> None:
    may_end = threading.Event()
    counting = asyncio.create_task(store.database.scan(lambda _: may_end.wait(10)))
    await asyncio.sleep(0)
    assert await store.database.read(lambda _: "a row") == "a row"
    assert not counting.done()
    may_end.set()
    assert await counting
