"""A copy of the file is one moment of it, however busy the node is, and the node is not kept from its work."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import OperatorError
from bridge.streams import Stream
from storage import SqlStore, open_store
from storage.migrations import LATEST
from storage.snapshot import copy_database, require_sound, size_of
from tests.conformance.homes import SECRET
from tests.conformance.samples import NOW, ROOM, intake


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folkmoot.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    store = open_store(path, SECRET)
    yield store
    await store.close()


def counted(copy: Path) -> tuple[int, int]:
    """Rows of the intake, and the last number given out."""
    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("SELECT count(*) FROM intake").fetchone()[0]
        head = connection.execute("SELECT seq FROM heads WHERE name = 'intake'").fetchone()[0]
    return rows, head


async def test_what_is_copied_while_the_node_writes_is_the_state_of_one_moment(store: SqlStore, path: Path, tmp_path: Path) -> None:
    await store.journal.accept([intake(f"before{n}", body=bytes(5000)) for n in range(1000)])
    halfway, go_on = threading.Event(), threading.Event()
    reports: list[int] = []

    def progress(count: int) -> None:
        reports.append(count)
        halfway.set()
        assert go_on.wait(20)

    copying = asyncio.create_task(asyncio.to_thread(copy_database, path, tmp_path / "copy", progress))
    assert await asyncio.to_thread(halfway.wait, 20)
    await store.journal.accept([intake(f"meanwhile{n}", body=bytes(5000)) for n in range(1000)])
    go_on.set()
    await copying

    assert len(reports) > 3
    assert sum(reports) == await asyncio.to_thread(lambda: (tmp_path / "copy").stat().st_size)
    assert await asyncio.to_thread(counted, tmp_path / "copy") == (1000, 1000)
    assert sorted(file.name for file in tmp_path.glob("copy*")) == ["copy"], "nothing beside it"
    await asyncio.to_thread(require_sound, tmp_path / "copy", SECRET)


async def test_forgetting_does_not_wait_for_a_backup_and_is_finished_after_it(store: SqlStore, path: Path, tmp_path: Path) -> None:
    (receipt,) = await store.journal.accept([intake("said", body=b"words that were said" + bytes(3_000_000))])
    halfway, go_on = threading.Event(), threading.Event()

    def progress(_: int) -> None:
        halfway.set()
        assert go_on.wait(20)

    copying = asyncio.create_task(asyncio.to_thread(copy_database, path, tmp_path / "copy", progress))
    assert await asyncio.to_thread(halfway.wait, 20)
    await store.journal.commit([], stream=Stream.INTAKE, lane=ROOM.id, upto=receipt.seq)
    async with asyncio.timeout(5):
        assert (await store.sweep(NOW + timedelta(days=15))).rows
    log = path.with_name(path.name + "-wal")
    held = await asyncio.to_thread(lambda: log.stat().st_size)
    go_on.set()
    await copying
    await store.sweep(NOW + timedelta(days=15))

    assert held
    assert await asyncio.to_thread(lambda: log.stat().st_size) == 0
    assert b"words that were said" not in await asyncio.to_thread(path.read_bytes)


async def test_a_copy_is_never_written_over_anything(store: SqlStore, path: Path, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "copy").write_bytes, b"mine")

    with pytest.raises(FileExistsError):
        await asyncio.to_thread(copy_database, path, tmp_path / "copy", lambda _: None)


@pytest.mark.parametrize("content", [None, b"", b"no database" * 1000], ids=["missing", "empty", "other"])
def test_what_is_no_database_of_ours_is_refused(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OperatorError, match="cannot be copied"):
        require_sound(path, SECRET)
    assert path.exists() is (content is not None), "and none is made"


async def test_a_copy_of_a_newer_release_is_refused(store: SqlStore, path: Path, tmp_path: Path) -> None:
    def age() -> None:
        copy_database(path, tmp_path / "copy", lambda _: None)
        with closing(sqlite3.connect(tmp_path / "copy")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (f"{int(LATEST) + 1:04}",))
        require_sound(tmp_path / "copy", SECRET)

    with pytest.raises(OperatorError, match="newer release"):
        await asyncio.to_thread(age)


async def test_the_size_is_known_before(store: SqlStore, path: Path, tmp_path: Path) -> None:
    def both() -> tuple[int, int]:
        copy_database(path, tmp_path / "copy", lambda _: None)
        return size_of(path), (tmp_path / "copy").stat().st_size

    size, copied = await asyncio.to_thread(both)
    assert size == copied
