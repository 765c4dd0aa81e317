"""INTAKE and EVENTS: appended once, erased for good, ended with a word."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, bindparam, delete, exists, or_, select, union_all, update

from bridge.changes import AppendEvent, EndEvent, EraseEvent, EraseIntake, Park, Unpark
from bridge.model.content import tag_of
from bridge.model.event import decode, encode, object_of
from bridge.model.ids import Native
from bridge.norms.decision import Decision
from bridge.streams import Intake, Receipt
from storage.columns import micros, text_or_none
from storage.dialect import Either, once, upsert
from storage.heads import take
from storage.portal_schema import doors, portals
from storage.schema import actors, consents, copies, cursors, decisions, events, follows, ghosts, holds, intake, objects, out, seen, waits

__all__ = [
    "append_event",
    "append_intake",
    "crossed",
    "end_event",
    "erase_event",
    "erase_intake",
    "hush_decision",
    "known_intake",
    "park",
    "unpark",
    "wake_waits",
]

_KEYS = 500
"""Values in one IN list: SQLite before 3.32 took 999 at most, and statements stay small."""

_PUT_INTAKE = once(intake)
_PUT_EVENT = once(events)
_PUT_WAIT = upsert(waits)
_RAISE_HEAD = Either(
    lambda insert: insert.on_conflict_do_update(index_elements=["stream", "lane"], set_={"head": insert.excluded.head}), cursors
)
_KNOWN_INTAKE = select(intake.c.key, intake.c.seq).where(intake.c.key.in_(bindparam("keys", expanding=True)))
_SEEN = select(seen.c.key, seen.c.seq).where(seen.c.stream == bindparam("which"), seen.c.key.in_(bindparam("keys", expanding=True)))
_EVENT_KNOWN = union_all(
    select(events.c.seq).where(events.c.id == bindparam("event")),
    select(seen.c.seq).where(seen.c.stream == "events", seen.c.key == bindparam("event")),
)
_EVENT = select(events.c.seq, events.c.intake, events.c.body).where(events.c.id == bindparam("event"))
_BLANK_INTAKE = update(intake).where(intake.c.seq == bindparam("entry")).values(body=None, signer=None)
_BLANK_EVENT = update(events).where(events.c.seq == bindparam("entry")).values(body=None, ended=bindparam("how"))
_END_EVENT = update(events).where(events.c.id == bindparam("which")).values(ended=bindparam("how")).returning(events.c.intake)
_REFUSE = (
    update(intake)
    .where(intake.c.seq == bindparam("entry"))
    .values(body=None, signer=None, why=bindparam("because"), refused=bindparam("bad"))
)
_UNPARK = delete(waits).where(waits.c.seq == bindparam("entry"))
_WAKE = update(waits).where(waits.c.awaited == bindparam("native"), waits.c.stuck.is_(False)).values(due_at=0)
_IS_HERE = select(
    or_(
        exists().where(objects.c.native == bindparam("native")),
        exists().where(copies.c.native == bindparam("native")),
    )
)
_CROSSED = select(or_(exists().where(out.c.event == bindparam("event")), exists().where(objects.c.id == bindparam("event"))))
_DECISION = select(decisions.c.body).where(decisions.c.event == bindparam("id"))
_SET_DECISION = update(decisions).where(decisions.c.event == bindparam("id")).values(body=bindparam("new"))
_DROP_STRANGER = delete(actors).where(
    actors.c.native == bindparam("who"),
    ~exists().where(ghosts.c.of == bindparam("who")),
    ~exists().where(consents.c.actor == bindparam("who")),
    ~exists().where(follows.c.actor == bindparam("who")),
    ~exists().where(objects.c.author == bindparam("who")),
    ~exists().where(holds.c.author == bindparam("who"), holds.c.ended.is_(None)),
    ~exists().where(or_(portals.c.member == bindparam("who"), portals.c.correspondent == bindparam("who"))),
    ~exists().where(doors.c.person == bindparam("who")),
)


def append_intake(connection: Connection, batches: list[tuple[Intake, ...]]) -> list[tuple[Receipt, ...]]:
    """Several calls at once, in order: known keys get their old seq, the rest new ones."""
    entries = [entry for batch in batches for entry in batch]
    known = known_intake(connection, [entry.key for entry in entries])
    fresh: dict[str, Intake] = {}
    for entry in entries:
        if entry.key not in known:
            fresh.setdefault(entry.key, entry)
    numbers: dict[str, int] = {}
    if fresh:
        first = take(connection, "intake", len(fresh))
        numbers = {key: first + at for at, key in enumerate(fresh)}
        _PUT_INTAKE(connection, [_intake_row(numbers[key], entry) for key, entry in fresh.items()])
        tops = {entry.lane: numbers[key] for key, entry in fresh.items()}
        _RAISE_HEAD(connection, [{"stream": "intake", "lane": lane, "head": top, "position": 0} for lane, top in sorted(tops.items())])
    receipts: list[tuple[Receipt, ...]] = []
    for batch in batches:
        mine: list[Receipt] = []
        for entry in batch:
            is_new = entry.key in fresh
            mine.append(Receipt(numbers[entry.key] if is_new else known[entry.key], is_new))
            if is_new:
                known[entry.key] = numbers[entry.key]
                del fresh[entry.key]  # the same key again in this batch is a repeat
        receipts.append(tuple(mine))
    return receipts


def known_intake(connection: Connection, keys: list[str]) -> dict[str, int]:
    """Those of the keys that were accepted before, with their numbers."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), _KEYS):
        part = keys[start : start + _KEYS]
        # The log first: a key that a sweep moves meanwhile is then found in one of the two, on PostgreSQL as well.
        found.update((key, seq) for key, seq in connection.execute(_KNOWN_INTAKE, {"keys": part}))
        found.update((key, seq) for key, seq in connection.execute(_SEEN, {"which": "intake", "keys": part}))
    return found


