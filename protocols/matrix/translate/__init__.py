"""The tables: every kind of matrix event we read, every kind of content we write; pure, and never raising for what a peer can send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item
from bridge.refs import Ignored, Needs, Reading, Refs, Writing
from protocols.matrix.ids import Me, is_user_id
from protocols.matrix.translate import (
    appointment,
    boost,
    command,
    conversation,
    edit,
    lock,
    membership,
    message,
    notice,
    poll,
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
from protocols.matrix.translate.frame import Frame
from protocols.matrix.wire import MatrixEvent, decode

__all__ = ["READERS", "read", "write"]

READERS: Mapping[str, Callable[[Frame, Refs], Reading]] = {
    "m.room.message": message.read,
    "m.sticker": message.read,
    **dict.fromkeys(poll.EVENT_TYPES, poll.read),
    "m.reaction": reaction.read,
    "m.room.redaction": retraction.read,
    "m.room.member": membership.read,
    "m.room.join_rules": setting.read,
    "m.room.history_visibility": setting.read,
    "m.room.encryption": setting.read,
    "m.room.name": setting.read,
    "m.room.tombstone": setting.read_tombstone,
}

_STATE = frozenset(
    kind for kind in READERS if kind not in {"m.room.message", "m.sticker", *poll.EVENT_TYPES, "m.reaction", "m.room.redaction"}
)


def read(body: bytes, received_at: datetime, refs: Refs, me: Me) -> Reading:
    """One event as the homeserver sent it. What is not understood is `Ignored`, refused by name where it broke a rule."""
    try:
        raw: MatrixEvent = decode(body, MatrixEvent)
        reading = _read(raw, received_at, refs, me)
    except Malformed as error:
        return Ignored(f"not a matrix event we can read: {error.private}", refused=True)
    return Needs(tuple(refs.missing)) if refs.missing else reading


def _read(raw: MatrixEvent, received_at: datetime, refs: Refs, me: Me) -> Reading:
    if not is_user_id(raw.sender) or not raw.room_id.startswith("!") or not raw.event_id.startswith("$"):
        return Ignored("an event without sender, room or id", refused=True)
    if raw.type == "m.room.encrypted":
        return Ignored("encrypted words: this bridge cannot read them and does not try")
    room = Native(MATRIX, raw.room_id)
    channel = refs.channel(room)
    if channel is None:
        return _elsewhere(raw, received_at, refs, me)
    reader = READERS.get(raw.type)
    if reader is None:
        return Ignored(f"matrix events of the type {raw.type[:100]} do not cross")
    if (raw.state_key is not None) != (raw.type in _STATE):
        return Ignored("a message as state, or state as a message", refused=True)
    frame = Frame(me=me, raw=raw, channel=channel, received_at=received_at)
    if me.is_ours(raw.sender) and raw.type != "m.room.member":
        return sighting.read(frame, refs)
    return reader(frame, refs)


def _elsewhere(raw: MatrixEvent, received_at: datetime, refs: Refs, me: Me) -> Reading:
    """A room of no community: the bot's conversation with somebody, or none of our business."""
    owner = refs.owner_of(Native(MATRIX, raw.room_id))
    if owner is None and raw.type == "m.room.member":
        return conversation.invited(raw, received_at, refs, me)
    if owner is None:
        return Ignored("this room is linked to no community")
    return conversation.read(raw, received_at, owner, refs, me)


def write(item: Item, refs: Refs, me: Me) -> Writing:
    """What has to be asked of the homeserver for this item, in our own words (`translate/outgoing.py`)."""
    writing = _write(item, refs, me)
    return Needs(tuple(refs.missing)) if refs.missing else writing


def _write(item: Item, refs: Refs, me: Me) -> Writing:
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
            return boost.write(item)
        case Membership():
            return membership.write(item)
        case Profile():
            return profile.write(content, refs)
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
            return lock.write(item)
        case Restoration():
            return restoration.write(item)
        case Appointment():
            return appointment.write(item)
        case _:
            assert_never(content)
