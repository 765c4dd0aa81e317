"""Sweeping forgets what nobody needs, and never what somebody still does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    EndEvent,
    EndHold,
    JoinRoster,
    LeaveRoster,
    NoteRelayed,
    Park,
    PutActor,
    PutChannel,
    PutCommunity,
    PutConsent,
    PutConversation,
    PutCopy,
    PutDecision,
    PutFollow,
    PutHold,
    PutObject,
    PutUpload,
)
from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.ids import MATRIX, Native, ObjectId
from bridge.model.place import Channel, Community, Place, PlaceKind
from bridge.model.record import Follow, Upload, Wait
from bridge.norms.context import Consent, Crossing
from bridge.streams import LaneState, Stream
from storage import SqlStore, open_memory
from storage.retention import Retention
from storage.schema import metadata
from tests.conformance.samples import (
    BENCH,
    FOLLOWERS,
    GROUP,
    MAKERS,
    NOW,
    ROOM,
    actor,
    decision,
    event,
    follower,
    hold,
    intake,
    item,
    known,
    retraction,
    server,
)

NEAR = server("near")
LONG_AFTER = NOW + timedelta(days=15)


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    store = open_memory()
    yield store
    await store.close()


async def rows(store: SqlStore, table: str) -> int:
    return await store.database.read(
        lambda connection: connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()
    )


async def crossed(store: SqlStore, name: str) -> None:
    """One event from arrival to delivery."""
    (receipt,) = await store.journal.accept([intake(name)])
    said = event(name)
    await store.journal.commit([AppendEvent(said, receipt.seq)], stream=Stream.INTAKE, lane=ROOM.id, upto=receipt.seq)
    ((seq, _),) = await store.journal.read_events(MAKERS, 10)
    await store.journal.commit(
        [
            PutDecision(decision(said), NOW),
            PutObject(known(said), said),
            PutCopy(ObjectId(said.id), GROUP, f"https://moot.example/o/{name}"),
            AppendItem(item(said), NOW),
            EndEvent(said.id, "crossed"),
        ],
        stream=Stream.EVENTS,
        lane=MAKERS,
        upto=seq,
    )
    queued = await store.deliveries.read(LaneState(NEAR, urgent=False, cursor=0), 1000)
    await store.journal.commit([AdvanceLane(NEAR, urgent=False, upto=queued[-1].seq)])


async def test_log_rows_behind_every_cursor_go_and_what_is_served_stays(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, follower("sam", "near"))])
    await crossed(store, "said")
    assert (await store.sweep(NOW + timedelta(days=13))).rows == 0
    swept = await store.sweep(LONG_AFTER)
    assert (swept.rows, swept.more) == (3, False)
    assert [await rows(store, table) for table in ("intake", "events", "out", "out_roster")] == [0, 0, 0, 0]
    assert await store.objects.current(ObjectId(event("said").id)) == event("said")
    assert await store.decisions.decision(event("said").id) is not None


async def test_keys_outlive_the_log_so_that_a_late_repeat_is_still_one(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, follower("sam", "near"))])
    await crossed(store, "said")
    await store.sweep(LONG_AFTER)
    (receipt,) = await store.journal.accept([intake("said")])
    assert (receipt.seq, receipt.fresh) == (1, False)
    await store.journal.commit([AppendEvent(event("said")), AppendItem(item(event("said")), LONG_AFTER)])
    assert await store.journal.pending(Stream.EVENTS) == ()
    assert await store.deliveries.lanes(LONG_AFTER, 10) == ()
    await store.sweep(LONG_AFTER + timedelta(days=91))
    assert await rows(store, "seen") == 0


async def test_what_somebody_still_needs_is_kept_however_old(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, follower("sam", "near"))])
    parked, unread = await store.journal.accept([intake("parked"), intake("unread")])
    await store.journal.commit([Park(Wait(parked.seq, None, "stuck", stuck=True))], stream=Stream.INTAKE, lane=ROOM.id, upto=parked.seq)
    await store.journal.commit([AppendEvent(event("unjudged")), AppendItem(item(event("undelivered")), NOW)])
    await store.sweep(LONG_AFTER)
    assert [await rows(store, table) for table in ("intake", "events", "out")] == [2, 1, 1]
    assert unread.fresh


async def test_a_retraction_years_later_still_reaches_those_who_left(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, follower("sam", "near"))])
    await crossed(store, "said")
    await store.journal.commit([LeaveRoster(FOLLOWERS, follower("sam", "near"))])
    await store.sweep(LONG_AFTER)
    await store.sweep(NOW + timedelta(days=800))
    sorry = retraction("sorry", event("said"))
    await store.journal.commit([AppendItem(item(sorry, "direct", urgent=True, reached=True), LONG_AFTER)])
    (lane,) = await store.deliveries.lanes(LONG_AFTER, 10)
    assert (lane.destination, lane.urgent) == (NEAR, True)


async def test_hashes_decisions_and_ended_waits_go_when_their_time_is_over(store: SqlStore) -> None:
    said, waiting = event("said"), event("waiting")
    await store.journal.commit(
        [
            NoteRelayed("hash", NOW + timedelta(hours=24)),
            PutDecision(decision(said), NOW),
            PutHold(hold(said)),
            EndHold(said.id, Ending.RELEASE, NOW),
            PutHold(hold(waiting)),
        ]
    )
    await store.sweep(NOW + timedelta(hours=25))
    assert [await rows(store, table) for table in ("relayed", "decisions", "holds")] == [0, 1, 2]
    await store.sweep(NOW + timedelta(days=91))
    assert [await rows(store, table) for table in ("decisions", "holds")] == [0, 1]


async def test_what_was_looked_up_elsewhere_goes_a_year_after_it_was_last_asked_for(store: SqlStore) -> None:
    await store.keys.remember("https://near.example/u/sam#main-key", "https://near.example/u/sam", b"pem", NOW)
    await store.journal.commit([PutUpload(Upload("https://near.example/p.png", "digest", "mxc://hs.example/p", "image/png", 9, NOW))])
    await store.sweep(NOW + timedelta(days=360))
    await store.keys.remember("https://near.example/u/sam#main-key", "https://near.example/u/sam", b"pem", NOW + timedelta(days=360))
    swept = await store.sweep(NOW + timedelta(days=366))

    assert dict(swept.kinds) == {"log": 0, "keys": 0, "decisions": 0, "peers": 1}
    assert [await rows(store, table) for table in ("peer_keys", "uploads")] == [1, 0]


async def test_an_operator_decides_how_long_each_kind_is_kept(store: SqlStore) -> None:
    (receipt,) = await store.journal.accept([intake("said")])
    await store.journal.commit([PutDecision(decision(event("said")), NOW)], stream=Stream.INTAKE, lane=ROOM.id, upto=receipt.seq)
    short = Retention(log=timedelta(days=1), keys=timedelta(days=30), decisions=timedelta(days=2))

    first = await store.sweep(NOW + timedelta(days=1, hours=1), short)
    second = await store.sweep(NOW + timedelta(days=2, hours=1), short)
    third = await store.sweep(NOW + timedelta(days=31, hours=2), short)

    assert [swept.kinds[kind] for swept, kind in ((first, "log"), (first, "decisions"), (second, "decisions"), (third, "keys"))] == [
        1,
        0,
        1,
        1,
    ]


async def test_one_round_is_bounded_and_says_when_there_is_more(store: SqlStore) -> None:
    receipts = await store.journal.accept([intake(f"k{n}") for n in range(700)])
    await store.journal.commit([], stream=Stream.INTAKE, lane=ROOM.id, upto=receipts[-1].seq)
    first = await store.sweep(LONG_AFTER)
    second = await store.sweep(LONG_AFTER)
    assert (first.rows, first.more, second.rows, second.more) == (500, True, 200, False)


async def test_an_account_elsewhere_is_forgotten_only_when_it_has_nothing_here(store: SqlStore) -> None:
    kept = [follower(name, "near") for name in ("follows", "is_followed", "said", "waits", "agreed", "talks", "is_here")]
    stranger, seen_lately = follower("stranger", "near"), follower("lately", "near")
    follows, is_followed, said, waits, agreed, talks, is_here = kept

    def by(native: Native, name: str) -> Event:
        return msgspec.structs.replace(event(name), author=actor(native))

    await store.journal.commit(
        [
            *(PutActor(actor(native), NOW) for native in (*kept, stranger)),
            PutActor(actor(seen_lately), NOW + timedelta(days=300)),
            PutFollow(Follow(follows, GROUP, "https://near.example/f/1", NOW, NOW)),
            PutFollow(Follow(GROUP, is_followed, "https://moot.example/f/1", NOW, NOW)),
            PutObject(known(by(said, "a")), by(said, "a")),
            PutHold(hold(by(waits, "b"))),
            PutConsent(Consent(agreed, MAKERS, Crossing.ON)),
            PutConversation(talks, Native(MATRIX, "!talk:hs.example")),
            PutCommunity(Community(MAKERS, "makers", "Makers")),
            PutChannel(Channel(BENCH, MAKERS, (Place(is_here, PlaceKind.FOREIGN_GROUP),))),
        ]
    )

    await store.sweep(NOW + timedelta(days=366))

    there = {native: await store.directory.actor(native) is not None for native in (*kept, stranger, seen_lately)}
    assert {native.id for native, is_there in there.items() if not is_there} == {stranger.id}
