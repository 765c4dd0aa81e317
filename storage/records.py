"""The life of an event as people read it, computed from cursors and the rows that are exceptions to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, union

from bridge.model.ids import CommunityId, EventId, ItemId, Protocol
from bridge.model.item import Destination, Omission, Stage, Standing
from bridge.model.record import Record
from bridge.norms.decision import Decision
from bridge.norms.wording import sentence
from storage.columns import moment, parse_native
from storage.schema import dead, decisions, destinations, events, gaps, hearing, holds, hosts, lanes, omissions, out, out_roster, out_to

__all__ = ["omissions_of", "recent_records", "record_of", "standings_of"]

_EVENT = select(events).where(events.c.id == bindparam("event"))
_RECENT = select(events).order_by(events.c.seq.desc()).limit(bindparam("many"))
_RECENT_OF = select(events).where(events.c.community == bindparam("community")).order_by(events.c.seq.desc()).limit(bindparam("many"))
_OMISSIONS = select(omissions).where(omissions.c.event == bindparam("event")).order_by(omissions.c.place, omissions.c.code)
_DECISION = select(decisions.c.body).where(decisions.c.event == bindparam("event"))
_HELD = select(holds.c.due_at).where(holds.c.event == bindparam("event"), holds.c.ended.is_(None))
_ITEMS = (
    select(out.c.seq, out.c.item, out.c.form, out.c.urgent, out.c.taken_back).where(out.c.event == bindparam("event")).order_by(out.c.seq)
)
_HEARERS = union(
    select(hearing.c.destination)
    .select_from(out_roster.join(hearing, hearing.c.roster == out_roster.c.roster))
    .where(out_roster.c.seq == bindparam("seq"), hearing.c.from_seq < bindparam("seq"), hearing.c.until_seq >= bindparam("seq")),
    select(out_to.c.destination).where(out_to.c.seq == bindparam("seq")),
)
_LANES_OF = (
    select(
        destinations.c.id,
        destinations.c.protocol,
        destinations.c.address,
        destinations.c.host,
        lanes.c.cursor,
        lanes.c.awake,
        lanes.c.fails,
        lanes.c.next_at,
        lanes.c.last_error,
        hosts.c.next_at.label("host_next_at"),
        hosts.c.last_error.label("host_error"),
    )
    .select_from(destinations.join(lanes, lanes.c.destination == destinations.c.id).outerjoin(hosts, hosts.c.host == destinations.c.host))
    .where(lanes.c.urgent == bindparam("fast"), destinations.c.id.in_(_HEARERS.scalar_subquery()))
    .order_by(destinations.c.address)
)
_DEAD_OF = select(dead).where(dead.c.event == bindparam("event"), dead.c.requeued_at.is_(None))
_GAPS_OVER = select(gaps.c.destination, gaps.c.why).where(
    gaps.c.urgent == bindparam("fast"), gaps.c.from_seq < bindparam("seq"), gaps.c.to_seq >= bindparam("seq")
)


def omissions_of(connection: Connection, event: str) -> tuple[Omission, ...]:
    rows = connection.execute(_OMISSIONS, {"event": event})
    return tuple(Omission(EventId(row.event), parse_native(row.place), row.code, row.text) for row in rows)


def standings_of(connection: Connection, event: str) -> tuple[Standing, ...]:
    """One per item and destination; an item that was sent again stands where its newest copy does."""
    letters = {(row.item, row.destination): row for row in connection.execute(_DEAD_OF, {"event": event})}
    found: dict[tuple[str, int], Standing] = {}
    for item in connection.execute(_ITEMS, {"event": event}).all():
        given_up = {row.destination: row.why for row in connection.execute(_GAPS_OVER, {"fast": item.urgent, "seq": item.seq})}
        for lane in connection.execute(_LANES_OF, {"fast": item.urgent, "seq": item.seq}):
            letter = letters.get((item.item, lane.id))
            found[item.item, lane.id] = _standing(item, lane, letter, given_up.get(lane.id))
    return tuple(found.values())


def _standing(
    item: Row[*tuple[Any, ...]], lane: Row[*tuple[Any, ...]], letter: Row[*tuple[Any, ...]] | None, given_up: str | None
) -> Standing:
    destination = Destination(Protocol(lane.protocol), lane.address, lane.host)
    of = (ItemId(item.item), item.form, destination)
    if letter is not None:
        return Standing(*of, Stage.DEAD, why=letter.why, attempts=letter.attempts)
    if given_up is not None:
        return Standing(*of, Stage.GIVEN_UP, why=given_up)
    if lane.cursor >= item.seq:
        return Standing(*of, Stage.DELIVERED, why="taken back since" if item.taken_back else "", attempts=1)
    next_at = max(lane.next_at, lane.host_next_at or 0)
    why = lane.last_error or lane.host_error or ""
    return Standing(*of, Stage.WAITING, why=why, attempts=lane.fails, next_at=moment(next_at) if next_at else None)


def record_of(connection: Connection, event: str) -> Record | None:
    row = connection.execute(_EVENT, {"event": event}).first()
    return None if row is None else _record(connection, row, standings_of(connection, event))


def recent_records(connection: Connection, community: str | None, limit: int) -> tuple[Record, ...]:
    """Newest first, without standings: those cost a look at every lane."""
    if community is None:
        rows: Sequence[Row[*tuple[Any, ...]]] = connection.execute(_RECENT, {"many": limit}).all()
    else:
        rows = connection.execute(_RECENT_OF, {"community": community, "many": limit}).all()
    return tuple(_record(connection, row, ()) for row in rows)


def _record(connection: Connection, row: Row[*tuple[Any, ...]], standings: tuple[Standing, ...]) -> Record:
    held = connection.execute(_HELD, {"event": row.id}).scalar()
    body = connection.execute(_DECISION, {"event": row.id}).scalar()
    return Record(
        event_id=EventId(row.id),
        community=CommunityId(row.community),
        kind=row.kind,
        place=parse_native(row.place),
        received_at=moment(row.received_at),
        ended=row.ended or ("held" if held is not None else "waiting"),
        reasons=() if body is None else _reasons(msgspec.msgpack.decode(body, type=Decision)),
        held_until=moment(held),
        omissions=omissions_of(connection, row.id),
        standings=standings,
    )


def _reasons(decision: Decision) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence(reason.code) for reason in decision.reasons))
