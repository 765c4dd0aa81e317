"""Several processes share the work of one database: each part is one process's, and nobody who lost one writes over its successor."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text

from bridge.changes import AdvanceLane, AppendItem, JoinRoster, Park, PutHold
from bridge.errors import Fenced
from bridge.model.record import Wait
from bridge.streams import Stream
from storage import SqlStore, connect_store, open_memory
from storage.buckets import BUCKETS, bucket_of
from storage.claims import SILENT, SURE
from tests.conformance.homes import SECRET, template
from tests.conformance.samples import FOLLOWERS, MAKERS, NOW, event, follower, hold, intake, item, later, server
from tests.postgres import Cluster, cluster


@pytest.fixture
async def name() -> AsyncIterator[str]:
    made = cluster().create(await template(cluster()))
    yield made
    cluster().drop(made)


class House:
    """The processes of one node; each may start and end, or be cut off."""

    def __init__(self, of: Cluster, name: str) -> None:
        self.of, self.name = of, name
        self.stores: list[SqlStore] = []

    async def begin(self, *, streams: tuple[Stream, ...] = tuple(Stream)) -> SqlStore:
        store = await connect_store(self.of.url(self.name), SECRET)
        self.stores.append(store)
        await store.claims.start(streams)
        return store

    async def end(self, store: SqlStore) -> None:
        self.stores.remove(store)
        await store.close()

    def cut_off(self) -> None:
        """All of them, as the server does with a session that is silent."""
        holds = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND database = ({self._oid})"
        self.of.sql(f"SELECT pg_terminate_backend(pid) FROM ({holds}) AS holding GROUP BY pid")

    @property
    def _oid(self) -> str:
        return f"SELECT oid FROM pg_database WHERE datname = '{self.name}'"


@pytest.fixture
async def house(name: str) -> AsyncIterator[House]:
    made = House(cluster(), name)
    yield made
    for store in made.stores:
        await store.close()


async def until(true: Callable[[], bool], seconds: float = 20) -> float:
    """The seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


def share(store: SqlStore, stream: Stream = Stream.OUT) -> frozenset[int]:
    found = store.claims.share(stream)
    assert found is not None
    return found


def together(stores: list[SqlStore], stream: Stream) -> bool:
    """Does each bucket belong to exactly one?"""
    shares = [share(store, stream) for store in stores]
    return frozenset().union(*shares) == frozenset(range(BUCKETS[stream])) and sum(map(len, shares)) == BUCKETS[stream]


