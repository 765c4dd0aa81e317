"""Direct conversations and whom people let knock."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, or_, select

from bridge.changes import DropPortal, PutDoor, PutPortal
from bridge.errors import Conflict
from bridge.model.ids import Native
from storage.columns import micros
from storage.dialect import upsert
from storage.portal_schema import doors, portals

__all__ = ["drop_portal", "forget_portals", "put_door", "put_portal"]

_PORTAL = upsert(portals)
_AT = select(portals.c.id).where(portals.c.room == bindparam("where"))
_DROP = delete(portals).where(portals.c.id == bindparam("which"))
_DOOR = upsert(doors)
_FORGET = (
    delete(portals).where(or_(portals.c.member == bindparam("whose"), portals.c.correspondent == bindparam("whose"))),
    delete(doors).where(doors.c.person == bindparam("whose")),
)


def put_portal(connection: Connection, change: PutPortal) -> None:
    one = change.portal
    room = None if one.room is None else str(one.room)
    owner = None if room is None else connection.execute(_AT, {"where": room}).scalar()
    if owner not in {None, one.id}:
        raise Conflict(f"{room} carries another direct conversation already.")
    row = {"id": one.id, "community": one.community, "member": str(one.member), "correspondent": str(one.correspondent)}
    _PORTAL(connection, {**row, "stance": str(one.stance), "since": micros(one.since), "room": room, "begun": one.begun})


def drop_portal(connection: Connection, change: DropPortal) -> None:
    connection.execute(_DROP, {"which": change.id})


def put_door(connection: Connection, change: PutDoor) -> None:
    _DOOR(connection, {"person": str(change.door.person), "body": msgspec.msgpack.encode(change.door)})


def forget_portals(connection: Connection, person: Native) -> None:
    """Neither side of a conversation names them any more, and nothing of what they chose is kept."""
    for statement in _FORGET:
        connection.execute(statement, {"whose": str(person)})
