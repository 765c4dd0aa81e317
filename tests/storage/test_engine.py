"""SQLite is opened so that nothing acknowledged is lost and nobody reads an old value to write a new one."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy import event as listening

from bridge.errors import BridgeError, Conflict, Full, OperatorError, StoreDown
from storage import SqlStore, open_memory, open_store
from storage.engine import open_engine
from storage.guard import refuse_network, refuse_old
from storage.threads import Threads
from tests.conformance.homes import SECRET
from tests.conformance.samples import GROUP, intake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folkmoot.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    store = open_store(path, SECRET)
    yield store
    await store.close()


def increment(connection: Connection) -> int:
    found: int = connection.execute(text("SELECT seq FROM heads WHERE name = 'dead'")).scalar_one()
    connection.execute(text("UPDATE heads SET seq = :next WHERE name = 'dead'"), {"next": found + 1})
    return found + 1


async def test_ten_concurrent_increments_give_ten(store: SqlStore) -> None:
    results = await asyncio.gather(*(store.database.write(increment) for _ in range(10)))
    assert sorted(results) == list(range(1, 11))


def test_ten_increments_on_connections_of_their_own_give_ten(path: Path) -> None:
    """Without BEGIN IMMEDIATE this ended at one, silently (libraries.md 2.6)."""
    engine = open_engine(path)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE heads (name TEXT, seq INTEGER)"))
        connection.execute(text("INSERT INTO heads VALUES ('dead', 0)"))

    def one() -> None:
        with engine.begin() as connection:
            increment(connection)

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT seq FROM heads")).scalar_one() == 10
    engine.dispose()


async def test_every_connection_has_the_settings_that_keep_promises(store: SqlStore) -> None:
    def ask(connection: Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names)

    assert await store.database.write(ask) == ("wal", 2, 1, 1)
    assert await store.database.read(ask) == ("wal", 2, 1, 1)


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("synchronous=NORMAL", "synchronous=NORMAL"),
        ("synchronous=0", "synchronous=0"),
        ("journal_mode=delete", "journal_mode=delete"),
        ("cache=shared", "cache"),
    ],
)
def test_opening_refuses_by_name_whatever_could_lose_events(path: Path, option: str, named: str) -> None:
    with pytest.raises(OperatorError, match=named) as refused:
        open_store(f"sqlite:///{path}?{option}", SECRET)
    assert refused.value.remedy
    assert not path.exists()


async def test_a_stricter_setting_is_taken(path: Path) -> None:
    store = open_store(f"sqlite:///{path}?synchronous=extra", SECRET)
    assert await store.database.read(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()) == 3
    await store.close()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_by_name(kind: str) -> None:
    mounts = f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / /srv/share\\040d rw shared:1 - {kind} host:/x rw\n"
    with pytest.raises(OperatorError, match=kind):
        refuse_network(Path("/srv/share d/folkmoot.sqlite"), mounts)
    refuse_network(Path("/srv/other/folkmoot.sqlite"), mounts)


def test_an_sqlite_that_is_too_old_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"3\.34\.1 is too old"):
        refuse_old((3, 34, 1))


def test_a_folder_that_is_not_there_and_another_database_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="does not exist"):
        open_store(tmp_path / "nowhere" / "f.sqlite", SECRET)
    with pytest.raises(OperatorError, match="mysql is not supported"):
        open_store("mysql://host/name", SECRET)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database " * 100)
    with pytest.raises(StoreDown):
        open_store(path, SECRET)


async def test_a_second_opening_is_refused_and_says_what_to_do(store: SqlStore, path: Path) -> None:
    with pytest.raises(OperatorError, match="in use by another Folkmoot process") as refused:
        open_store(path, SECRET)
    assert "Stop that one" in (refused.value.remedy or "")


async def test_a_second_process_is_refused_and_a_killed_one_leaves_the_way_free(path: Path) -> None:
    program = f"from storage import open_store; s = open_store({str(path)!r}, {SECRET!r}); print('open', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdin is not None
    try:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(OperatorError, match=f"number {other.pid}"):
            open_store(path, SECRET)
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()
    store = open_store(path, SECRET)
    await store.close()


async def test_only_the_owner_may_read_the_files(store: SqlStore, path: Path) -> None:
    await store.journal.accept([intake("a")])
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize("flavour", ["file", "memory"])
async def test_a_full_disk_refuses_new_entries_and_lets_the_rest_go_on(path: Path, flavour: str) -> None:
    left = [9]

    def free() -> tuple[int, int]:
        return left[0], 100

    store = open_store(path, SECRET, free=free) if flavour == "file" else open_memory(free=free)
    with pytest.raises(Full) as full:
        await store.journal.accept([intake("a")])
    assert full.value.status == 503
    await store.keys.keep(GROUP, "rsa", b"private", b"public")
    left[0] = 10
    assert (await store.journal.accept([intake("a")]))[0].fresh is True
    await store.close()


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
    def twice(connection: Connection) -> None:
        connection.execute(text("INSERT INTO heads (name, seq) VALUES ('out', 1)"))

    def nonsense(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM nowhere"))

    for work, kind in ((twice, Conflict), (nonsense, StoreDown)):
        with pytest.raises(BridgeError) as error:
            await store.database.write(work)
        assert type(error.value) is kind
    with pytest.raises(StoreDown):
        await store.database.read(nonsense)


async def test_a_reader_cannot_write(store: SqlStore) -> None:
    with pytest.raises(StoreDown):
        await store.database.read(increment)


async def test_a_cancelled_caller_does_not_stop_the_others(store: SqlStore) -> None:
    doomed = asyncio.ensure_future(store.journal.accept([intake("a")]))
    await asyncio.sleep(0)
    doomed.cancel()
    assert (await store.journal.accept([intake("b")]))[0].seq > 0
    with pytest.raises(asyncio.CancelledError):
        await doomed


async def test_a_closed_store_says_so(path: Path) -> None:
    store = open_store(path, SECRET)
    await store.close()
    await store.close()
    with pytest.raises(StoreDown, match="closed"):
        await store.journal.accept([intake("a")])


async def test_nobody_waits_for_a_thread_that_could_not_begin(tmp_path: Path) -> None:
    """The folder was taken away between opening and the first connection: once every later read waited for ever."""
    database = Threads(open_engine(tmp_path / "here.sqlite"), open_engine(tmp_path / "gone" / "x.sqlite", writes=False))
    for _ in range(3):
        with pytest.raises(StoreDown):
            await asyncio.wait_for(database.read(lambda connection: connection.execute(text("select 1")).scalar()), 10)
    await database.close()


async def test_private_keys_lie_encrypted_in_the_file(store: SqlStore, path: Path) -> None:
    secret = b"-----BEGIN PRIVATE KEY----- very private"
    await store.keys.keep(GROUP, "rsa", secret, b"public")
    await store.close()
    with sqlite3.connect(path) as raw:
        ((sealed,),) = raw.execute("SELECT sealed FROM keys").fetchall()
    raw.close()
    assert secret not in path.read_bytes()
    assert len(sealed) == 12 + len(secret) + 16


async def test_another_key_file_is_refused_at_start(path: Path) -> None:
    store = open_store(path, SECRET)
    await store.close()
    with pytest.raises(OperatorError, match="another key file"):
        open_store(path, b"x" * 32)
    store = open_store(path, SECRET)
    await store.close()


async def test_events_written_in_one_commit_are_one_fsync_for_many_callers(store: SqlStore) -> None:
    """Group commit: what queues up during a commit is the next one, so thirty-two callers never wait for thirty-two syncs."""
    commits = 0

    def count(_raw: object) -> None:
        nonlocal commits
        commits += 1

    engine = store.database._engines[0]  # type: ignore[attr-defined]
    listening.listen(engine, "commit", count)
    await asyncio.gather(*(store.journal.accept([intake(f"k{n}")]) for n in range(32)))
    assert commits < 16
