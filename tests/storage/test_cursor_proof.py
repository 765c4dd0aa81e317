"""The proof design.md asked for before anything was built on it: holds, urgent lanes and receipts work on cursors (ADR 0009)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    EndEvent,
    EndHold,
    GiveUp,
    JoinRoster,
    PutDead,
    PutDecision,
    PutHold,
    PutObject,
    Retract,
)
from bridge.model.content import Release
from bridge.model.content.release import Ending
from bridge.model.ids import ObjectId
from bridge.model.item import Dead, Destination, Stage
from bridge.norms.decision import Verdict
from bridge.streams import LaneState, Queued, Stream
from storage import SqlStore, open_memory
from tests.conformance.samples import (
    FOLLOWERS,
    NOW,
    decision,
    event,
    follower,
    hold,
    item,
    known,
    later,
    retraction,
    server,
)

NEAR, FAR = server("near"), server("far")


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    store = open_memory()
    await store.journal.commit(
        [
            JoinRoster(FOLLOWERS, NEAR, follower("sam", "near")),
            JoinRoster(FOLLOWERS, FAR, follower("kim", "far")),
        ]
    )
    yield store
    await store.close()


async def _lane(store: SqlStore, destination: Destination, *, urgent: bool = False) -> LaneState:
    lanes = await store.deliveries.lanes(NOW, 100)
    return next(lane for lane in lanes if lane.destination == destination and lane.urgent is urgent)


async def _hears(store: SqlStore, destination: Destination, *, urgent: bool = False) -> tuple[Queued, ...]:
    return await store.deliveries.read(LaneState(destination, urgent, 0), 100)


async def test_a_hold_is_a_row_that_comes_due_and_pins_no_cursor(store: SqlStore) -> None:
    waits, passes = event("waits"), event("passes")
    await store.journal.commit([AppendEvent(waits), AppendEvent(passes)])
    (first, _), (second, _) = await store.journal.read_events(waits.community, 10)

    await store.journal.commit(
        [PutDecision(decision(waits, Verdict.HOLD), NOW), PutHold(hold(waits)), EndEvent(waits.id, "held")],
        stream=Stream.EVENTS,
        lane=waits.community,
        upto=first,
    )
    await store.journal.commit(
        [PutObject(known(passes), passes), AppendItem(item(passes), NOW), EndEvent(passes.id, "crossed")],
        stream=Stream.EVENTS,
        lane=passes.community,
        upto=second,
    )

    assert await store.journal.pending(Stream.EVENTS) == ()
    assert [queued.item and queued.item.event_id for queued in await _hears(store, NEAR)] == [passes.id]
    assert await store.decisions.holds_due(later(14), 10) == ()
    (due,) = await store.decisions.holds_due(later(15), 10)
    release = event("release", Release(due.event_id, Ending.RELEASE))
    await store.journal.commit([AppendEvent(release)])
    ((third, read),) = await store.journal.read_events(waits.community, 10)
    assert read == release
    await store.journal.commit(
        [EndHold(waits.id, Ending.RELEASE, later(15)), AppendItem(item(waits), later(15)), EndEvent(waits.id, "crossed")],
        stream=Stream.EVENTS,
        lane=waits.community,
        upto=third,
    )

    assert [queued.item and queued.item.event_id for queued in await _hears(store, NEAR)] == [passes.id, waits.id]
    assert await store.decisions.holds_due(later(99), 10) == ()


async def test_an_urgent_item_overtakes_ordinary_ones_at_each_destination(store: SqlStore) -> None:
    said = [event(f"said{n}") for n in range(5)]
    await store.journal.commit([AppendItem(item(each), NOW) for each in said])
    near = await _lane(store, NEAR)
    head = (await store.deliveries.read(near, 1))[0].seq
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=head)])
    taken = retraction("sorry", said[3])

    await store.journal.commit(
        [Retract(ObjectId(said[3].id), said[3].provenance.native, NOW), AppendItem(item(taken, "direct", urgent=True), NOW)]
    )

    lanes = await store.deliveries.lanes(NOW, 100)
    assert [(lane.destination, lane.urgent) for lane in lanes][:2] == [(NEAR, True), (FAR, True)]
    for destination in (NEAR, FAR):
        (first,) = await store.deliveries.read(await _lane(store, destination, urgent=True), 10)
        assert first.item is not None
        assert first.item.event_id == taken.id
    ordinary = await store.deliveries.read(await _lane(store, NEAR), 10)
    assert [queued.taken_back for queued in ordinary] == [False, False, True, False]


async def test_a_receipt_per_destination_is_computed_from_cursors_and_exceptions(store: SqlStore) -> None:
    gone = server("gone")
    await store.journal.commit([JoinRoster(FOLLOWERS, gone, follower("lee", "gone"))])
    said = event("said")
    sent = item(said)
    await store.journal.commit([AppendEvent(said), AppendItem(sent, NOW), EndEvent(said.id, "crossed")])
    seq = (await _hears(store, NEAR))[0].seq

    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=seq)])
    await store.journal.commit([PutDead(sent, FAR, Dead("they refuse it"), 3, NOW), AdvanceLane(FAR, urgent=False, upto=seq)])
    await store.journal.commit([GiveUp(gone, urgent=False, why="nothing for 7 days", at=NOW)])

    standings = {standing.destination: standing for standing in await store.deliveries.standings(said.id)}
    assert standings[NEAR].stage is Stage.DELIVERED
    assert (standings[FAR].stage, standings[FAR].why, standings[FAR].attempts) == (Stage.DEAD, "they refuse it", 3)
    assert (standings[gone].stage, standings[gone].why) == (Stage.GIVEN_UP, "nothing for 7 days")
    assert await store.deliveries.lanes(NOW, 100) == ()
