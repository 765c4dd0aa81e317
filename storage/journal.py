"""Streams and their cursors: what was accepted is durable, in order, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, select, update

from bridge.changes import (
    AppendEvent,
    AppendItem,
    Change,
    EndHold,
    GiveUp,
    JoinRoster,
    Park,
    PutCopy,
    PutHold,
    PutObject,
    Requeue,
    WakeHost,
)
from bridge.errors import Fenced
from bridge.model.event import Event, decode
from bridge.model.ids import CommunityId, EventId, Native, Protocol
from bridge.model.record import Record, Traces, Wait
from bridge.streams import Backlog, Entry, Intake, Receipt, Share, Stream
from storage.buckets import within
from storage.changes import apply_all
from storage.changes.streams import append_intake, known_intake
from storage.claims import Everything, SharedClaims, require
from storage.columns import micros, moment, native_or_none
from storage.dialect import once
from storage.engine import Database
from storage.guard import Free, require_room
from storage.hints import Hints
from storage.records import recent_records, record_of
from storage.schema import cursors, dead, events, holds, intake, lanes, out, waits
from storage.traces import traces_of

__all__ = ["SqlJournal"]

_BEHIND = cursors.c.head > cursors.c.position
_PENDING = {
    Stream.INTAKE: select(cursors.c.lane)
    .where(
        cursors.c.stream == "intake",
        _BEHIND,
        exists().where(intake.c.lane == cursors.c.lane, intake.c.seq > cursors.c.position, intake.c.body.is_not(None)),
    )
    .order_by(cursors.c.position),
    Stream.EVENTS: select(cursors.c.lane)
    .where(
        cursors.c.stream == "events",
        _BEHIND,
        exists().where(events.c.community == cursors.c.lane, events.c.seq > cursors.c.position, events.c.body.is_not(None)),
    )
    .order_by(cursors.c.position),
}
_POSITION = (
    select(func.coalesce(func.max(cursors.c.position), 0))
    .where(cursors.c.stream == bindparam("stream"), cursors.c.lane == bindparam("lane"))
    .scalar_subquery()
)
_READ_INTAKE = (
    select(intake)
    .where(intake.c.lane == bindparam("lane"), intake.c.seq > _POSITION, intake.c.body.is_not(None))
    .order_by(intake.c.seq)
    .limit(bindparam("many"))
)
_READ_EVENTS = (
    select(events.c.seq, events.c.body)
    .where(events.c.community == bindparam("lane"), events.c.seq > _POSITION, events.c.body.is_not(None))
    .order_by(events.c.seq)
    .limit(bindparam("many"))
)
_MOVE = (
    update(cursors)
    .where(cursors.c.stream == bindparam("which"), cursors.c.lane == bindparam("where"), cursors.c.position < bindparam("upto"))
    .values(position=bindparam("upto"))
)
_FIRST_MOVE = once(cursors)
_PARKED = select(intake, waits.c.due_at, waits.c.why.label("because"), waits.c.tries, waits.c.awaited, waits.c.stuck).join(
    intake, intake.c.seq == waits.c.seq
)
_WAITS = _PARKED.where(intake.c.body.is_not(None)).order_by(waits.c.stuck.desc(), waits.c.seq).limit(bindparam("many"))
_WAIT = _PARKED.where(waits.c.seq == bindparam("which"), intake.c.body.is_not(None))
_DUE = (
    _PARKED.where(waits.c.due_at <= bindparam("now"), waits.c.stuck.is_(False), intake.c.body.is_not(None))
    .order_by(waits.c.due_at, waits.c.seq)
    .limit(bindparam("many"))
)
_MY_DUE = _DUE.where(within(intake.c.lane, Stream.INTAKE))
_AHEAD = (
    select(waits.c.seq)
    .join(intake, intake.c.seq == waits.c.seq)
    .where(intake.c.lane == bindparam("lane"), waits.c.seq < bindparam("seq"), waits.c.stuck.is_(False))
    .limit(1)
)
_STUCK = select(func.count()).select_from(waits).where(waits.c.stuck.is_(True))
_NEXT_WAIT = select(func.min(waits.c.due_at)).where(waits.c.stuck.is_(False))
_MY_NEXT_WAIT = _NEXT_WAIT.select_from(waits.join(intake, intake.c.seq == waits.c.seq)).where(within(intake.c.lane, Stream.INTAKE))
_IS_WOKEN = select(exists().where(waits.c.due_at == 0, waits.c.stuck.is_(False)))
_BODY = select(events.c.body).where(events.c.id == bindparam("event"))

_TODO_INTAKE = (
    select(func.count(), func.min(intake.c.received_at))
    .select_from(cursors.join(intake, (intake.c.lane == cursors.c.lane) & (intake.c.seq > cursors.c.position)))
    .where(cursors.c.stream == "intake", _BEHIND, intake.c.body.is_not(None))
)
_TODO_EVENTS = (
    select(func.count(), func.min(events.c.received_at))
    .select_from(cursors.join(events, (events.c.community == cursors.c.lane) & (events.c.seq > cursors.c.position)))
    .where(cursors.c.stream == "events", _BEHIND, events.c.body.is_not(None))
)
_LOWEST = select(func.min(lanes.c.cursor)).where(lanes.c.awake.is_not(None))
_TODO_OUT = select(func.count(), func.min(out.c.at)).where(out.c.seq > bindparam("floor"))
_HOLDS = select(func.count()).select_from(holds).where(holds.c.ended.is_(None))
_DEAD = select(func.count()).select_from(dead).where(dead.c.requeued_at.is_(None))


class SqlJournal:
    """The `Journal` port over any `Database`."""

    def __init__(
        self, database: Database, hints: Hints, secret: bytes, free: Free, min_free_percent: float, *, claims: Everything | SharedClaims
    ) -> None:
        self._database = database
        self._claims = claims
        self._hints = hints
        self._secret = secret
        self._free = free
        self._min_free_percent = min_free_percent

    async def accept(self, entries: Sequence[Intake]) -> tuple[Receipt, ...]:
        if not entries:
            return ()
        receipts = await self._database.gather(self._append, tuple(entries))
        if any(receipt.fresh for receipt in receipts):
            self._hints.ring((Stream.INTAKE,))
        return receipts

    async def known(self, keys: Sequence[str]) -> frozenset[str]:
        return await self._database.read(lambda connection: frozenset(known_intake(connection, list(keys))))

    def _append(self, connection: Connection, batches: list[tuple[Intake, ...]]) -> list[tuple[Receipt, ...]]:
        """Asks for room in the writer's thread: asking the disk can block."""
        require_room(self._free, self._min_free_percent)
        return append_intake(connection, batches)

    async def pending(self, stream: Stream) -> tuple[str, ...]:
        statement = _PENDING.get(stream)
        if statement is None:
            return ()
        return await self._database.read(lambda connection: tuple(connection.execute(statement).scalars()))

    async def read_intake(self, lane: str, limit: int) -> tuple[Entry, ...]:
        def read(connection: Connection) -> tuple[Entry, ...]:
            rows = connection.execute(_READ_INTAKE, {"stream": "intake", "lane": lane, "many": limit})
            return tuple(Entry(row.seq, _intake(row)) for row in rows)

        return await self._database.read(read)

    async def read_events(self, community: str, limit: int) -> tuple[tuple[int, Event], ...]:
        def read(connection: Connection) -> list[tuple[int, bytes]]:
            return [(seq, body) for seq, body in connection.execute(_READ_EVENTS, {"stream": "events", "lane": community, "many": limit})]

        return tuple((seq, decode(body)) for seq, body in await self._database.read(read))

    async def commit(self, changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
        secret = self._secret
        fence = self._claims.fence(changes, stream, lane)
        touched = _touched(changes)

        def write(connection: Connection) -> bool:
            """Is something due now that waited for what was written?"""
            require(connection, fence)
            apply_all(connection, changes, secret)
            if stream is not None and upto is not None:
                _move(connection, stream, lane, upto)
            return Stream.INTAKE in touched and bool(connection.execute(_IS_WOKEN).scalar())

        if not changes and (stream is None or upto is None):
            return
        try:
            is_woken = await self._database.write(write)
        except Fenced:
            self._claims.doubt()
            raise
        if not (is_woken or any(isinstance(change, Park) for change in changes)):
            touched.discard(Stream.INTAKE)
        # In an order of their own: that of a set is another in every process, and a simulation repeats exactly.
        self._hints.ring(stream for stream in Stream if stream in touched)

    async def waits_due(self, now: datetime, limit: int, share: Share = None) -> tuple[tuple[Wait, Entry], ...]:
        statement, ask = (_DUE, {}) if share is None else (_MY_DUE, {"share": list(share)})

        def read(connection: Connection) -> tuple[tuple[Wait, Entry], ...]:
            rows = connection.execute(statement, {**ask, "now": micros(now), "many": limit})
            return tuple((_wait(row), Entry(row.seq, _intake(row), row.tries)) for row in rows)

        return await self._database.read(read)

    async def waits(self, limit: int) -> tuple[tuple[Wait, Entry], ...]:
        rows = await self._database.read(lambda connection: connection.execute(_WAITS, {"many": limit}).all())
        return tuple((_wait(row), Entry(row.seq, _intake(row), row.tries)) for row in rows)

    async def wait(self, seq: int) -> tuple[Wait, Entry] | None:
        row = await self._database.read(lambda connection: connection.execute(_WAIT, {"which": seq}).first())
        return None if row is None else (_wait(row), Entry(row.seq, _intake(row), row.tries))

    async def waits_ahead(self, lane: str, seq: int) -> bool:
        ask = {"lane": lane, "seq": seq}
        return await self._database.read(lambda connection: connection.execute(_AHEAD, ask).first()) is not None

    async def next_due(self, share: Share = None) -> datetime | None:
        statement, ask = (_NEXT_WAIT, {}) if share is None else (_MY_NEXT_WAIT, {"share": list(share)})
        return moment(await self._database.read(lambda connection: connection.execute(statement, ask).scalar()))

    async def hint(self, stream: Stream, seconds: float) -> None:
        await self._hints.wait(stream, seconds)

    async def event(self, event_id: EventId) -> Event | None:
        body = await self._database.read(lambda connection: connection.execute(_BODY, {"event": event_id}).scalar())
        return None if body is None else decode(body)

    async def traces(self, person: Native, limit: int) -> Traces:
        return await self._database.scan(lambda connection: traces_of(connection, person, limit))

    async def recent_events(self, community: CommunityId | None, limit: int) -> tuple[Record, ...]:
        return await self._database.scan(lambda connection: recent_records(connection, community, limit))

    async def record(self, event_id: EventId) -> Record | None:
        return await self._database.scan(lambda connection: record_of(connection, event_id))

    async def backlog(self, now: datetime) -> Backlog:
        return await self._database.scan(lambda connection: _backlog(connection, micros(now), self._free()))


def _move(connection: Connection, stream: Stream, lane: str, upto: int) -> None:
    """Forward only; a lane that was never written to gets its row."""
    moved = connection.execute(_MOVE, {"which": str(stream), "where": lane, "upto": upto}).rowcount
    if not moved:
        _FIRST_MOVE(connection, {"stream": str(stream), "lane": lane, "position": upto, "head": 0})


def _touched(changes: Iterable[Change]) -> set[Stream]:
    touched: set[Stream] = set()
    for change in changes:
        if isinstance(change, AppendEvent):
            touched |= {Stream.EVENTS, Stream.INTAKE}
        elif isinstance(change, PutHold | EndHold):
            touched.add(Stream.EVENTS)
        elif isinstance(change, Park | PutObject | PutCopy):
            touched.add(Stream.INTAKE)
        elif isinstance(change, AppendItem | Requeue | WakeHost | GiveUp | JoinRoster):
            touched.add(Stream.OUT)
    return touched


def _intake(row: Row[*tuple[Any, ...]]) -> Intake:
    return Intake(
        key=row.key,
        lane=row.lane,
        protocol=Protocol(row.protocol),
        kind=row.kind,
        body=row.body,
        received_at=moment(row.received_at),
        signer=row.signer,
    )


def _wait(row: Row[*tuple[Any, ...]]) -> Wait:
    return Wait(row.seq, moment(row.due_at), row.because, row.tries, native_or_none(row.awaited), row.stuck)


def _backlog(connection: Connection, now: int, room: tuple[int, int] | None) -> Backlog:
    floor = connection.execute(_LOWEST).scalar()
    ask = {
        "intake": connection.execute(_TODO_INTAKE).one(),
        "events": connection.execute(_TODO_EVENTS).one(),
        "out": (0, None) if floor is None else connection.execute(_TODO_OUT, {"floor": floor}).one(),
    }
    waiting = connection.execute(select(func.count()).select_from(waits)).scalar_one()
    rows = {name: int(count) for name, (count, _) in ask.items()}
    rows["intake"] += waiting
    return Backlog(
        rows=rows,
        oldest={name: 0.0 if since is None else max(0.0, (now - since) / 1e6) for name, (_, since) in ask.items()},
        holds=connection.execute(_HOLDS).scalar_one(),
        dead=connection.execute(_DEAD).scalar_one(),
        disk_free=None if room is None else room[0],
        stuck=connection.execute(_STUCK).scalar_one(),
    )
