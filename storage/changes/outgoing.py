"""OUT: an item is stored once, whoever hears it; what is taken back reaches everyone who ever got it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from sqlalchemy import ColumnElement, Connection, Update, bindparam, exists, func, insert, or_, select, union_all, update

from bridge.changes import AppendItem, PutDead, Requeue
from bridge.model.content import Edit, Retraction, tag_of
from bridge.model.item import Item
from storage.changes.lanes import destination_id, roster_id, wake
from storage.columns import micros
from storage.dialect import once
from storage.heads import take
from storage.schema import NEVER, dead, hearing, lanes, objects, out, out_roster, out_to, reach, reach_to, seen, tombstones

__all__ = ["append_items", "decode_item", "erase_passed", "put_dead", "requeue", "still_needed"]

_LASTING = frozenset({"message", "edit", "reaction", "boost"})
"""What can be taken back, so whose receivers must be remembered longer than the log."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)

_KNOWN = union_all(
    select(out.c.item).where(out.c.item.in_(bindparam("items", expanding=True)), out.c.again == 0),
    select(seen.c.key).where(seen.c.stream == "out", seen.c.key.in_(bindparam("items", expanding=True))),
)
_TAKEN_BACK = select(tombstones.c.key).where(tombstones.c.key.in_(bindparam("keys", expanding=True)))
_PUT = insert(out)
_PUT_ROSTER = insert(out_roster)
_REACH = once(reach)
_REACH_TO = once(reach_to)
_OUT_TO = once(out_to)
_REACHED = select(reach.c.roster, reach.c.first_seq).where(reach.c.subject == bindparam("subject"), reach.c.place == bindparam("place"))
_REACHED_TO = select(reach_to.c.destination).where(reach_to.c.subject == bindparam("subject"), reach_to.c.place == bindparam("place"))
_SAID_BY = select(objects.c.id).where(objects.c.author == bindparam("author"))
_KNEW = (
    select(reach.c.roster, func.min(reach.c.first_seq))
    .where(reach.c.place == bindparam("place"), reach.c.subject.in_(_SAID_BY))
    .group_by(reach.c.roster)
)
_KNEW_TO = select(reach_to.c.destination).where(reach_to.c.place == bindparam("place"), reach_to.c.subject.in_(_SAID_BY)).distinct()
_LEFT_SINCE = select(hearing.c.destination).where(
    hearing.c.roster == bindparam("roster"), hearing.c.until_seq >= bindparam("first"), hearing.c.until_seq < NEVER
)
_DEAD = select(dead).where(dead.c.id == bindparam("number"))
_DEAD_LETTER = select(dead.c.id, dead.c.at, dead.c.requeued_at).where(
    dead.c.item == bindparam("item"), dead.c.destination == bindparam("destination")
)
_DIES_AGAIN = (
    update(dead)
    .where(dead.c.id == bindparam("number"))
    .values(why=bindparam("because"), gone=bindparam("ended"), attempts=bindparam("tries"), at=bindparam("moment"), requeued_at=None)
)
_REQUEUED = update(dead).where(dead.c.id == bindparam("number")).values(requeued_at=bindparam("moment"))


def still_needed() -> ColumnElement[bool]:
    """Is an awake lane that hears this row of OUT still before it?"""
    waiting = (lanes.c.urgent == out.c.urgent, lanes.c.awake.is_not(None), lanes.c.cursor < out.c.seq)
    by_roster = exists(
        select(1)
        .select_from(
            out_roster.join(hearing, hearing.c.roster == out_roster.c.roster).join(lanes, lanes.c.destination == hearing.c.destination)
        )
        .where(out_roster.c.seq == out.c.seq, hearing.c.from_seq < out.c.seq, hearing.c.until_seq >= out.c.seq, *waiting)
        .correlate(out)
    )
    by_name = exists(
        select(1)
        .select_from(out_to.join(lanes, lanes.c.destination == out_to.c.destination))
        .where(out_to.c.seq == out.c.seq, *waiting)
        .correlate(out)
    )
    return or_(by_roster, by_name)


def _erase(*which: ColumnElement[bool]) -> Update:
    return update(out).where(out.c.taken_back.is_(True), out.c.body.is_not(None), *which, ~still_needed()).values(body=None)


_ERASE_ALL = _erase()
_ERASE_OF = _erase(or_(out.c.subject == bindparam("which"), out.c.object == bindparam("which")))


@lru_cache(maxsize=256)
def decode_item(body: bytes) -> Item:
    """Raises msgspec.ValidationError when the bytes are not an item. A fan-out reads the same bytes once for each server."""
    return _decoder.decode(body)


class _Written:
    """An item on its way into OUT: rosters and destinations that hear it, by our numbers."""

    def __init__(self, seq: int, item: Item, at: int) -> None:
        self.seq = seq
        self.item = item
        self.at = at
        self.kind = tag_of(item.event.content)
        self.subject = subject_of(item)
        self.heard: set[int] = set()
        self.extra: set[int] = set()


def subject_of(item: Item) -> str:
    """What a retraction of this would name: a reaction is taken back by its own id, not by that of what it is under."""
    return item.object if isinstance(item.event.content, Edit | Retraction) else item.event_id


