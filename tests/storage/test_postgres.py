"""PostgreSQL is opened so that nothing acknowledged is lost, and many processes write as if they were one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from bridge.errors import BridgeError, Conflict, Full, Invariant, OperatorError, StoreDown
from bridge.streams import Stream
from storage import SqlStore, connect_store
from storage.lines import Lines
from storage.postgres import Server
from storage.schema import metadata
from tests.conformance.homes import SECRET, template
from tests.conformance.samples import GROUP, NOW, intake
from tests.postgres import Cluster, cluster


@pytest.fixture
def server() -> Cluster:
    return cluster()


@pytest.fixture
async def name(server: Cluster) -> AsyncIterator[str]:
    made = server.create(await template(server))
    yield made
    server.drop(made)


@pytest.fixture
async def stores(server: Cluster, name: str) -> AsyncIterator[list[SqlStore]]:
    """Three of one database, as three processes have it; all the work is the first one's."""
    opened = [await connect_store(server.url(name), SECRET) for _ in range(3)]
    await opened[0].claims.start(Stream)
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def store(stores: list[SqlStore]) -> SqlStore:
    return stores[0]


def increment(connection: Connection) -> int:
    found: int = connection.execute(text("SELECT seq FROM heads WHERE name = 'dead'")).scalar_one()
    connection.execute(text("UPDATE heads SET seq = :next WHERE name = 'dead'"), {"next": found + 1})
    return found + 1


# ------------------------------------------------------------------------------------------------------------------- opening


async def test_the_migrations_give_the_schema(server: Cluster) -> None:
    name = server.create()
    await (await connect_store(server.url(name), SECRET)).close()
    database = Lines(Server(server.url(name)))
    context = {"compare_type": True, "compare_server_default": False}
    found = await database.alter(lambda connection: compare_metadata(MigrationContext.configure(connection, opts=context), metadata))
    await database.close()
    server.drop(name)
    assert found == []


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_could_lose_events_is_refused_by_name(server: Cluster, name: str, setting: str) -> None:
    await reloaded(server, f"ALTER SYSTEM SET {setting} = off", setting, "off")
    try:
        with pytest.raises(OperatorError, match=f"{setting}=off is refused") as refused:
            await connect_store(server.url(name), SECRET)
    finally:
        await reloaded(server, f"ALTER SYSTEM RESET {setting}", setting, "on")
    assert f"{setting}=on" in (refused.value.remedy or "")


async def test_a_database_that_does_not_wait_for_the_disk_is_refused_by_name(server: Cluster, name: str) -> None:
    server.sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(OperatorError, match="synchronous_commit=off is refused"):
        await connect_store(server.url(name), SECRET)
    with pytest.raises(OperatorError, match="synchronous_commit=off is refused"):
        await connect_store(server.url(name) + "&synchronous_commit=off", SECRET)
    await (await connect_store(server.url(name) + "&synchronous_commit=on", SECRET)).close()


async def reloaded(server: Cluster, statement: str, setting: str, value: str) -> None:
    server.sql(statement, "SELECT pg_reload_conf()")
    async with asyncio.timeout(10):
        while server.sql(f"SHOW {setting}") != value:
            await asyncio.sleep(0.01)


async def test_an_unsafe_server_is_refused_before_anything_is_written(server: Cluster) -> None:
    name = server.create()
    with pytest.raises(OperatorError):
        await connect_store(server.url(name) + "&synchronous_commit=off", SECRET)
    tables = server.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'", database=name)
    server.drop(name)
    assert tables == "0"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana:secret7@host/name",
        "postgresql://ana@host/name?password=secret7",
        "postgresql://host:secret7/name",
        "mysql://secret7/x",
    ],
)
async def test_a_password_in_the_address_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(OperatorError) as refused:
        await connect_store(url, SECRET)
    assert "secret7" not in f"{refused.value!r} {refused.value} {refused.value.remedy} {refused.value.private}"


def test_a_server_shows_neither_address_nor_password() -> None:
    assert repr(Server("postgresql://ana@host/name", "secret7")) == "Server(…)"


