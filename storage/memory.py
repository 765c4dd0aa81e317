"""The same store in memory, without threads: for tests, the demo and simulated nodes."""

from __future__ import annotations

from bridge.ports import Clock
from storage.engine import open_engine
from storage.guard import Free
from storage.heads import seed
from storage.hints import WallClock
from storage.inline import Inline
from storage.keys import Seal, require_seal
from storage.schema import metadata
from storage.store import SqlStore

__all__ = ["open_memory"]


def open_memory(
    secret_key: bytes = b"in memory only: no secret at all",
    clock: Clock | None = None,
    *,
    database: Inline | None = None,
    free: Free | None = None,
    min_free_percent: float = 10.0,
) -> SqlStore:
    """A fresh store, or with `database` (another store's) what a restart after a crash would find."""
    if database is None:
        engine = open_engine(None)
        with engine.begin() as connection:
            metadata.create_all(connection)
            seed(connection)
            require_seal(connection, Seal(secret_key))
        database = Inline(engine)
    return SqlStore(database, secret_key, clock or WallClock(), free=free or (lambda: None), min_free_percent=min_free_percent)
