"""Forgets what nobody needs any more: log rows behind every cursor, words that were taken back, keys and hashes past their time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, and_, bindparam, delete, exists, func, insert, or_, select, update

from storage.changes.norms import drop_counters
from storage.changes.outgoing import erase_passed
from storage.columns import micros
from storage.desk_schema import desk_links, desk_sessions
from storage.heads import head
from storage.moderation_schema import evidence, log
from storage.people import ACQUAINTED
from storage.portal_schema import portals
from storage.schema import (
    actors,
    consents,
    conversations,
    cursors,
    dead,
    decisions,
    events,
    follows,
    gaps,
    ghosts,
    holds,
    intake,
    lanes,
    objects,
    omissions,
    out,
    out_roster,
    out_to,
    peer_keys,
    places,
    relayed,
    seen,
    uploads,
    waits,
    withdrawals,
)
from storage.seat_schema import seats
from storage.standing_schema import acquaintances, modes, vouches

__all__ = ["Retention", "Swept", "sweep"]


class Retention(msgspec.Struct, frozen=True):
    """How long what is done is kept: log rows, keys of repeats, decisions with their omissions and ended waits (norms.md 3.9), and what was

    looked up about accounts and files elsewhere and not looked up again since.
    """

    log: timedelta = timedelta(days=14)
    keys: timedelta = timedelta(days=90)
    decisions: timedelta = timedelta(days=90)
    peers: timedelta = timedelta(days=365)


class Swept(msgspec.Struct, frozen=True):
    """Rows deleted by the kind of what went (the fields of Retention), and bodies erased: of taken-back items, and names in the log.

    `more`: a bound was reached, another call will find work.
    """

    kinds: Mapping[str, int] = {}
    bodies: int = 0
    more: bool = False

    @property
    def rows(self) -> int:
        return sum(self.kinds.values())


FORGOTTEN_KNOCK = timedelta(days=8)
"""How long a knock is remembered that nobody answered: a day longer than its words wait."""

PROOF = timedelta(days=730)
"""How long a keyed hash tells that somebody withdrew (norms.md N02)."""

_BOUND = 500
"""Rows per stream and call: the writer is never busy for long (engine.md section 9)."""

_OLD_INTAKE = (
    select(intake.c.seq, intake.c.key.label("name"))
    .join(cursors, (cursors.c.stream == "intake") & (cursors.c.lane == intake.c.lane))
    .where(
        intake.c.received_at < bindparam("before"),
        intake.c.seq <= cursors.c.position,
        ~exists().where(waits.c.seq == intake.c.seq),
    )
    .order_by(intake.c.seq)
    .limit(bindparam("many"))
)
_OLD_EVENTS = (
    select(events.c.seq, events.c.id.label("name"))
    .join(cursors, (cursors.c.stream == "events") & (cursors.c.lane == events.c.community))
    .where(
        events.c.received_at < bindparam("before"),
        events.c.seq <= cursors.c.position,
        ~exists().where(holds.c.event == events.c.id, holds.c.ended.is_(None)),
    )
    .order_by(events.c.seq)
    .limit(bindparam("many"))
)
_FLOOR = select(func.min(lanes.c.cursor)).where(lanes.c.awake.is_not(None))
_OLD_OUT = (
    select(out.c.seq, out.c.item.label("name"))
    .where(out.c.at < bindparam("before"), out.c.seq <= bindparam("floor"))
    .order_by(out.c.seq)
    .limit(bindparam("many"))
)
_DROP_INTAKE = delete(intake).where(intake.c.seq.in_(bindparam("seqs", expanding=True)))
_DROP_EVENTS = delete(events).where(events.c.seq.in_(bindparam("seqs", expanding=True)))
_DROP_OUT = [delete(table).where(table.c.seq.in_(bindparam("seqs", expanding=True))) for table in (out_roster, out_to, out)]
_ALREADY = select(seen.c.key).where(seen.c.stream == bindparam("stream"), seen.c.key.in_(bindparam("names", expanding=True)))
_OLD_SEEN = delete(seen).where(seen.c.at < bindparam("before"))
_ENDED_MODES = delete(modes).where(modes.c.until <= bindparam("before"))
_ENDED_SEATS = delete(seats).where(seats.c.until <= bindparam("before"))
_ENDED_VOUCHES = delete(vouches).where(vouches.c.until <= bindparam("before"))
_STRANGERS_AGAIN = delete(acquaintances).where(acquaintances.c.at <= bindparam("before"))
_OLD_RELAYED = delete(relayed).where(relayed.c.until <= bindparam("before"))
_OLD_LINKS, _OLD_SESSIONS = (delete(table).where(table.c.until <= bindparam("before")) for table in (desk_links, desk_sessions))
_OLD_DECISIONS = delete(decisions).where(decisions.c.at < bindparam("before"))
_LONELY_OMISSIONS = delete(omissions).where(
    ~exists().where(decisions.c.event == omissions.c.event), ~exists().where(events.c.id == omissions.c.event)
)
_OLD_EVIDENCE = delete(evidence).where(evidence.c.until < bindparam("before"))
_CUT_NAMES = update(log).where(log.c.at < bindparam("before"), log.c.sealed.is_not(None)).values(who=None, by=None, sealed=None)
_OLD_HOLDS = delete(holds).where(holds.c.ended_at < bindparam("before"))
_OLD_LETTERS = delete(dead).where(func.coalesce(dead.c.requeued_at, dead.c.at) < bindparam("before"))
_OLD_GAPS = delete(gaps).where(gaps.c.at < bindparam("before"))
_OLD_KEYS = delete(peer_keys).where(peer_keys.c.at < bindparam("before"))
_NOBODY = and_(
    ~exists().where(ghosts.c.of == actors.c.native),
    ~exists().where(consents.c.actor == actors.c.native),
    ~exists().where(or_(follows.c.actor == actors.c.native, follows.c.target == actors.c.native)),
    ~exists().where(objects.c.author == actors.c.native),
    ~exists().where(holds.c.author == actors.c.native, holds.c.ended.is_(None)),
    ~exists().where(conversations.c.actor == actors.c.native),
    ~exists().where(or_(portals.c.member == actors.c.native, portals.c.correspondent == actors.c.native)),
    ~exists().where(places.c.native == actors.c.native),
)
_OLD_KNOCKS = delete(portals).where(portals.c.stance == "knocks", portals.c.room.is_(None), portals.c.since < bindparam("before"))
_OLD_STRANGERS = delete(actors).where(actors.c.at < bindparam("before"), _NOBODY)
_OLD_UPLOADS = delete(uploads).where(uploads.c.at < bindparam("before"))
_OLD_PROOFS = delete(withdrawals).where(withdrawals.c.sealed.is_(None), withdrawals.c.due_at < bindparam("before"))


def sweep(connection: Connection, now: datetime, retention: Retention) -> Swept:
    """One bounded round."""
    bodies = erase_passed(connection)
    log = micros(now - retention.log)
    floor = connection.execute(_FLOOR).scalar()
    at = micros(now)
    top = head(connection, "out") if floor is None else floor
    counts = [
        _forget(connection, "intake", _OLD_INTAKE, [_DROP_INTAKE], {"before": log}, at=at),
        _forget(connection, "events", _OLD_EVENTS, [_DROP_EVENTS], {"before": log}, at=at),
        _forget(connection, "out", _OLD_OUT, _DROP_OUT, {"before": log, "floor": top}, at=at),
    ]
    kinds = {"log": sum(counts), "keys": 0, "decisions": 0, "peers": 0}
    for kind, statement, before in (
        ("keys", _OLD_SEEN, now - retention.keys),
        ("keys", _OLD_RELAYED, now),
        ("keys", _ENDED_MODES, now),
        ("keys", _ENDED_VOUCHES, now),
        ("decisions", _ENDED_SEATS, now - retention.decisions),
        ("keys", _STRANGERS_AGAIN, now - ACQUAINTED),
        ("keys", _OLD_LINKS, now),
        ("keys", _OLD_SESSIONS, now),
        ("decisions", _OLD_DECISIONS, now - retention.decisions),
        ("decisions", _OLD_HOLDS, now - retention.decisions),
        ("decisions", _OLD_LETTERS, now - retention.decisions),
        ("decisions", _OLD_GAPS, now - retention.decisions),
        ("decisions", _OLD_PROOFS, now - PROOF),
        ("decisions", _OLD_EVIDENCE, now),
        ("decisions", _OLD_KNOCKS, now - FORGOTTEN_KNOCK),
        ("peers", _OLD_KEYS, now - retention.peers),
        ("peers", _OLD_STRANGERS, now - retention.peers),
        ("peers", _OLD_UPLOADS, now - retention.peers),
    ):
        kinds[kind] += connection.execute(statement, {"before": micros(before)}).rowcount
    kinds["keys"] += drop_counters(connection, at)
    kinds["decisions"] += connection.execute(_LONELY_OMISSIONS).rowcount
    bodies += connection.execute(_CUT_NAMES, {"before": micros(now - retention.decisions)}).rowcount
    return Swept(kinds, bodies, more=max(counts) >= _BOUND)


def _forget(connection: Connection, stream: str, find: Executable, drop: list[Any], ask: dict[str, int], *, at: int) -> int:
    """The rows go, their keys stay: a repeat of something swept is still a repeat."""
    found = connection.execute(find, {**ask, "many": _BOUND}).all()
    if not found:
        return 0
    names = dict.fromkeys(row.name for row in found)
    known = set(connection.execute(_ALREADY, {"stream": stream, "names": list(names)}).scalars())
    fresh = {row.name: row.seq for row in found if row.name not in known}
    if fresh:
        connection.execute(insert(seen), [{"stream": stream, "key": name, "seq": seq, "at": at} for name, seq in fresh.items()])
    for statement in drop:
        connection.execute(statement, {"seqs": [row.seq for row in found]})
    return len(found)
