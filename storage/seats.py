"""Who looks after a community: the rows of the `Seats` port."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, select

from bridge.model.ids import CommunityId, Native
from bridge.model.role import Role, Seat
from storage.columns import moment, parse_native
from storage.engine import Database
from storage.seat_schema import seats

__all__ = ["SqlSeats"]

_ORDERED = select(seats).order_by(seats.c.community, seats.c.since, seats.c.actor, seats.c.role, seats.c.topic)
_IN = _ORDERED.where(seats.c.community == bindparam("where"))
_OF = _ORDERED.where(seats.c.actor == bindparam("whose"))


class SqlSeats:
    """The `Seats` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def in_community(self, community: CommunityId) -> tuple[Seat, ...]:
        rows = await self._database.read(lambda connection: connection.execute(_IN, {"where": community}).all())
        return tuple(_seat(row) for row in rows)

    async def held_by(self, person: Native) -> tuple[Seat, ...]:
        rows = await self._database.read(lambda connection: connection.execute(_OF, {"whose": str(person)}).all())
        return tuple(_seat(row) for row in rows)


def _seat(row: Row[Any]) -> Seat:
    return Seat(
        CommunityId(row.community), parse_native(row.actor), Role(row.role), moment(row.since), moment(row.until), row.by, row.topic
    )
