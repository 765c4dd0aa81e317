"""Moves a node from its SQLite file to PostgreSQL: every row of every table, in one transaction, so that it is all there or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Table, func, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import OperatorError, StorageError
from storage.engine import open_engine
from storage.guard import Lock, refuse_network
from storage.keys import Seal, require_seal
from storage.migrations import upgrade
from storage.postgres import Server, require_safe
from storage.schema import metadata

__all__ = ["Progress", "copy_store"]

CHUNK: Final = 500
"""Rows read and written at once."""

Progress = Callable[[int, int], None]
"""Told how many rows were copied since the last time, and how many there are in all."""


async def copy_store(path: Path, secret_key: bytes, url: str, *, password: str = "", progress: Progress) -> int:
    """Copies the file at `path`, which no process may have open, into an empty database; its rows stay as they were. The number of rows.

    Cursors are rows like all others, so the node goes on exactly where it stood. Raises OperatorError for a node that runs, a file that is
    not there, a target that holds anything or could lose what it acknowledges, another key file, and a server that does not answer.
    """
    if not path.is_file():  # noqa: ASYNC240  nobody else is in this loop
        raise OperatorError(f"storage: there is no database at {path}", remedy="Name the settings file of the node that is to move.")
    server = Server(url, password)
    refuse_network(path)
    lock = Lock(path)
    lock.take()
    source = open_engine(path)
    target = server.engine(sessions=1, isolation="READ COMMITTED")
    try:
        total = _prepare(source, secret_key)
        async with target.begin() as connection:
            await connection.run_sync(_begin)
            for table in metadata.sorted_tables:
                await _copy(source, connection, table, lambda rows: progress(rows, total))
    except Exception as error:
        ours = server.translated(error)
        if not isinstance(ours, StorageError):
            raise
        raise OperatorError(f"storage: nothing was copied: {ours.private}", remedy=ours.remedy) from error
    finally:
        source.dispose()
        await target.dispose()
        lock.release()
    return total


def _prepare(source: Engine, secret_key: bytes) -> int:
    """The tables of this release, and how many rows are in them."""
    with source.begin() as connection:
        upgrade(connection)
        require_seal(connection, Seal(secret_key))
        return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables)


def _begin(connection: Connection) -> None:
    require_safe(connection)
    there = inspect(connection).get_table_names()
    if there:
        raise OperatorError(
            f"storage: the database to copy into is not empty: it has a table {min(there)!r}",
            remedy="Nothing was changed. Create a fresh one: createdb --encoding UTF8 --template template0 NAME.",
        )
    upgrade(connection)


async def _copy(source: Engine, target: AsyncConnection, table: Table, progress: Callable[[int], None]) -> None:
    with source.connect() as reading:
        for rows in reading.execution_options(yield_per=CHUNK).execute(select(table)).partitions():
            await target.execute(insert(table), [dict(row._mapping) for row in rows])
            progress(len(rows))
