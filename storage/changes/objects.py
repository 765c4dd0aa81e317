"""Objects, copies, holds and decisions: the newest form wins, and what was taken back never comes again."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, or_, select, update

from bridge.changes import EndHold, PutCopy, PutDecision, PutHold, PutObject, PutOmission, Retract
from bridge.model.event import encode
from bridge.model.ids import Native, derive
from storage.changes.files import forget_media
from storage.changes.outgoing import erase_passed
from storage.changes.streams import crossed, hush_decision, wake_waits
from storage.columns import micros
from storage.dialect import once, upsert
from storage.heads import take
from storage.schema import copies, dead, decisions, events, holds, intake, objects, omissions, out, tombstones

__all__ = ["end_hold", "put_copy", "put_decision", "put_hold", "put_object", "put_omission", "retract", "tombstone_key"]

_DECIDE = upsert(decisions)
_OMIT = once(omissions)
_TOMBSTONE = once(tombstones)
_PUT_HOLD = upsert(holds)
_PUT_OBJECT = once(objects)
_COPY = upsert(copies)
_ERASED = select(events.c.body.is_(None)).where(events.c.id == bindparam("id"))
_DEAD_ALREADY = select(tombstones.c.key).where(tombstones.c.key.in_(bindparam("keys", expanding=True)))
_STANDS = select(objects.c.updated_at, objects.c.retracted_at).where(objects.c.id == bindparam("id"))
_RENEW = (
    update(objects)
    .where(objects.c.id == bindparam("which"))
    .values(audience=bindparam("level"), updated_at=bindparam("newest"), body=bindparam("shown"))
)
_TAKE_BACK = (
    update(objects)
    .where(objects.c.id == bindparam("which"), objects.c.retracted_at.is_(None))
    .values(retracted_at=bindparam("moment"), body=None)
)
_HOLD = select(holds).where(holds.c.event == bindparam("id"))
_END_HOLD = (
    update(holds)
    .where(holds.c.event == bindparam("id"), holds.c.ended.is_(None))
    .values(ended=bindparam("how"), ended_at=bindparam("moment"), body=None, author=None, handle="")
)
_END_HOLDS = (
    update(holds)
    .where(holds.c.object == bindparam("which"), holds.c.ended.is_(None))
    .values(ended="taken back", ended_at=bindparam("moment"), body=None, author=None, handle="")
)
_ABOUT = select(events.c.seq, events.c.intake, events.c.ended, events.c.kind).where(
    or_(events.c.object == bindparam("which"), events.c.id == bindparam("which")), events.c.kind != "retraction", events.c.body.is_not(None)
)
_BLANK_EVENT = update(events).where(events.c.seq == bindparam("entry")).values(body=None, ended=bindparam("how"))
_BLANK_INTAKE = update(intake).where(intake.c.seq == bindparam("entry")).values(body=None, signer=None)
_SKIP_ITEMS = (
    update(out)
    .where(
        or_(out.c.subject == bindparam("which"), out.c.object == bindparam("which")),
        out.c.kind != "retraction",
        out.c.taken_back.is_(False),
    )
    .values(taken_back=True)
)
_BLANK_DEAD = (
    update(dead).where(dead.c.subject == bindparam("which"), dead.c.kind != "retraction", dead.c.body.is_not(None)).values(body=None)
)


def tombstone_key(secret: bytes, native: Native) -> str:
    """A fediverse id often holds its author's name: the tombstone keeps a keyed hash of it."""
    return derive(secret, "tombstone", native.protocol, native.id)


