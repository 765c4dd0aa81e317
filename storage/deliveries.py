"""The courier's view of OUT: which lanes have something to hear, and what; nothing here grows with idle destinations or history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, or_, select

from bridge.model.ids import EventId, ItemId, Protocol
from bridge.model.item import Destination, Standing
from bridge.streams import DeadLetter, HostState, LaneState, Queued, Share, Stream, Window
from storage.buckets import within
from storage.changes.outgoing import decode_item
from storage.columns import micros, moment
from storage.engine import Database
from storage.records import standings_of
from storage.schema import dead, destinations, hearing, hosts, lanes, out, out_roster, out_to
from storage.windows import read_windows

__all__ = ["SqlDeliveries"]

FEW = 8
"""Lanes whose windows are read at once; those of more are worth a thread."""

_WITH_HOST = lanes.join(destinations, destinations.c.id == lanes.c.destination).outerjoin(hosts, hosts.c.host == destinations.c.host)
_LANES = (
    select(lanes, destinations.c.protocol, destinations.c.address, destinations.c.host, hosts.c.host.label("resting"))
    .select_from(_WITH_HOST)
    .where(
        lanes.c.awake.is_not(None),
        lanes.c.next_at <= bindparam("now"),
        or_(hosts.c.next_at.is_(None), hosts.c.next_at <= bindparam("now")),
    )
    .order_by(lanes.c.urgent.desc(), lanes.c.awake, lanes.c.destination)
    .limit(bindparam("many"))
)
_MY_LANES = _LANES.where(within(destinations.c.host, Stream.OUT))
_LATER = case((hosts.c.next_at > lanes.c.next_at, hosts.c.next_at), else_=lanes.c.next_at)
_NEXT = select(func.min(_LATER)).select_from(_WITH_HOST).where(lanes.c.awake.is_not(None))
_WHO = select(destinations.c.id).where(destinations.c.protocol == bindparam("protocol"), destinations.c.address == bindparam("address"))
_STAYS = select(hearing.c.roster, hearing.c.from_seq, hearing.c.until_seq).where(
    hearing.c.destination == bindparam("who"), hearing.c.until_seq > bindparam("cursor")
)
_HEARD = (
    select(out_roster.c.seq)
    .where(
        out_roster.c.roster == bindparam("roster"),
        out_roster.c.urgent == bindparam("fast"),
        out_roster.c.seq > bindparam("after"),
        out_roster.c.seq <= bindparam("until"),
    )
    .order_by(out_roster.c.seq)
    .limit(bindparam("many"))
)
_NAMED = (
    select(out_to.c.seq)
    .where(out_to.c.destination == bindparam("who"), out_to.c.urgent == bindparam("fast"), out_to.c.seq > bindparam("cursor"))
    .order_by(out_to.c.seq)
    .limit(bindparam("many"))
)
_ITEMS = select(out.c.seq, out.c.body, out.c.taken_back).where(out.c.seq.in_(bindparam("seqs", expanding=True))).order_by(out.c.seq)
_HOST = select(hosts).where(hosts.c.host == bindparam("name"))
_LETTERS = (
    select(dead, destinations.c.protocol, destinations.c.address, destinations.c.host)
    .join(destinations, destinations.c.id == dead.c.destination)
    .where(dead.c.requeued_at.is_(None))
    .order_by(dead.c.id.desc())
    .limit(bindparam("many"))
)


class SqlDeliveries:
    """The `Deliveries` port over any `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lanes(self, now: datetime, limit: int, share: Share = None) -> tuple[LaneState, ...]:
        statement, ask = (_LANES, {}) if share is None else (_MY_LANES, {"share": list(share)})

        def read(connection: Connection) -> tuple[LaneState, ...]:
            return tuple(_lane(row) for row in connection.execute(statement, {**ask, "now": micros(now), "many": limit}))

        return await self._database.read(read)

    async def next_due(self) -> datetime | None:
        """When the first lane that has something may send; a time in the past means now."""
        found = await self._database.read(lambda connection: connection.execute(_NEXT).scalar())
        return moment(found)

    async def read(self, lane: LaneState, limit: int) -> tuple[Queued, ...]:
        rows = await self._database.read(lambda connection: _read(connection, lane, limit))
        return tuple(Queued(row.seq, None if row.body is None else decode_item(row.body), row.taken_back) for row in rows)

    async def windows(self, lanes: Sequence[LaneState], limit: int) -> tuple[Window, ...]:
        """In one snapshot."""
        look = self._database.read if len(lanes) <= FEW else self._database.scan
        return await look(lambda connection: read_windows(connection, lanes, limit, _read))

    async def host(self, host: str) -> HostState:
        row = await self._database.read(lambda connection: connection.execute(_HOST, {"name": host}).first())
        if row is None:
            return HostState(host)
        return HostState(host, row.fails, _open(row.next_at), moment(row.first_failure_at), row.last_error or "")

    async def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        def read(connection: Connection) -> tuple[DeadLetter, ...]:
            return tuple(_letter(row) for row in connection.execute(_LETTERS, {"many": limit}))

        return await self._database.scan(read)

    async def standings(self, event_id: EventId) -> tuple[Standing, ...]:
        return await self._database.scan(lambda connection: standings_of(connection, event_id))


def _open(next_at: int) -> datetime | None:
    return moment(next_at) if next_at else None


def _destination(row: Row[*tuple[Any, ...]]) -> Destination:
    return Destination(Protocol(row.protocol), row.address, row.host)


def _lane(row: Row[*tuple[Any, ...]]) -> LaneState:
    since = moment(row.first_failure_at)
    rests = (row.fails, _open(row.next_at), since, row.last_error or "", row.resting is not None)
    return LaneState(_destination(row), row.urgent, row.cursor, *rests)


def _letter(row: Row[*tuple[Any, ...]]) -> DeadLetter:
    of = (ItemId(row.item), EventId(row.event), row.form, _destination(row))
    return DeadLetter(row.id, *of, row.why, row.attempts, moment(row.at))


def _read(connection: Connection, lane: LaneState, limit: int) -> list[Row[*tuple[Any, ...]]]:
    """One bounded probe per roster the destination is on and one for what names it; merged, each item once."""
    to = lane.destination
    who = connection.execute(_WHO, {"protocol": to.protocol, "address": to.address}).scalar()
    if who is None:
        return []
    ask = {"who": who, "fast": lane.urgent, "cursor": lane.cursor, "many": limit}
    found = [list(connection.execute(_NAMED, ask).scalars())]
    for roster, start, until in connection.execute(_STAYS, ask).all():
        span = {"roster": roster, "after": max(lane.cursor, start), "until": until}
        found.append(list(connection.execute(_HEARD, {**span, "fast": lane.urgent, "many": limit}).scalars()))
    seqs = list(islice(dict.fromkeys(merge(*found)), limit))
    return list(connection.execute(_ITEMS, {"seqs": seqs}).all()) if seqs else []
