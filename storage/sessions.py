"""Links that sign in at the desk and the sessions they opened: the rows of the `Sessions` port."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, select

from bridge.model.ids import Native
from bridge.model.session import Session, SignInLink
from storage.columns import moment, parse_native
from storage.desk_schema import desk_links, desk_sessions
from storage.engine import Database

__all__ = ["SqlSessions"]

_LINK = select(desk_links).where(desk_links.c.digest == bindparam("which"))
_SESSION = select(desk_sessions).where(desk_sessions.c.digest == bindparam("which"))
_OF = select(desk_sessions).where(desk_sessions.c.who == bindparam("whose")).order_by(desk_sessions.c.since, desk_sessions.c.digest)


class SqlSessions:
    """The `Sessions` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def link(self, digest: str) -> SignInLink | None:
        row = await self._database.read(lambda connection: connection.execute(_LINK, {"which": digest}).first())
        return None if row is None else SignInLink(row.digest, parse_native(row.who), moment(row.since), moment(row.until))

    async def session(self, digest: str) -> Session | None:
        row = await self._database.read(lambda connection: connection.execute(_SESSION, {"which": digest}).first())
        return None if row is None else _session(row)

    async def sessions(self, who: Native) -> tuple[Session, ...]:
        rows = await self._database.read(lambda connection: connection.execute(_OF, {"whose": str(who)}).all())
        return tuple(_session(row) for row in rows)


def _session(row: Row[Any]) -> Session:
    return Session(row.digest, parse_native(row.who), moment(row.since), moment(row.until))