def append_items(connection: Connection, changes: Sequence[AppendItem]) -> None:
    """In order; an event's items share their statements, and each roster is woken once."""
    known = set(connection.execute(_KNOWN, {"items": [change.item.id for change in changes]}).scalars())
    fresh: dict[str, AppendItem] = {}
    for change in changes:
        if change.item.id not in known:
            fresh.setdefault(change.item.id, change)
    if not fresh:
        return
    first = take(connection, "out", len(fresh))
    written = [_Written(seq, change.item, micros(change.at)) for seq, change in enumerate(fresh.values(), first)]
    subjects = sorted({name for each in written for name in (each.subject, each.item.object)})
    dead_ones = set(connection.execute(_TAKEN_BACK, {"keys": subjects}).scalars())
    connection.execute(_PUT, [_row(each, again=0, stays_dead=_stays_dead(each, dead_ones)) for each in written])
    for each in written:
        if each.item.roster is not None:
            each.heard.add(roster_id(connection, each.item.roster))
        each.extra.update(destination_id(connection, destination) for destination in each.item.to)
    _remember(connection, [each for each in written if each.kind in _LASTING])
    for each in written:
        if each.kind == "retraction" or each.item.reached:
            _widen(connection, each)
    _address(connection, written)


def _stays_dead(each: _Written, dead_ones: set[str]) -> bool:
    return each.kind != "retraction" and (each.subject in dead_ones or each.item.object in dead_ones)


def _remember(connection: Connection, written: Sequence[_Written]) -> None:
    named = [({"subject": each.subject, "place": str(each.item.place)}, each) for each in written]
    _REACH(connection, [{**name, "roster": roster, "first_seq": each.seq} for name, each in named for roster in each.heard])
    _REACH_TO(connection, [{**name, "destination": where} for name, each in named for where in each.extra])


def _address(connection: Connection, written: Sequence[_Written]) -> None:
    """Who hears it, and every lane that slept is awake."""
    heard = [{"roster": roster, "urgent": each.item.urgent, "seq": each.seq} for each in written for roster in sorted(each.heard)]
    if heard:
        connection.execute(_PUT_ROSTER, heard)
    extra = [{"destination": where, "urgent": each.item.urgent, "seq": each.seq} for each in written for where in sorted(each.extra)]
    _OUT_TO(connection, extra)
    woken: set[tuple[int, bool]] = set()
    for each in written:
        fresh = [roster for roster in sorted(each.heard) if (roster, each.item.urgent) not in woken]
        woken.update((roster, each.item.urgent) for roster in fresh)
        wake(connection, each.seq, fresh, urgent=each.item.urgent, extra=bool(each.extra))


def _widen(connection: Connection, each: _Written) -> None:
    """Adds the rosters and destinations that got an item of this object before, or of a face that ended, anything its person said; those who
    left since are named one by one.

    Without `reached` a retraction goes only to its own roster, but to those who left it too.
    """
    named = {"subject": each.subject, "place": str(each.item.place)}
    reached, reached_to = _REACHED, _REACHED_TO
    if each.kind == "profile":
        named = {"author": str(each.item.event.author.native), "place": str(each.item.place)}
        reached, reached_to = _KNEW, _KNEW_TO
    for roster, first in connection.execute(reached, named).all():
        if each.item.reached:
            each.heard.add(roster)
        elif roster not in each.heard:
            continue
        each.extra.update(connection.execute(_LEFT_SINCE, {"roster": roster, "first": first}).scalars())
    if each.item.reached:
        each.extra.update(connection.execute(reached_to, named).scalars())


def _row(each: _Written, *, again: int, stays_dead: bool) -> dict[str, object]:
    item = each.item
    return {
        "seq": each.seq,
        "item": item.id,
        "again": again,
        "event": item.event_id,
        "object": item.object,
        "subject": each.subject,
        "community": item.community,
        "place": str(item.place),
        "form": item.form,
        "kind": each.kind,
        "urgent": item.urgent,
        "at": each.at,
        "taken_back": stays_dead,
        "body": None if stays_dead else _encoder.encode(item),
    }


def erase_passed(connection: Connection, object_id: str | None = None) -> int:
    """Bodies of what was taken back, once no awake lane that hears them is still before them. The number erased."""
    if object_id is None:
        return connection.execute(_ERASE_ALL).rowcount
    return connection.execute(_ERASE_OF, {"which": object_id}).rowcount


def put_dead(connection: Connection, change: PutDead) -> None:
    item = change.item
    where = destination_id(connection, change.destination)
    at = micros(change.at)
    before = connection.execute(_DEAD_LETTER, {"item": item.id, "destination": where}).first()
    if before is not None:
        if before.requeued_at is not None and before.at < at:
            told = {"because": change.dead.why, "ended": change.dead.gone, "tries": change.attempts, "moment": at}
            connection.execute(_DIES_AGAIN, {"number": before.id, **told})
        return
    kind = tag_of(item.event.content)
    subject = subject_of(item)
    stays_dead = kind != "retraction" and connection.execute(_TAKEN_BACK, {"keys": [subject, item.object]}).first() is not None
    row = {
        "id": take(connection, "dead"),
        "item": item.id,
        "event": item.event_id,
        "subject": subject,
        "kind": kind,
        "form": item.form,
        "urgent": item.urgent,
        "destination": where,
        "why": change.dead.why,
        "gone": change.dead.gone,
        "attempts": change.attempts,
        "at": at,
        "requeued_at": None,
        "body": None if stays_dead else _encoder.encode(item),
    }
    connection.execute(insert(dead), row)


def requeue(connection: Connection, change: Requeue) -> None:
    """At the end of that one destination's lane. Nothing happens when it was sent again already, or was taken back."""
    letter = connection.execute(_DEAD, {"number": change.dead_letter}).first()
    if letter is None or letter.requeued_at is not None or letter.body is None:
        return
    item = decode_item(letter.body)
    at = micros(change.at)
    seq = take(connection, "out")
    connection.execute(_PUT, _row(_Written(seq, item, at), again=seq, stays_dead=False))
    _OUT_TO(connection, {"destination": letter.destination, "urgent": item.urgent, "seq": seq})
    wake(connection, seq, (), urgent=item.urgent, extra=True)
    connection.execute(_REQUEUED, {"number": letter.id, "moment": at})