async def test_a_server_that_is_not_there_and_a_database_that_is_not_there_are_told_apart(server: Cluster, tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as nobody:
        await connect_store(f"postgresql://ana@/name?host={tmp_path}", SECRET)
    with pytest.raises(OperatorError, match="does not exist") as nothing:
        await connect_store(server.url("never_made"), SECRET)
    assert "whether the server runs" in (nobody.value.remedy or "")
    assert "createdb" in (nothing.value.remedy or "")


async def test_another_key_file_is_refused_at_start(server: Cluster, name: str) -> None:
    with pytest.raises(OperatorError, match="another key file"):
        await connect_store(server.url(name), b"x" * 32)


async def test_a_database_of_a_newer_release_is_refused(server: Cluster, name: str) -> None:
    server.sql("UPDATE alembic_version SET version_num = '9999'", database=name)
    with pytest.raises(OperatorError, match="newer release"):
        await connect_store(server.url(name), SECRET)


async def test_many_processes_may_start_at_once_on_an_empty_database(server: Cluster) -> None:
    name = server.create()
    opened = await asyncio.gather(*(connect_store(server.url(name), SECRET) for _ in range(4)))
    for store in opened:
        await store.close()
    server.drop(name)


async def test_a_server_on_this_machine_says_how_much_room_there_is(store: SqlStore) -> None:
    assert ((await store.journal.backlog(NOW)).disk_free or 0) > 0


async def test_an_almost_full_disk_refuses_new_entries(server: Cluster, name: str) -> None:
    store = await connect_store(server.url(name), SECRET, min_free_percent=100)
    with pytest.raises(Full):
        await store.journal.accept([intake("a")])
    await store.keys.keep(GROUP, "rsa", b"private", b"public")
    await store.close()


# ------------------------------------------------------------------------------------------------------------------- writing


async def test_increments_of_many_processes_are_all_there(stores: list[SqlStore]) -> None:
    results = await asyncio.gather(*(store.database.write(increment) for store in stores for _ in range(10)))
    assert sorted(results) == list(range(1, 31))


async def test_a_reader_misses_nothing_that_several_processes_append(stores: list[SqlStore]) -> None:
    """The cursor trap: numbers given out before the commit let a reader at 7 miss 6, which commits later (engine.md section 7)."""
    writers, each = 12, 25
    seen: list[str] = []

    async def write(writer: int) -> None:
        journal = stores[writer % len(stores)].journal
        for n in range(each):
            await journal.accept([intake(f"{writer}-{n}-{part}", "lane") for part in range(4)])

    async def follow() -> None:
        journal = stores[0].journal
        while len(seen) < writers * each * 4:
            entries = await journal.read_intake("lane", 50)
            seen.extend(entry.intake.key for entry in entries)
            if entries:
                await journal.commit([], stream=Stream.INTAKE, lane="lane", upto=entries[-1].seq)

    await asyncio.wait_for(asyncio.gather(follow(), *(write(n) for n in range(writers))), 40)
    assert len(seen) == len(set(seen)) == writers * each * 4
    for writer in range(writers):
        mine = [key for key in seen if key.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{n}-{part}" for n in range(each) for part in range(4)]


async def test_a_key_that_comes_through_several_doors_at_once_is_accepted_once(stores: list[SqlStore]) -> None:
    for n in range(20):
        receipts = await asyncio.gather(*(store.journal.accept([intake(f"k{n}")]) for store in stores))
        assert sorted(receipt.fresh for (receipt,) in receipts) == [False, False, True]
        assert len({receipt.seq for (receipt,) in receipts}) == 1


async def test_events_written_in_one_commit_are_one_fsync_for_many_callers(server: Cluster, store: SqlStore) -> None:
    before = int(server.sql("SELECT pg_current_xact_id()"))
    await asyncio.gather(*(store.journal.accept([intake(f"k{n}")]) for n in range(32)))
    assert int(server.sql("SELECT pg_current_xact_id()")) - before < 16, "only what writes has a number"


async def test_a_bug_in_one_transaction_reaches_its_caller_and_nobody_else(store: SqlStore) -> None:
    def bug(connection: Connection) -> None:
        increment(connection)
        raise KeyError("ours")

    results = await asyncio.gather(
        store.database.write(increment), store.database.write(bug), store.database.write(increment), return_exceptions=True
    )
    assert [type(result) for result in results] == [int, KeyError, int]
    assert await store.database.write(increment) == 3


async def test_errors_of_the_driver_become_ours(store: SqlStore) -> None:
    for statement, kind in (
        ("INSERT INTO heads (name, seq) VALUES ('out', 1)", Conflict),
        ("SELECT * FROM nowhere", StoreDown),
        ("SELECT CAST('words' AS bigint)", Invariant),
        ("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$", Full),
        ("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected'; END $$", StoreDown),
    ):
        with pytest.raises(BridgeError) as error:
            await store.database.write(lambda connection, statement=statement: connection.execute(text(statement)) and None)  # type: ignore[misc]
        assert type(error.value) is kind, statement
    with pytest.raises(StoreDown):
        await store.database.read(lambda connection: connection.execute(text("SELECT * FROM nowhere")).all())
    assert await store.database.write(increment) == 1, "and the store goes on"


async def test_a_reader_cannot_write_and_sees_one_moment(stores: list[SqlStore]) -> None:
    with pytest.raises(StoreDown, match="read-only"):
        await stores[0].database.read(increment)
    ask = text("SELECT seq FROM heads WHERE name = 'dead'")
    loop = asyncio.get_running_loop()
    looked, written = asyncio.Event(), asyncio.Event()
    between: list[int] = []

    def twice(connection: Connection) -> None:
        between.append(connection.execute(ask).scalar_one())
        looked.set()
        await_only(written.wait())
        between.append(connection.execute(ask).scalar_one())

    reading = loop.create_task(stores[0].database.read(twice))
    await looked.wait()
    await stores[1].database.write(increment)
    written.set()
    await reading
    assert between == [0, 0]


@pytest.mark.parametrize("odd", ["\x00", "\uffff", "\uffff0", "\x00\uffff1\x00"])
async def test_characters_that_the_server_refuses_are_kept_all_the_same(store: SqlStore, odd: str) -> None:
    said = intake(f"k{odd}ey", lane=f"l{odd}ane", signer=f"who{odd}")
    (receipt,) = await store.journal.accept([said])
    (again,) = await store.journal.accept([said])
    assert (receipt.fresh, again.fresh) == (True, False)
    assert await store.journal.pending(Stream.INTAKE) == (said.lane,)
    (entry,) = await store.journal.read_intake(said.lane, 5)
    assert entry.intake == said


async def test_texts_are_in_the_order_of_their_bytes(server: Cluster, name: str) -> None:
    """Else a page of followers that one database ends at a name would begin elsewhere after a copy to another."""
    found = server.sql(
        "SELECT DISTINCT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'character varying' AND collation_name IS DISTINCT FROM 'C'",
        database=name,
    )
    assert found == "alembic_version"


async def test_news_of_one_process_wakes_the_others(stores: list[SqlStore]) -> None:
    here, there = stores[0].journal, stores[1].journal
    async with asyncio.timeout(10):
        await there.hint(Stream.INTAKE, 10)  # both listen from here on: opening rings once
        await here.hint(Stream.INTAKE, 10)
    waiting = asyncio.create_task(there.hint(Stream.INTAKE, 30))
    await asyncio.sleep(0)
    await here.accept([intake("a")])
    await asyncio.wait_for(waiting, 5)


# ------------------------------------------------------------------------------------------------------------------- trouble


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server that may be stopped."""
    made = Cluster(cluster().binaries)
    made.start()
    yield made
    made.remove()


@pytest.mark.faults
async def test_a_server_that_is_restarted_loses_nothing_and_is_found_again(own: Cluster) -> None:
    store = await connect_store(own.url(own.create()), SECRET)
    await store.claims.start(Stream)
    acknowledged: list[str] = []
    refused = 0

    async def write(writer: int) -> None:
        nonlocal refused
        n = 0
        while n < 60:
            try:
                await store.journal.accept([intake(f"{writer}-{n}", "lane")])
            except StoreDown:
                refused += 1
                await asyncio.sleep(0.05)
                continue
            acknowledged.append(f"{writer}-{n}")
            n += 1

    async def restart() -> None:
        while len(acknowledged) < 40:
            await asyncio.sleep(0)
        await asyncio.to_thread(own.stop)
        await asyncio.to_thread(own.start)

    await asyncio.wait_for(asyncio.gather(restart(), *(write(n) for n in range(6))), 50)
    found = [entry.intake.key for entry in await store.journal.read_intake("lane", 1000)]
    await store.close()
    assert refused > 0, "the restart came in the middle"
    assert len(found) == len(set(found)) == 360
    assert set(acknowledged) == set(found)


@pytest.mark.faults
async def test_hints_cross_again_after_the_server_was_restarted(own: Cluster) -> None:
    name = own.create()
    here, there = [await connect_store(own.url(name), SECRET) for _ in range(2)]
    await asyncio.to_thread(own.stop)
    await asyncio.to_thread(own.start)
    async with asyncio.timeout(30):
        heard = False
        while not heard:
            # Until both have found the server again a hint may be lost, which costs the loops a nap.
            waiting = asyncio.create_task(there.journal.hint(Stream.EVENTS, 30))
            here.journal._hints.ring((Stream.EVENTS,))
            done, _ = await asyncio.wait({waiting}, timeout=1)
            heard = bool(done)
            waiting.cancel()
    await here.close()
    await there.close()


@pytest.mark.faults
async def test_a_process_frozen_inside_a_transaction_holds_the_others_up_for_ten_seconds_at_most(stores: list[SqlStore]) -> None:
    never, inside = asyncio.Event(), asyncio.Event()

    def freeze(connection: Connection) -> None:
        increment(connection)
        inside.set()
        await_only(never.wait())
        increment(connection)

    frozen = asyncio.create_task(stores[0].database.write(freeze))
    await inside.wait()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await stores[1].database.write(increment) == 1, "what the frozen one had begun is undone"
    assert 5 < loop.time() - began < 15
    never.set()
    with pytest.raises(StoreDown):
        await frozen
