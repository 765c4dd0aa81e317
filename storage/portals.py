"""Direct conversations and whom people let knock, as last written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, func, or_, select

from bridge.model.ids import ChannelId, CommunityId, Native
from bridge.model.portal import Door, Portal, Stance
from storage.columns import micros, moment, parse_native
from storage.engine import Database
from storage.portal_schema import doors, portals

__all__ = ["PORTAL", "PORTAL_AT", "SqlPortals", "portal_of"]

PORTAL = select(portals).where(portals.c.id == bindparam("channel"))
PORTAL_AT = select(portals).where(portals.c.room == bindparam("place"))
_OF = (
    select(portals)
    .where(or_(portals.c.member == bindparam("person"), portals.c.correspondent == bindparam("person")))
    .order_by(portals.c.since.desc(), portals.c.id)
    .limit(bindparam("many"))
)
_KNOCKS = (
    select(func.count(), func.count().filter(portals.c.stance == "knocks"))
    .select_from(portals)
    .where(
        or_(portals.c.member == bindparam("person"), portals.c.correspondent == bindparam("person")),
        portals.c.since >= bindparam("since"),
        portals.c.begun.is_(False),
    )
)
_ROOMS = (
    select(portals)
    .where(portals.c.room.is_not(None), portals.c.id > bindparam("after"))
    .order_by(portals.c.id)
    .limit(bindparam("many"))
)  # fmt: skip
_DOOR = select(doors.c.body).where(doors.c.person == bindparam("person"))


class SqlPortals:
    """The `Portals` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def portal(self, id: ChannelId) -> Portal | None:  # noqa: A002  (as in the port)
        row = await self._database.read(lambda connection: connection.execute(PORTAL, {"channel": id}).first())
        return None if row is None else portal_of(row)

    async def portal_at(self, room: Native) -> Portal | None:
        row = await self._database.read(lambda connection: connection.execute(PORTAL_AT, {"place": str(room)}).first())
        return None if row is None else portal_of(row)

    async def of(self, person: Native, limit: int) -> tuple[Portal, ...]:
        ask = {"person": str(person), "many": limit}
        rows = await self._database.read(lambda connection: list(connection.execute(_OF, ask).all()))
        return tuple(portal_of(row) for row in rows)

    async def knocks(self, person: Native, since: datetime) -> tuple[int, int]:
        ask = {"person": str(person), "since": micros(since)}
        row = await self._database.read(lambda connection: connection.execute(_KNOCKS, ask).one())
        return int(row[0]), int(row[1])

    async def rooms(self, after: str, limit: int) -> tuple[Portal, ...]:
        ask = {"after": after, "many": limit}
        rows = await self._database.read(lambda connection: list(connection.execute(_ROOMS, ask).all()))
        return tuple(portal_of(row) for row in rows)

    async def door(self, person: Native) -> Door | None:
        body = await self._database.read(lambda connection: connection.execute(_DOOR, {"person": str(person)}).scalar())
        return None if body is None else msgspec.msgpack.decode(body, type=Door)


def portal_of(row: Row[*tuple[Any, ...]]) -> Portal:
    """As `PORTAL` and its like give it."""
    return Portal(
        id=ChannelId(row.id),
        community=CommunityId(row.community),
        member=parse_native(row.member),
        correspondent=parse_native(row.correspondent),
        stance=Stance(row.stance),
        since=moment(row.since),
        room=None if row.room is None else parse_native(row.room),
        begun=row.begun,
    )
