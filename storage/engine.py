"""What a database is to the ports; and SQLite, opened so that what a commit returned for survives a power cut and nobody writes over what
another has just written.

Libraries.md 2.6: without BEGIN IMMEDIATE ten concurrent read-add-write transactions end at one, silently. Engine.md section 6: below
`synchronous=FULL` a quarter of the acknowledged events is gone after a power cut.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool, StaticPool

from bridge.errors import BridgeError, Conflict, Full, Invariant, OperatorError, StoreDown

__all__ = ["BEGIN", "BUSY_MS", "Database", "open_engine", "told", "translated"]

T = TypeVar("T")
P = TypeVar("P")

BUSY_MS: Final = 10_000
"""How long a statement waits for another process's lock."""

BEGIN: Final = "begin"
"""The option of an engine of SQLite that holds the statement with which its transactions begin."""

_FULL = frozenset({"53100", "53200"})
"""SQLSTATE of PostgreSQL: disk full, out of memory."""


class Database(Protocol):
    """Runs synchronous functions over a connection, each in one transaction. Raises StorageError and what the function raises."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """On a snapshot: sees everything committed before the call, and nothing half done. For a bounded number of rows by their keys: where
        that takes microseconds it is done at once, and everybody waits for it."""
        ...

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """As `read`, for what may take long; nobody else waits for it."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Durable when it returns. `work` may run again after a rollback, so it must do nothing but SQL."""
        ...

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        """As `write`, but values of neighbours with the same `work` are handed over together, in the order of the calls.

        On PostgreSQL such calls take turns with each other and not with `write`, so that a door never waits for a loop: `work` must be right
        whatever `write` does meanwhile."""
        ...

    async def truncate(self) -> bool:
        """What was erased must leave the write-ahead log as well. False while somebody reads what was (a backup): ask again."""
        ...

    async def close(self) -> None: ...


def open_engine(path: Path | None, *, synchronous: str = "FULL", writes: bool = True) -> Engine:
    """`path` None is a database in memory, with one connection for everybody. Raises OperatorError when a pragma did not take."""
    target = ":memory:" if path is None else str(path)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(target, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=512)

    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    pool = StaticPool if path is None else NullPool
    engine = create_engine("sqlite://", creator=connect, poolclass=pool, execution_options={BEGIN: begin})

    @event.listens_for(engine, "connect")
    def _prepare(raw: sqlite3.Connection, _record: Hashable) -> None:
        raw.isolation_level = None
        _pragmas(raw, in_memory=path is None, synchronous=synchronous, writes=writes)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if not raw.in_transaction:  # a prepared connection begins by itself
            raw.execute(begin)

    return engine


def _pragmas(raw: sqlite3.Connection, *, in_memory: bool, synchronous: str, writes: bool) -> None:
    def ask(pragma: str) -> object:
        row = raw.execute(f"PRAGMA {pragma}").fetchone()
        return None if row is None else row[0]

    ask(f"busy_timeout={BUSY_MS}")
    mode = ask("journal_mode=WAL")
    if not in_memory and mode != "wal":
        raise OperatorError(
            f"storage: SQLite will not use WAL here (it stays at {mode})", remedy="Put the database on a local disk ([storage] path)."
        )
    ask(f"synchronous={synchronous}")
    level = ask("synchronous")
    if not isinstance(level, int) or level < 2:
        raise OperatorError(f"storage: SQLite stays at synchronous={level}, FULL is needed", remedy="Use another build of SQLite.")
    ask("foreign_keys=ON")
    ask("secure_delete=ON")
    ask("temp_store=MEMORY")
    ask("cache_size=-16000")
    ask("wal_autocheckpoint=2000")
    if not writes:
        ask("query_only=ON")


def translated(error: BaseException) -> BaseException:
    """Ours for a driver's error; everything else as it is."""
    if isinstance(error, BridgeError) or not isinstance(error, DBAPIError | sqlite3.Error):
        return error
    cause = error.orig if isinstance(error, DBAPIError) else error
    ours = told(str(cause), getattr(cause, "sqlstate", None) or "", clash=isinstance(error, IntegrityError | sqlite3.IntegrityError))
    ours.__cause__ = error
    return ours


def told(said: str, state: str = "", *, clash: bool = False) -> BridgeError:
    """Ours for what a driver `said` with an SQLSTATE, which SQLite has none of; `clash`: a row of that key was there, or was not."""
    if clash:
        return Conflict("Someone else wrote first.", private=said)
    if state.startswith("22"):  # a value that the column cannot hold: the same the next time, so it must not be waited out
        return Invariant("The store cannot hold this.", private=said)
    if state in _FULL or (not state and "full" in said):
        return Full("The disk of this node is full; come back later.", private=said, remedy="Free some space on the database's disk.")
    return StoreDown("The store does not answer.", private=said, remedy="Look at the database, and at the disk it is on.")
