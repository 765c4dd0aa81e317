"""The log as it is chained, with its names where they have not been cut."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Executable, Row, bindparam, select

from bridge.model.ids import CommunityId, Native
from bridge.model.logentry import Doing, LogEntry
from storage.changes.cases import open_names, person_key
from storage.columns import moment
from storage.engine import Database
from storage.moderation_schema import log

__all__ = ["SqlLog"]

_ENTRIES = (
    select(log)
    .where(log.c.community == bindparam("community"), log.c.seq > bindparam("after"))
    .order_by(log.c.seq)
    .limit(bindparam("many"))
)
_ENTRY = select(log).where(log.c.community == bindparam("community"), log.c.id.startswith(bindparam("beginning"))).limit(2)
_CONCERNING = select(log).where(log.c.who == bindparam("who")).order_by(log.c.at.desc(), log.c.seq.desc()).limit(bindparam("many"))
_HEAD = select(log).where(log.c.community == bindparam("community")).order_by(log.c.seq.desc()).limit(1)

_doing = msgspec.msgpack.Decoder(Doing).decode


class SqlLog:
    """The `Log` port over any `Database`."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def _all(self, statement: Executable, **values: object) -> tuple[LogEntry, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, values).all()))
        return tuple(self._entry(row) for row in rows)

    def _entry(self, row: Row[*tuple[Any, ...]]) -> LogEntry:
        return LogEntry(
            id=row.id,
            community=CommunityId(row.community),
            at=moment(row.at),
            doing=_doing(row.doing),
            names=open_names(self._secret, row.community, row.id, row.sealed),
            seq=row.seq,
            digest=row.digest,
            previous=row.previous,
            hash=row.hash,
        )

    async def entries(self, community: CommunityId, after: int, limit: int) -> tuple[LogEntry, ...]:
        return await self._all(_ENTRIES, community=community, after=after, many=limit)

    async def entry(self, community: CommunityId, beginning: str) -> LogEntry | None:
        if not (beginning.isascii() and beginning.isalnum()):
            return None
        found = await self._all(_ENTRY, community=community, beginning=beginning)
        return found[0] if len(found) == 1 else None

    async def concerning(self, person: Native, limit: int) -> tuple[LogEntry, ...]:
        return await self._all(_CONCERNING, who=person_key(self._secret, person), many=limit)

    async def head(self, community: CommunityId) -> LogEntry | None:
        return next(iter(await self._all(_HEAD, community=community)), None)
