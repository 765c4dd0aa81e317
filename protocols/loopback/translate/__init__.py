"""The tables: every kind of deed we read, every kind of content we write; pure, and never raising for what a hall can send."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from bridge.errors import Malformed
from bridge.model.content import (
    Appointment,
    Boost,
    Command,
    Edit,
    Lock,
    Membership,
    Message,
    Notice,
    Profile,
    Reaction,
    Release,
    Report,
    Restoration,
    Retraction,
    Sanction,
    Setting,
    Sighting,
)
from bridge.model.ids import LOOPBACK, Native
from bridge.model.item import Item
from bridge.ports import Node
from bridge.refs import Ignored, Needs, Reading, Refs, Writing
from protocols.loopback import wire
from protocols.loopback.ids import is_name, is_talk
from protocols.loopback.translate import (
    appointment,
    boost,
    command,
    conversation,
    edit,
    lock,
    membership,
    message,
    notice,
    profile,
    reaction,
    release,
    report,
    restoration,
    retraction,
    sanction,
    setting,
    sighting,
)
from protocols.loopback.translate.frame import Frame

__all__ = ["read", "write"]


def read(body: bytes, received_at: datetime, refs: Refs, me: Node) -> Reading:
    """One deed as the hall told it. What is not understood is `Ignored`, refused by name where it broke a rule."""
    try:
        reading = _read(wire.decode(body, wire.Deed), received_at, refs, me)
    except Malformed as error:
        return Ignored(f"not a deed we can read: {error.private}", refused=True)
    return Needs(tuple(refs.missing)) if refs.missing else reading


def _read(raw: wire.Deed, received_at: datetime, refs: Refs, me: Node) -> Reading:
    if is_talk(raw.room):
        return conversation.read(raw, received_at, refs, me)
    channel = refs.channel(Native(LOOPBACK, raw.room))
    if channel is None:
        return Ignored("this room is linked to no community")
    frame = Frame(me=me, raw=raw, channel=channel, received_at=received_at)
    if not is_name(raw.by.id):
        return sighting.read(frame)
    match raw.act:
        case wire.Say() as act:
            return message.read(frame, act, refs)
        case wire.Revise() as act:
            return edit.read(frame, act, refs)
        case wire.TakeBack() as act:
            return retraction.read(frame, act, refs)
        case wire.React() as act:
            return reaction.read(frame, act, refs)
        case wire.Boost() as act:
            return boost.read(frame, act, refs)
        case wire.Come() as act:
            return membership.read(frame, act, refs)
        case wire.Face() as act:
            return profile.read(frame, act)
        case wire.Arrange() as act:
            return setting.read(frame, act)
        case wire.Expel() as act:
            return sanction.read(frame, act, refs)
        case wire.Close() as act:
            return lock.read(frame, act, refs)
        case _:
            assert_never(raw.act)


def write(item: Item, refs: Refs, me: Node) -> Writing:
    """What the hall is asked to do for this item; the same item gives the same bytes."""
    writing = _write(item, refs, me)
    return Needs(tuple(refs.missing)) if refs.missing else writing


def _write(item: Item, refs: Refs, me: Node) -> Writing:
    content = item.event.content
    match content:
        case Message():
            return message.write(item, content, refs, me)
        case Edit():
            return edit.write(item, content, refs, me)
        case Retraction():
            return retraction.write(item, content, refs, me)
        case Reaction():
            return reaction.write(item, content, refs, me)
        case Boost():
            return boost.write(item, content, refs, me)
        case Membership():
            return membership.write(item, content, refs, me)
        case Profile():
            return profile.write(item, content, refs, me)
        case Command():
            return command.write(item)
        case Release():
            return release.write(item)
        case Setting():
            return setting.write(item)
        case Report():
            return report.write(item)
        case Sighting():
            return sighting.write(item)
        case Notice():
            return notice.write(item, content, refs, me)
        case Sanction():
            return sanction.write(item, content, refs, me)
        case Lock():
            return lock.write(item, content, refs, me)
        case Restoration():
            return restoration.write(item)
        case Appointment():
            return appointment.write(item)
        case _:
            assert_never(content)