def _intake_row(seq: int, entry: Intake) -> dict[str, object]:
    return {
        "seq": seq,
        "key": entry.key,
        "lane": entry.lane,
        "protocol": entry.protocol,
        "kind": entry.kind,
        "signer": entry.signer,
        "received_at": micros(entry.received_at),
        "body": entry.body,
        "why": None,
        "refused": False,
    }


def append_event(connection: Connection, change: AppendEvent) -> None:
    event = change.event
    if connection.execute(_EVENT_KNOWN, {"event": event.id}).first() is not None:
        return
    seq = take(connection, "events")
    _PUT_EVENT(
        connection,
        {
            "seq": seq,
            "id": event.id,
            "community": event.community,
            "place": str(event.place),
            "kind": tag_of(event.content),
            "object": object_of(event),
            "received_at": micros(event.received_at),
            "intake": change.intake,
            "body": encode(event),
            "ended": None,
        },
    )
    _RAISE_HEAD(connection, {"stream": "events", "lane": event.community, "head": seq, "position": 0})
    wake_waits(connection, [event.provenance.native])


def erase_event(connection: Connection, change: EraseEvent) -> None:
    """The words go; when nothing of it crossed, every name goes with them."""
    row = connection.execute(_EVENT, {"event": change.event_id}).first()
    if row is None:
        return
    seq, entry, body = row
    if not crossed(connection, change.event_id):
        hush_decision(connection, change.event_id)
        if body is not None:
            # A cached account of somebody who has nothing else to do with us is a name kept for nothing (issue: no identifier after the decision).
            author = decode(body).author.native
            connection.execute(_DROP_STRANGER, {"who": str(author)})
    connection.execute(_BLANK_EVENT, {"entry": seq, "how": change.ended})
    if entry is not None:
        connection.execute(_BLANK_INTAKE, {"entry": entry})


def crossed(connection: Connection, event: str) -> bool:
    """Did anything of it leave, or become an object?"""
    return bool(connection.execute(_CROSSED, {"event": event}).scalar_one())


def hush_decision(connection: Connection, event: str) -> None:
    """Verdict, norms and reasons stay; whom to tell, and what fills the sentences in, goes."""
    found = connection.execute(_DECISION, {"id": event}).first()
    if found is None:
        return
    decision = msgspec.msgpack.decode(found[0], type=Decision)
    explanation = None if decision.explanation is None else msgspec.structs.replace(decision.explanation, args=())
    quiet = msgspec.structs.replace(decision, tells=(), counter_ops=(), mode_ops=(), explanation=explanation)
    if quiet != decision:
        connection.execute(_SET_DECISION, {"id": event, "new": msgspec.msgpack.encode(quiet)})


def end_event(connection: Connection, change: EndEvent) -> None:
    entry = connection.execute(_END_EVENT, {"which": change.event_id, "how": change.ended}).scalar()
    if entry is not None:
        connection.execute(_BLANK_INTAKE, {"entry": entry})


def erase_intake(connection: Connection, change: EraseIntake) -> None:
    connection.execute(_REFUSE, {"entry": change.seq, "because": change.why, "bad": change.refused})
    connection.execute(_UNPARK, {"entry": change.seq})


def park(connection: Connection, change: Park) -> None:
    """Due at once when what it awaits has come between reading and parking."""
    wait = change.wait
    due = micros(wait.due_at)
    awaited = text_or_none(wait.awaited)
    if awaited is not None and not wait.stuck and connection.execute(_IS_HERE, {"native": awaited}).scalar_one():
        due = 0
    _PUT_WAIT(connection, {"seq": wait.seq, "due_at": due, "why": wait.why, "tries": wait.tries, "awaited": awaited, "stuck": wait.stuck})


def unpark(connection: Connection, change: Unpark) -> None:
    connection.execute(_UNPARK, {"entry": change.seq})


def wake_waits(connection: Connection, natives: Iterable[Native]) -> None:
    """What waited for one of these is due."""
    for native in natives:
        connection.execute(_WAKE, {"native": str(native)})
