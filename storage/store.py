"""Opens everything that survives a restart: one SQLite file or one PostgreSQL database, all ports over the same tables."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bridge.errors import OperatorError, StorageError
from bridge.ports import Clock
from storage.cases import SqlCases
from storage.claims import Everything, SharedClaims
from storage.decisions import SqlDecisions
from storage.deliveries import SqlDeliveries
from storage.directory import SqlDirectory
from storage.disk import Disk
from storage.engine import Database, open_engine, translated
from storage.guard import Free, Lock, free_space, refuse_network, refuse_old, refuse_unsafe
from storage.heads import seed
from storage.hints import Hints, WallClock
from storage.journal import SqlJournal
from storage.keys import Seal, SqlKeys, require_seal
from storage.lines import Lines
from storage.log import SqlLog
from storage.media import SqlMedia
from storage.migrations import upgrade
from storage.norms import SqlNorms
from storage.notify import SharedHints
from storage.objects import SqlObjects
from storage.people import SqlPeople
from storage.portals import SqlPortals
from storage.postgres import Server, local_folder, require_safe
from storage.retention import Retention, Swept, sweep
from storage.seats import SqlSeats
from storage.sessions import SqlSessions
from storage.threads import Threads

__all__ = ["SqlStore", "connect_store", "open_store", "probe_database"]


class SqlStore:
    """The `Store` port over one `Database`."""

    def __init__(
        self,
        database: Database,
        secret_key: bytes,
        clock: Clock,
        *,
        free: Free,
        min_free_percent: float = 10.0,
        hints: Hints | None = None,
        claims: Everything | SharedClaims | None = None,
        closed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`closed` is called after the last transaction has ended."""
        self.database = database
        self._closed = closed
        self._owes_truncation = False
        self.claims = claims or Everything()
        self.journal = SqlJournal(database, hints or Hints(clock), secret_key, free, min_free_percent, claims=self.claims)
        self.deliveries = SqlDeliveries(database)
        self.directory = SqlDirectory(database, secret_key)
        self.objects = SqlObjects(database)
        self.decisions = SqlDecisions(database, clock, secret_key)
        self.cases = SqlCases(database, secret_key)
        self.log = SqlLog(database, secret_key)
        self.portals = SqlPortals(database)
        self.norms = SqlNorms(database)
        self.people = SqlPeople(database, clock, secret_key)
        self.seats = SqlSeats(database)
        self.sessions = SqlSessions(database)
        self.keys = SqlKeys(database, Seal(secret_key))
        self.media = SqlMedia(database)

    async def sweep(self, now: datetime, retention: Retention | None = None) -> Swept:
        """One bounded round of forgetting; call it every minute or so. What it erased has left the write-ahead log too, or does so in a

        later round, while a backup is being made.
        """
        rules = retention or Retention()
        swept = await self.database.write(lambda connection: sweep(connection, now, rules))
        if swept.rows or swept.bodies or self._owes_truncation:
            self._owes_truncation = not await self.database.truncate()
        return swept

    async def close(self) -> None:
        """Finishes what is under way. A second call does nothing."""
        await self.claims.stop()
        await self.database.close()
        if self._closed is not None:
            await self._closed()


def open_store(
    address: str | Path,
    secret_key: bytes,
    clock: Clock | None = None,
    *,
    free: Free | None = None,
    min_free_percent: float = 10.0,
    readers: int = 1,
) -> SqlStore:
    """`address` is a file or `sqlite:///file`. Brings the tables up to date.

    Raises OperatorError, before anything is written, for unsafe settings, a network file system, a second process, another key file or
    a database of a newer release; StoreDown when the file cannot be read.
    """
    path, options = _parse(address)
    synchronous = refuse_unsafe(options)
    refuse_old()
    refuse_network(path)
    if not path.parent.is_dir():
        raise OperatorError(f"storage: the folder {path.parent} does not exist", remedy="Create it, or correct [storage] path.")
    lock = Lock(path)
    lock.take()
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        writing = open_engine(path, synchronous=synchronous)
        with writing.begin() as connection:
            upgrade(connection)
            seed(connection)
            require_seal(connection, Seal(secret_key))
        reading = open_engine(path, synchronous=synchronous, writes=False)
    except DBAPIError as error:
        lock.release()
        raise translated(error) from error
    except (OSError, OperatorError):
        lock.release()
        raise

    async def release() -> None:
        lock.release()

    return SqlStore(
        Threads(writing, reading, readers=readers),
        secret_key,
        clock or WallClock(),
        free=free or free_space(path.parent),
        min_free_percent=min_free_percent,
        closed=release,
    )


async def connect_store(
    url: str,
    secret_key: bytes,
    clock: Clock | None = None,
    *,
    password: str = "",
    min_free_percent: float = 10.0,
    readers: int = 4,
) -> SqlStore:
    """A PostgreSQL database, which other processes may have open too. Brings the tables up to date.

    Raises OperatorError, before anything is written, for unsafe settings of the server, another key file, a database of a newer release,
    and a server that does not let us in. Nothing is this process's to work on before `claims.start`.
    """
    server = Server(url, password)
    database = Lines(server, readers=readers)

    def prepare(connection: Connection) -> Path | None:
        require_safe(connection)
        upgrade(connection)
        seed(connection)
        require_seal(connection, Seal(secret_key))
        return local_folder(connection, url)

    try:
        folder = await database.alter(prepare)
    except StorageError as error:
        await database.close()
        raise OperatorError(f"storage: {error.private}", remedy=error.remedy) from error
    except BaseException:
        await database.close()
        raise
    clock = clock or WallClock()
    hints = SharedHints(clock, server)
    hints.start()
    disk = None if folder is None else Disk(folder)
    if disk is not None:
        await disk.start()

    async def stop() -> None:
        await hints.stop()
        if disk is not None:
            await disk.stop()

    return SqlStore(
        database,
        secret_key,
        clock,
        free=disk or (lambda: None),
        min_free_percent=min_free_percent,
        hints=hints,
        claims=SharedClaims(server, hints.ring_here),
        closed=stop,
    )


async def probe_database(url: str, *, password: str = "") -> None:
    """Looks whether a PostgreSQL lets us in and is safe, and writes nothing. Raises OperatorError, StoreDown."""
    database = Lines(Server(url, password), readers=1)
    try:
        await database.read(require_safe)
    finally:
        await database.close()


def _parse(address: str | Path) -> tuple[Path, dict[str, str]]:
    if isinstance(address, Path) or "://" not in address:
        return Path(address), {}
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise OperatorError(f"storage: {address!r} is not a database address", remedy="Give a file, or sqlite:///file.") from error
    if url.get_backend_name() != "sqlite" or not url.database:
        raise OperatorError(f"storage: {url.get_backend_name()} is not supported", remedy="Give a file, or sqlite:///file.")
    return Path(url.database), {key: str(value) for key, value in url.query.items()}
