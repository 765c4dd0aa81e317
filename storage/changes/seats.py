"""Writes who holds which seat; given again, a seat has its new end."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, update

from bridge.changes import PutSeat
from bridge.model.ids import Native
from storage.columns import micros
from storage.dialect import upsert
from storage.seat_schema import seats

__all__ = ["forget_seats", "put_seat"]

_PUT = upsert(seats)
_FORGET = delete(seats).where(seats.c.actor == bindparam("whose"))
_UNNAME = update(seats).where(seats.c.by == bindparam("whose")).values(by="")


def put_seat(connection: Connection, change: PutSeat) -> None:
    one = change.seat
    row = {"community": one.community, "actor": str(one.actor), "role": str(one.role), "topic": one.topic, "by": one.by}
    _PUT(connection, {**row, "since": micros(one.since), "until": micros(one.until)})


def forget_seats(connection: Connection, person: Native) -> None:
    """Theirs are gone; those that they gave are held on, and name nobody who gave them."""
    for statement in (_FORGET, _UNNAME):
        connection.execute(statement, {"whose": str(person)})
