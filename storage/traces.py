"""Finds the rows of the log that still name somebody, so that they can be erased one bounded list at a time."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, LargeBinary, bindparam, select

from bridge.model.content import Appointment, Edit, Membership, Message, Notice, Profile, Sanction
from bridge.model.event import Event, decode
from bridge.model.ids import OURS, EventId, ItemId, Native
from bridge.model.record import Traces
from bridge.norms.decision import Decision
from storage.changes.outgoing import decode_item
from storage.dialect import holds_bytes
from storage.schema import dead, decisions, events, out

__all__ = ["traces_of"]

_WINDOW = 200

_NEEDLE = bindparam("needle", type_=LargeBinary())
_EVENTS = (
    select(events.c.seq, events.c.id, events.c.body)
    .where(events.c.body.is_not(None), events.c.ended.is_not(None), events.c.seq > bindparam("after"), holds_bytes(events.c.body, _NEEDLE))
    .order_by(events.c.seq)
    .limit(_WINDOW)
)
_ITEMS = (
    select(out.c.seq, out.c.item, out.c.body)
    .where(out.c.body.is_not(None), out.c.seq > bindparam("after"), holds_bytes(out.c.body, _NEEDLE))
    .order_by(out.c.seq)
    .limit(_WINDOW)
)
_LETTERS = (
    select(dead.c.id.label("seq"), dead.c.item, dead.c.body)
    .where(dead.c.body.is_not(None), dead.c.id > bindparam("after"), holds_bytes(dead.c.body, _NEEDLE))
    .order_by(dead.c.id)
    .limit(_WINDOW)
)
_DECISIONS = (
    select(decisions.c.event, decisions.c.body)
    .where(decisions.c.event > bindparam("after"), holds_bytes(decisions.c.body, _NEEDLE))
    .order_by(decisions.c.event)
    .limit(_WINDOW)
)


def traces_of(connection: Connection, person: Native, limit: int) -> Traces:
    """At most `limit` of each kind. Words of others that mention them are those others' words, and are not among them."""
    needle = person.id.encode()
    found_events: list[EventId] = []
    found_items: dict[ItemId, None] = {}
    after = 0
    while len(found_events) < limit and (rows := connection.execute(_EVENTS, {"needle": needle, "after": after}).all()):
        found_events += [EventId(row.id) for row in rows if _concerns(decode(row.body), person)]
        after = rows[-1].seq
    for statement in (_ITEMS, _LETTERS):
        after = 0
        while len(found_items) < limit and (rows := connection.execute(statement, {"needle": needle, "after": after}).all()):
            for row in rows:
                item = decode_item(row.body)
                if item.by == person or _concerns(item.event, person):
                    found_items[ItemId(row.item)] = None
            after = rows[-1].seq
    told: list[EventId] = []
    last = ""
    while len(told) < limit and (judged := connection.execute(_DECISIONS, {"needle": needle, "after": last}).all()):
        for event, body in judged:
            if any(tell.to == person for tell in msgspec.msgpack.decode(body, type=Decision).tells):
                told.append(EventId(event))
        last = judged[-1].event
    return Traces(tuple(found_events[:limit]), tuple(found_items)[:limit], tuple(told[:limit]))


def _concerns(event: Event, person: Native) -> bool:
    """A card of the moderators that has their address in it is about something of theirs."""
    if event.author.native == person or (event.author.native.protocol == OURS and isinstance(event.content, Message | Edit)):
        return True
    match event.content:
        case Notice(to=to):
            return to == person
        case Membership(subject=subject):
            return subject == person
        case Sanction(whom=whom) | Appointment(whom=whom):
            return whom == person
        case Profile(actor=actor):
            return actor.native == person
        case _:
            return False
