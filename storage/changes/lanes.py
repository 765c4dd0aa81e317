"""Rosters and lanes: who hears what from when until when, and how far each has heard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, delete, exists, func, insert, or_, select, update

from bridge.changes import AdvanceLane, EndDestination, FailLane, GiveUp, JoinRoster, LeaveRoster, SnoozeLane, WakeHost
from bridge.model.item import Destination
from storage.columns import micros
from storage.dialect import Either, once
from storage.heads import head, take
from storage.schema import NEVER, destinations, follows, gaps, hearing, hosts, lanes, members, out_roster, out_to, rosters

__all__ = [
    "advance",
    "destination_id",
    "end_destination",
    "fail",
    "give_up",
    "join",
    "leave",
    "roster_id",
    "snooze",
    "wake",
    "wake_host",
]

_FIND = select(destinations.c.id).where(destinations.c.protocol == bindparam("protocol"), destinations.c.address == bindparam("address"))
_ROSTER = select(rosters.c.id).where(rosters.c.name == bindparam("name"))
_MEMBER = select(members.c.destination).where(members.c.roster == bindparam("roster"), members.c.member == bindparam("member"))
_ANYONE = (
    select(members.c.member).where(members.c.roster == bindparam("roster"), members.c.destination == bindparam("destination")).limit(1)
)
_HEARS = select(hearing.c.from_seq).where(
    hearing.c.roster == bindparam("roster"), hearing.c.destination == bindparam("destination"), hearing.c.until_seq == NEVER
)
_STOP_HEARING = (
    update(hearing)
    .where(hearing.c.roster == bindparam("which"), hearing.c.destination == bindparam("where"), hearing.c.until_seq == NEVER)
    .values(until_seq=bindparam("last"))
)
_START_HEARING = once(hearing)
_RESUME = (
    update(hearing)
    .where(hearing.c.roster == bindparam("which"), hearing.c.destination == bindparam("where"), hearing.c.from_seq == bindparam("start"))
    .values(until_seq=NEVER)
)
_HERE = select(members.c.member).where(members.c.destination == bindparam("destination")).distinct()
_STAYS = select(members.c.roster, members.c.destination).where(members.c.member == bindparam("member"))
_UNFOLLOW = delete(follows).where(follows.c.actor == bindparam("who"))
_DROP_MEMBER = delete(members).where(members.c.roster == bindparam("roster"), members.c.member == bindparam("member"))

_UPTO = bindparam("upto", type_=BigInteger())
_PENDING = or_(
    exists(
        select(1)
        .select_from(hearing.join(out_roster, out_roster.c.roster == hearing.c.roster))
        .where(
            hearing.c.destination == lanes.c.destination,
            out_roster.c.urgent == lanes.c.urgent,
            out_roster.c.seq > _UPTO,
            out_roster.c.seq > hearing.c.from_seq,
            out_roster.c.seq <= hearing.c.until_seq,
        )
        .correlate(lanes)
    ),
    exists(
        select(1)
        .where(out_to.c.destination == lanes.c.destination, out_to.c.urgent == lanes.c.urgent, out_to.c.seq > _UPTO)
        .correlate(lanes)
    ),
)
"""Is there anything after `upto` that this lane hears? One probe of an index per roster the destination is on."""

_LANE = and_(lanes.c.destination == bindparam("where"), lanes.c.urgent == bindparam("fast"))
_ADVANCE = (
    update(lanes)
    .where(_LANE, lanes.c.cursor < _UPTO)
    .values(
        cursor=_UPTO,
        awake=case((_PENDING, _UPTO), else_=None),
        fails=0,
        next_at=0,
        first_failure_at=None,
        last_failure_at=None,
        last_error=None,
    )
)
_PASS = update(lanes).where(_LANE, lanes.c.cursor < _UPTO).values(cursor=_UPTO, awake=case((_PENDING, _UPTO), else_=None))
_SNOOZE = update(lanes).where(_LANE).values(next_at=bindparam("later"), last_error=bindparam("because"))
_FAIL = (
    update(lanes)
    .where(_LANE, func.coalesce(lanes.c.last_failure_at, -1) < bindparam("moment"))
    .values(
        fails=lanes.c.fails + 1,
        next_at=bindparam("later"),
        first_failure_at=func.coalesce(lanes.c.first_failure_at, bindparam("moment")),
        last_failure_at=bindparam("moment"),
        last_error=bindparam("because"),
    )
)
_FAIL_HOST = Either(
    lambda build: build.on_conflict_do_update(
        index_elements=["host"],
        set_={
            "fails": hosts.c.fails + 1,
            "next_at": build.excluded.next_at,
            "first_failure_at": func.coalesce(hosts.c.first_failure_at, build.excluded.first_failure_at),
            "last_failure_at": build.excluded.last_failure_at,
            "last_error": build.excluded.last_error,
        },
        where=func.coalesce(hosts.c.last_failure_at, -1) < build.excluded.last_failure_at,
    ),
    hosts,
)
_CLOSE_CIRCUIT = delete(hosts).where(hosts.c.host == bindparam("name"))
_WAKE_LANES = (
    update(lanes)
    .where(lanes.c.destination.in_(select(destinations.c.id).where(destinations.c.host == bindparam("name"))), lanes.c.next_at > 0)
    .values(next_at=0)
)
_STATE = select(lanes.c.cursor, lanes.c.awake).where(_LANE)
_TO_HEAD = (
    update(lanes)
    .where(_LANE)
    .values(cursor=bindparam("top"), awake=None, fails=0, next_at=0, first_failure_at=None, last_failure_at=None, last_error=None)
)
_GAP = once(gaps)
_WAKE_ROSTER = (
    update(lanes)
    .where(
        lanes.c.urgent == bindparam("fast"),
        lanes.c.awake.is_(None),
        lanes.c.destination.in_(select(hearing.c.destination).where(hearing.c.roster == bindparam("which"), hearing.c.until_seq == NEVER)),
    )
    .values(awake=bindparam("entry"))
)
_WAKE_TO = (
    update(lanes)
    .where(
        lanes.c.urgent == bindparam("fast"),
        lanes.c.awake.is_(None),
        lanes.c.destination.in_(select(out_to.c.destination).where(out_to.c.seq == bindparam("entry"))),
    )
    .values(awake=bindparam("entry"))
)


def destination_id(connection: Connection, destination: Destination) -> int:
    """Our number for it; a new one gets its two lanes."""
    found = connection.execute(_FIND, {"protocol": destination.protocol, "address": destination.address}).scalar()
    if found is not None:
        return int(found)
    number = take(connection, "destination")
    row = {"id": number, "protocol": destination.protocol, "address": destination.address, "host": destination.host}
    connection.execute(insert(destinations), row)
    connection.execute(
        insert(lanes), [{"destination": number, "urgent": fast, "cursor": 0, "fails": 0, "next_at": 0} for fast in (False, True)]
    )
    return number


def roster_id(connection: Connection, name: str) -> int:
    found = connection.execute(_ROSTER, {"name": name}).scalar()
    if found is not None:
        return int(found)
    number = take(connection, "roster")
    connection.execute(insert(rosters), {"id": number, "name": name})
    return number


def join(connection: Connection, change: JoinRoster) -> None:
    """Hears what is written from now on. A member whose inbox moved leaves the old one."""
    roster = roster_id(connection, change.roster)
    where = destination_id(connection, change.destination)
    who = {"roster": roster, "member": str(change.member)}
    before = connection.execute(_MEMBER, who).scalar()
    if before == where:
        return
    if before is not None:
        _leave(connection, roster, str(change.member), int(before))
    connection.execute(insert(members), {**who, "destination": where})
    spot: dict[str, Any] = {"roster": roster, "destination": where}
    if connection.execute(_HEARS, spot).first() is None:
        _rejoin(connection, spot)


def _rejoin(connection: Connection, spot: dict[str, Any]) -> None:
    _START_HEARING(connection, {**spot, "from_seq": head(connection, "out"), "until_seq": NEVER})
    if connection.execute(_HEARS, spot).first() is None:
        # Left and back again with nothing written in between: the stay that just ended goes on.
        connection.execute(_RESUME, {"which": spot["roster"], "where": spot["destination"], "start": head(connection, "out")})


def leave(connection: Connection, change: LeaveRoster) -> None:
    """Hears what was written until now; the destination stays while somebody else there is a member."""
    roster = connection.execute(_ROSTER, {"name": change.roster}).scalar()
    if roster is None:
        return
    where = connection.execute(_MEMBER, {"roster": roster, "member": str(change.member)}).scalar()
    if where is not None:
        _leave(connection, int(roster), str(change.member), int(where))


def _leave(connection: Connection, roster: int, member: str, where: int) -> None:
    connection.execute(_DROP_MEMBER, {"roster": roster, "member": member})
    if connection.execute(_ANYONE, {"roster": roster, "destination": where}).first() is None:
        connection.execute(_STOP_HEARING, {"which": roster, "where": where, "last": head(connection, "out")})


def wake(connection: Connection, seq: int, heard: Iterable[int], *, urgent: bool, extra: bool) -> None:
    """Every lane that hears item `seq` and slept is awake: one statement each, and nothing written for those already awake."""
    for roster in heard:
        connection.execute(_WAKE_ROSTER, {"fast": urgent, "which": roster, "entry": seq})
    if extra:
        connection.execute(_WAKE_TO, {"fast": urgent, "entry": seq})


def advance(connection: Connection, changes: Sequence[AdvanceLane]) -> None:
    """Never backwards. What has nothing left to hear falls asleep; a server that answered is well again."""
    for statement, answered in ((_ADVANCE, True), (_PASS, False)):
        rows = [
            {"where": destination_id(connection, change.destination), "fast": change.urgent, "upto": change.upto}
            for change in changes
            if change.answered is answered
        ]
        if rows:
            connection.execute(statement, rows)
    well = {change.destination.host for change in changes if change.answered}
    if well:
        connection.execute(_CLOSE_CIRCUIT, [{"name": name} for name in sorted(well)])


def fail(connection: Connection, change: FailLane) -> None:
    at = micros(change.at)
    where = destination_id(connection, change.destination)
    connection.execute(_FAIL, {"where": where, "fast": change.urgent, "moment": at, "later": micros(change.next_at), "because": change.why})
    if change.host:
        row = {"host": change.destination.host, "fails": 1, "next_at": micros(change.next_at), "last_error": change.why}
        _FAIL_HOST(connection, {**row, "first_failure_at": at, "last_failure_at": at})


def snooze(connection: Connection, change: SnoozeLane) -> None:
    where = destination_id(connection, change.destination)
    connection.execute(_SNOOZE, {"where": where, "fast": change.urgent, "later": micros(change.until), "because": change.why or None})


def give_up(connection: Connection, change: GiveUp) -> None:
    where = destination_id(connection, change.destination)
    cursor, awake = connection.execute(_STATE, {"where": where, "fast": change.urgent}).one()
    top = head(connection, "out")
    if awake is not None:
        gap = {"destination": where, "urgent": change.urgent, "from_seq": cursor, "to_seq": top, "why": change.why, "at": micros(change.at)}
        _GAP(connection, gap)
    connection.execute(_TO_HEAD, {"where": where, "fast": change.urgent, "top": top})


def end_destination(connection: Connection, change: EndDestination) -> None:
    where = destination_id(connection, change.destination)
    for member in connection.execute(_HERE, {"destination": where}).scalars().all():
        for roster, spot in connection.execute(_STAYS, {"member": member}).all():
            _leave(connection, int(roster), member, int(spot))
        connection.execute(_UNFOLLOW, {"who": member})
    for urgent in (False, True):
        give_up(connection, GiveUp(change.destination, urgent, change.why, change.at))


def wake_host(connection: Connection, change: WakeHost) -> None:
    connection.execute(_CLOSE_CIRCUIT, {"name": change.host})
    connection.execute(_WAKE_LANES, {"name": change.host})