def put_object(connection: Connection, change: PutObject, secret: bytes) -> None:
    """Birth or edit; an older form never replaces a newer one, and nothing revives what was taken back."""
    known = change.known
    stands = connection.execute(_STANDS, {"id": known.id}).first()
    keys = [known.id, tombstone_key(secret, known.native)]
    if connection.execute(_DEAD_ALREADY, {"keys": keys}).first() is not None:
        return
    body = encode(change.event)
    updated = micros(known.updated_at)
    if stands is None:
        _PUT_OBJECT(
            connection,
            {
                "id": known.id,
                "ordinal": take(connection, "object"),
                "community": known.community,
                "channel": known.channel,
                "native": str(known.native),
                "place": str(known.place),
                "author": str(known.author),
                "kind": known.kind,
                "audience": int(known.audience),
                "thread": known.thread,
                "reply_to": known.reply_to,
                "crossed_at": micros(known.crossed_at),
                "updated_at": updated,
                "retracted_at": micros(known.retracted_at),
                "body": body,
            },
        )
        wake_waits(connection, [known.native])
        return
    if stands.updated_at is not None and (updated is None or updated < stands.updated_at):
        return
    connection.execute(_RENEW, {"which": known.id, "level": int(known.audience), "newest": updated, "shown": body})


def put_copy(connection: Connection, change: PutCopy) -> None:
    native = Native(change.place.protocol, change.native)
    _COPY(connection, {"object": change.object, "place": str(change.place), "native": str(native)})
    wake_waits(connection, [native])


def retract(connection: Connection, change: Retract, secret: bytes) -> None:
    """Words go from objects, holds and events at once; from OUT as soon as no lane may still have them in flight."""
    at = micros(change.at)
    _TOMBSTONE(connection, {"key": change.object, "at": at})
    if change.native is not None:
        _TOMBSTONE(connection, {"key": tombstone_key(secret, change.native), "at": at})
    connection.execute(_TAKE_BACK, {"which": change.object, "moment": at})
    connection.execute(_END_HOLDS, {"which": change.object, "moment": at})
    for seq, entry, ended, kind in connection.execute(_ABOUT, {"which": change.object}).all():
        # A sighting has no words, and without the name that it tells the copy could never be taken back.
        if kind != "sighting":
            connection.execute(_BLANK_EVENT, {"entry": seq, "how": ended or "taken back"})
        if entry is not None:
            connection.execute(_BLANK_INTAKE, {"entry": entry})
    forget_media(connection, change.object)
    connection.execute(_SKIP_ITEMS, {"which": change.object})
    connection.execute(_BLANK_DEAD, {"which": change.object})
    erase_passed(connection, change.object)


def put_hold(connection: Connection, change: PutHold) -> None:
    """The same wait again, after it ended, is a repeat; another one (a later reason, another due time) opens the row again."""
    hold = change.hold
    row = {
        "event": hold.event_id,
        "community": hold.community,
        "object": hold.object,
        "author": str(hold.author),
        "kind": hold.kind,
        "code": hold.code,
        "since": micros(hold.since),
        "due_at": micros(hold.due_at),
        "on_expiry": str(hold.on_expiry),
        "body": hold.body,
        "handle": hold.handle,
        "waited": " ".join(hold.waited),
        "ended": None,
        "ended_at": None,
    }
    stands = connection.execute(_HOLD, {"id": hold.event_id}).first()
    same = ("kind", "code", "since", "due_at", "waited")
    if stands is not None and stands.ended is not None and all(getattr(stands, name) == row[name] for name in same):
        return
    if connection.execute(_DEAD_ALREADY, {"keys": [hold.object]}).first() is not None:
        return
    _PUT_HOLD(connection, row)


def end_hold(connection: Connection, change: EndHold) -> None:
    connection.execute(_END_HOLD, {"id": change.event_id, "how": str(change.ending), "moment": micros(change.at)})


def put_decision(connection: Connection, change: PutDecision) -> None:
    decision = change.decision
    _DECIDE(
        connection,
        {
            "event": decision.event_id,
            "norms": decision.norms,
            "verdict": int(decision.strictest),
            "at": micros(change.at),
            "body": msgspec.msgpack.encode(decision),
        },
    )
    if connection.execute(_ERASED, {"id": decision.event_id}).scalar() and not crossed(connection, decision.event_id):
        hush_decision(connection, decision.event_id)


def put_omission(connection: Connection, change: PutOmission) -> None:
    omission = change.omission
    _OMIT(connection, {"event": omission.event_id, "place": str(omission.place), "code": omission.code, "text": omission.text})
