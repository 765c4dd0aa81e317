"""Opens everything that survives a restart: one SQLite file, all ports over the same tables."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bridge.errors import OperatorError
from bridge.ports import Clock
from storage.decisions import SqlDecisions
from storage.deliveries import SqlDeliveries
from storage.directory import SqlDirectory
from storage.engine import Database, open_engine, translated
from storage.guard import Free, Lock, free_space, refuse_network, refuse_old, refuse_unsafe
from storage.heads import seed
from storage.hints import Hints, WallClock
from storage.journal import SqlJournal
from storage.keys import Seal, SqlKeys, require_seal
from storage.migrations import upgrade
from storage.objects import SqlObjects
from storage.retention import Retention, Swept, sweep
from storage.threads import Threads

__all__ = ["SqlStore", "open_store"]


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
        lock: Lock | None = None,
    ) -> None:
        self.database = database
        self._lock = lock
        self.journal = SqlJournal(database, Hints(clock), secret_key, free, min_free_percent)
        self.deliveries = SqlDeliveries(database)
        self.directory = SqlDirectory(database)
        self.objects = SqlObjects(database)
        self.decisions = SqlDecisions(database, clock, secret_key)
        self.keys = SqlKeys(database, Seal(secret_key))

    async def sweep(self, now: datetime, retention: Retention | None = None) -> Swept:
        """One bounded round of forgetting; call it every minute or so. What it erased has left the write-ahead log too."""
        rules = retention or Retention()
        swept = await self.database.write(lambda connection: sweep(connection, now, rules))
        if swept.rows or swept.bodies:
            await self.database.truncate()
        return swept

    async def close(self) -> None:
        """Finishes what is under way. A second call does nothing."""
        await self.database.close()
        if self._lock is not None:
            self._lock.release()


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
    return SqlStore(
        Threads(writing, reading, readers=readers),
        secret_key,
        clock or WallClock(),
        free=free or free_space(path.parent),
        min_free_percent=min_free_percent,
        lock=lock,
    )


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
