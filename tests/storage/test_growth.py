"""What an item costs does not grow with its receivers, and looking for work does not grow with idle servers or history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import Connection, Engine, func, select

from bridge.changes import AdvanceLane, AppendItem, FailLane, JoinRoster
from bridge.model.ids import RosterId
from bridge.streams import LaneState
from storage import SqlStore, open_memory
from storage.schema import metadata
from tests.conformance.samples import FOLLOWERS, NOW, event, follower, item, later, server

MANY = 1000


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    store = open_memory()
    yield store
    await store.close()


async def all_rows(store: SqlStore) -> int:
    def count(connection: Connection) -> int:
        return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.tables.values())

    return await store.database.read(count)


def steps(store: SqlStore) -> Callable[[], int]:
    """How many virtual-machine instructions SQLite ran since the last call, in tens: a measure of work that no busy machine disturbs."""
    engine: Engine = store.database._engine  # type: ignore[attr-defined]
    ran = 0

    def tick() -> int:
        nonlocal ran
        ran += 1
        return 0

    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_progress_handler(tick, 10)

    def since() -> int:
        nonlocal ran
        before, ran = ran, 0
        return before

    return since


async def test_an_item_is_the_same_number_of_rows_for_one_follower_and_for_a_thousand(store: SqlStore) -> None:
    grew = []
    for roster, followers in (("one", 1), ("thousand", MANY)):
        await store.journal.commit(
            [JoinRoster(RosterId(roster), server(f"{roster}{n}"), follower("sam", f"{roster}{n}")) for n in range(followers)]
        )
        before = await all_rows(store)
        await store.journal.commit([AppendItem(item(event(roster), roster=RosterId(roster)), NOW)])
        grew.append(await all_rows(store) - before)
    assert grew[0] == grew[1] <= 4


async def test_a_thousand_followers_on_one_server_are_one_receiver(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, server("big"), follower(f"u{n}", "big")) for n in range(MANY)])
    await store.journal.commit([AppendItem(item(event("said")), NOW)])
    assert len(await store.deliveries.lanes(NOW, 10)) == 1


async def test_looking_for_work_does_not_grow_with_idle_servers_or_history(store: SqlStore) -> None:
    busy = RosterId("busy")
    await store.journal.commit([JoinRoster(busy, server("busy"), follower("sam", "busy"))])
    await store.journal.commit([AppendItem(item(event("first"), roster=busy), NOW)])
    since = steps(store)
    await store.deliveries.lanes(NOW, 100)
    small = since()

    await store.journal.commit([JoinRoster(FOLLOWERS, server(f"s{n}"), follower("sam", f"s{n}")) for n in range(MANY)])
    await store.journal.commit([AppendItem(item(event(f"old{n}")), NOW) for n in range(100)])
    head = (await store.deliveries.read(LaneState(server("s0"), urgent=False, cursor=0), 1000))[-1].seq
    await store.journal.commit([AdvanceLane(server(f"s{n}"), urgent=False, upto=head) for n in range(MANY)])
    since()
    (lane,) = await store.deliveries.lanes(NOW, 100)
    large = since()
    assert lane.destination == server("busy")
    assert large <= small + 20

    since()
    await store.deliveries.read(lane, 100)
    assert since() <= small + 60


async def test_dead_servers_cost_nothing_while_they_rest(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, server(f"s{n}"), follower("sam", f"s{n}")) for n in range(MANY)])
    await store.journal.commit([AppendItem(item(event("said")), NOW)])
    since = steps(store)
    await store.deliveries.lanes(NOW, 10)
    awake = since()
    await store.journal.commit([FailLane(server(f"s{n}"), False, "no answer", later(3600), NOW) for n in range(MANY)])
    since()
    assert await store.deliveries.lanes(NOW, 10) == ()
    assert since() < awake / 10
