"""Gives out sequence numbers whose order is the order of commits."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from storage.dialect import once
from storage.schema import heads

__all__ = ["NAMES", "head", "seed", "take"]

NAMES = ("intake", "events", "out", "destination", "dead", "object", "roster")

_TAKE = update(heads).where(heads.c.name == bindparam("which")).values(seq=heads.c.seq + bindparam("many")).returning(heads.c.seq)
# FOR UPDATE waits on PostgreSQL for a writer that has taken a number and not yet committed it; SQLite has one writer and ignores it.
_HEAD = select(heads.c.seq).where(heads.c.name == bindparam("which")).with_for_update()
_SEED = once(heads)


def seed(connection: Connection) -> None:
    """Every sequence has its row; called once on opening."""
    for name in NAMES:
        _SEED(connection, {"name": name, "seq": 0})


def take(connection: Connection, name: str, many: int = 1) -> int:
    """The first of `many` new numbers. The row stays locked until the transaction ends."""
    last: int = connection.execute(_TAKE, {"which": name, "many": many}).scalar_one()
    return last - many + 1


def head(connection: Connection, name: str) -> int:
    """The last number given out; none will be given out below it."""
    found: int = connection.execute(_HEAD, {"which": name}).scalar_one()
    return found
