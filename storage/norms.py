"""Every version of every norm file, and what norms count."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, func, select

from bridge.norms.counters import Count, Counter
from bridge.norms.version import Version
from storage.columns import moment
from storage.engine import Database
from storage.moderation_schema import counters, norm_files

__all__ = ["SqlNorms"]

_COUNTERS = select(counters).where(counters.c.key.in_(bindparam("keys", expanding=True)))
_LAST = select(norm_files.c.name, func.max(norm_files.c.version).label("version")).group_by(norm_files.c.name).subquery()
_CURRENT = (
    select(norm_files)
    .join(_LAST, (norm_files.c.name == _LAST.c.name) & (norm_files.c.version == _LAST.c.version))
    .order_by(norm_files.c.name)
)
_HISTORY = select(norm_files).where(norm_files.c.name == bindparam("name")).order_by(norm_files.c.version)
_counter: msgspec.msgpack.Decoder[Counter] = msgspec.msgpack.Decoder(Counter)


class SqlNorms:
    """The `Norms` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> tuple[Version, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(_CURRENT).all()))
        return tuple(_version(row) for row in rows)

    async def history(self, name: str) -> tuple[Version, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(_HISTORY, {"name": name}).all()))
        return tuple(_version(row) for row in rows)

    async def counters(self, keys: tuple[str, ...]) -> dict[str, Count]:
        if not keys:
            return {}
        rows = await self._database.read(lambda connection: list(connection.execute(_COUNTERS, {"keys": list(keys)}).all()))
        return {row.key: Count(row.key, _counter.decode(row.body), moment(row.until), row.who) for row in rows}


def _version(row: Row[*tuple[Any, ...]]) -> Version:
    return Version(row.name, row.version, row.hash, row.parent, moment(row.at), row.words.decode())