def evenly(stores: list[SqlStore], stream: Stream) -> bool:
    """And none has more than its fair share?"""
    return together(stores, stream) and max(len(share(store, stream)) for store in stores) <= -(-BUCKETS[stream] // len(stores))


def fall_silent(store: SqlStore) -> None:
    """No sign of life any more, with the session still open: a process that is frozen, seen from outside."""

    async def never(_session: object) -> bool:
        await asyncio.Event().wait()
        return False

    store.claims._beat = never  # type: ignore[assignment, union-attr]


def elsewhere(store: SqlStore, stream: Stream) -> str:
    """A name that is another process's."""
    return next(name for name in (f"n{n}.example" for n in range(10_000)) if not store.claims.owns(stream, name))


# ------------------------------------------------------------------------------------------------------------------- sharing


async def test_where_there_is_one_process_everything_is_its_own_at_once() -> None:
    store = open_memory()
    assert [store.claims.share(stream) for stream in Stream] == [None, None, None]
    assert store.claims.owns(Stream.INTAKE, "anything")
    await store.close()


async def test_the_first_process_has_everything_as_soon_as_it_has_started(house: House) -> None:
    store = await house.begin()
    assert all(together([store], stream) for stream in Stream)


async def test_processes_share_evenly_and_no_part_is_in_two_hands_or_in_none(house: House) -> None:
    stores = [await house.begin() for _ in range(3)]
    for stream in Stream:
        await until(lambda stream=stream: evenly(stores, stream))  # type: ignore[misc]


async def test_a_part_takes_only_what_its_role_works_on(house: House) -> None:
    door, relay, courier = [await house.begin(streams=streams) for streams in ((), (Stream.INTAKE, Stream.EVENTS), (Stream.OUT,))]
    await until(lambda: together([relay], Stream.EVENTS) and together([courier], Stream.OUT))
    assert share(door) == share(relay) == share(courier, Stream.INTAKE) == frozenset()


async def test_what_one_leaves_the_others_have_within_seconds(house: House) -> None:
    first, second = await house.begin(), await house.begin()
    await until(lambda: evenly([first, second], Stream.OUT))
    await house.end(first)
    assert await until(lambda: together([second], Stream.OUT)) < 5


async def test_whoever_is_lost_is_missed_by_the_others_even_where_it_had_no_share(house: House) -> None:
    """Whoever talked to a door that is gone turns to another one, which has to know."""
    first, door, other = [await house.begin(streams=streams) for streams in (tuple(Stream), (), ())]
    await until(lambda: len(first.claims._there) == len(other.claims._there) == 2)  # type: ignore[union-attr]
    assert first.claims.losses() == other.claims.losses() == 0
    await house.end(door)
    await until(lambda: first.claims.losses() == other.claims.losses() == 1, 5)
    house.cut_off()
    await until(lambda: first.claims.losses() > 1 and other.claims.losses() > 1, 5)
    assert share(other) == frozenset()


async def test_work_under_way_ends_before_its_part_is_handed_over(house: House) -> None:
    first = await house.begin()
    names = [f"n{n}.example" for n in range(2000)]
    for name in names:
        first.claims.begin(Stream.OUT, name)
    second = await house.begin()
    await until(lambda: len(share(first)) == 128)
    assert share(second) == frozenset(), "nothing of it is free yet"
    leaving = [name for name in names if not first.claims.owns(Stream.OUT, name)]
    assert all(first.claims.keeps(Stream.OUT, name) for name in leaving), "and what comes of it may be written down"
    for name in names:
        first.claims.end(Stream.OUT, name)
    await until(lambda: evenly([first, second], Stream.OUT))
    assert not any(first.claims.keeps(Stream.OUT, name) for name in leaving)


def test_a_bucket_is_the_same_here_and_in_the_database() -> None:
    for name in ("!room:hs.example", "", "Ünïcode", "with\x00zero", "sign\uffff"):
        escaped = name.replace("\uffff", "\uffff1").replace("\x00", "\uffff0")
        assert bucket_of(Stream.INTAKE, name) == hashlib.sha256(escaped.encode()).digest()[0] % 64


async def test_a_process_is_shown_only_its_own_part_of_the_work(house: House) -> None:
    first, second = await house.begin(), await house.begin()
    rooms, names = [f"!r{n}\x00:hs" for n in range(40)], [f"h{n}" for n in range(40)]
    receipts = await first.journal.accept([intake(f"k{n}", lane=room) for n, room in enumerate(rooms)])
    changes = [Park(Wait(receipt.seq, NOW, "later")) for receipt in receipts]
    joined = [JoinRoster(FOLLOWERS, server(name), follower("sam", name)) for name in names]
    held = [PutHold(hold(event(f"held{n}", community=f"c{n}"))) for n in range(40)]
    await first.journal.commit([*changes, *joined, AppendItem(item(event("said")), NOW), *held])
    await until(lambda: all(evenly([first, second], stream) for stream in Stream))
    for store in (first, second):
        waits = await store.journal.waits_due(NOW, 100, share(store, Stream.INTAKE))
        assert {entry.intake.lane for _, entry in waits} == {room for room in rooms if store.claims.owns(Stream.INTAKE, room)}
        lanes = await store.deliveries.lanes(NOW, 100, share(store))
        assert {lane.destination.host for lane in lanes} == {
            f"{name}.example" for name in names if store.claims.owns(Stream.OUT, f"{name}.example")
        }
        holds = await store.decisions.holds_due(later(60), 100, share(store, Stream.EVENTS))
        assert {one.community for one in holds} == {f"c{n}" for n in range(40) if store.claims.owns(Stream.EVENTS, f"c{n}")}
        assert 0 < len(waits) < 40
        assert 0 < len(lanes) < 40
        assert 0 < len(holds) < 40
        nothing = frozenset[int]()
        assert await store.journal.next_due(share(store, Stream.INTAKE)) == NOW
        assert await store.decisions.next_due(share(store, Stream.EVENTS)) == later(15)
        assert await store.journal.next_due(nothing) is await store.decisions.next_due(nothing) is None


# ------------------------------------------------------------------------------------------------------------------- fences


async def test_a_process_cannot_write_down_work_on_what_is_not_its_own(house: House) -> None:
    first, second = await house.begin(), await house.begin()
    await until(lambda: all(evenly([first, second], stream) for stream in Stream))
    lane = elsewhere(first, Stream.INTAKE)
    (receipt,) = await first.journal.accept([intake("k", lane=lane)])
    with pytest.raises(Fenced):
        await first.journal.commit([PutHold(hold(event("held")))], stream=Stream.INTAKE, lane=lane, upto=receipt.seq)
    assert await first.decisions.hold(event("held").id) is None, "nothing was written"
    await second.journal.commit([], stream=Stream.INTAKE, lane=lane, upto=receipt.seq)
    assert await second.journal.pending(Stream.INTAKE) == ()


@pytest.mark.faults
async def test_a_process_that_was_cut_off_unnoticed_is_fenced_once_another_has_begun(house: House) -> None:
    """The session is gone, its owner does not know, and what it did is older than what its successor did."""
    first = await house.begin()
    await first.journal.commit([JoinRoster(FOLLOWERS, server("near"), follower("sam", "near")), AppendItem(item(event("said")), NOW)])
    fall_silent(first)
    second = await house.begin()
    await until(lambda: together([second], Stream.OUT), SILENT + 5)
    assert first.claims.keeps(Stream.OUT, "near.example"), "it does not know"
    assert not first.claims.owns(Stream.OUT, "near.example"), "but it has stopped beginning anything"
    with pytest.raises(Fenced):
        await first.journal.commit([AdvanceLane(server("near"), False, 1)])
    (lane,) = await second.deliveries.lanes(NOW, 5, share(second))
    assert lane.cursor == 0
    await second.journal.commit([AdvanceLane(server("near"), False, 1)])


@pytest.mark.faults
async def test_a_silent_process_stops_before_another_begins(house: House) -> None:
    first = await house.begin()
    fall_silent(first)
    began = time.monotonic()
    second = await house.begin()
    stopped = await until(lambda: share(first) == frozenset())
    assert share(second) == frozenset()
    await until(lambda: together([second], Stream.OUT))
    assert SURE - 2 < stopped < SURE + 1
    assert time.monotonic() - began < SILENT + 4


async def test_whoever_was_cut_off_and_replaced_by_nobody_goes_on_with_what_was_under_way(house: House) -> None:
    """A database that was restarted: nothing is done twice for it."""
    store = await house.begin()
    await store.journal.commit([JoinRoster(FOLLOWERS, server("near"), follower("sam", "near")), AppendItem(item(event("said")), NOW)])
    store.claims.begin(Stream.OUT, "near.example")
    house.cut_off()
    await until(lambda: share(store) == frozenset())
    await until(lambda: together([store], Stream.OUT))
    assert store.claims.owns(Stream.OUT, "near.example")
    await store.journal.commit([AdvanceLane(server("near"), False, 1)])
    assert await store.deliveries.lanes(NOW, 5) == ()


async def test_an_epoch_grows_with_every_change_of_hands_and_not_with_a_return(house: House) -> None:
    async def epochs(store: SqlStore) -> set[int]:
        return await store.database.read(lambda connection: set(connection.execute(text("SELECT DISTINCT epoch FROM claims")).scalars()))

    first = await house.begin()
    assert await epochs(first) == {1}
    house.cut_off()
    await until(lambda: share(first) == frozenset())
    await until(lambda: together([first], Stream.OUT))
    assert await epochs(first) == {1}
    await house.end(first)
    second = await house.begin()
    assert await epochs(second) == {2}


@pytest.mark.faults
async def test_what_is_under_way_since_before_another_had_it_is_not_taken_back_until_it_has_ended(house: House) -> None:
    first = await house.begin()
    first.claims.begin(Stream.EVENTS, MAKERS)
    first.claims._task.cancel()  # type: ignore[union-attr]
    second = await house.begin()
    await until(lambda: together([second], Stream.EVENTS), SILENT + 5)
    await house.end(second)
    await first.claims.start(tuple(Stream))
    await until(lambda: len(share(first, Stream.EVENTS)) == 63)
    assert not first.claims.owns(Stream.EVENTS, MAKERS)
    first.claims.end(Stream.EVENTS, MAKERS)
    await until(lambda: first.claims.owns(Stream.EVENTS, MAKERS))
