"""On Matrix these are the state events that say who may enter, who may read back, and what a room is called; here a Setting.

https://spec.matrix.org/v1.18/client-server-api/#room-events. A state event only tells that something changed: what holds now is asked of the
homeserver (`adapter.fetch`), so two quick changes cannot be read in the wrong order and leave a closed room open.
"""

from __future__ import annotations

import msgspec

from bridge.model.content.setting import Setting
from bridge.model.item import Item, Omission
from bridge.model.place import History, Join, Openness
from bridge.refs import Ignored, Reading, Refs
from protocols.htmltree import scrub
from protocols.matrix.translate.frame import Frame, author_of, make
from protocols.matrix.wire import StateContent, decode

__all__ = ["PREDECESSOR", "STATE", "RoomFacts", "openness_of", "read", "read_tombstone", "write"]

STATE = "matrix-room:"
"""`document` needs with this prefix and a room id: the room's RoomFacts as JSON."""
PREDECESSOR = "matrix-predecessor:"
"""`document` needs with this prefix and a room id: the room that one says it replaces, as text."""


class RoomFacts(msgspec.Struct):
    """What a room's state says now; a missing value is the closed one."""

    join: str = "invite"
    history: str = "joined"
    encrypted: bool = False
    name: str = ""


_facts = msgspec.json.Decoder(RoomFacts)


def openness_of(facts: RoomFacts) -> Openness:
    """Unknown words count as closed: a join rule of tomorrow must not open a room today."""
    joins = {"public": Join.PUBLIC, "knock": Join.KNOCK, "restricted": Join.RESTRICTED, "knock_restricted": Join.RESTRICTED}
    histories = {"world_readable": History.WORLD, "shared": History.SHARED, "invited": History.INVITED}
    return Openness(joins.get(facts.join, Join.INVITE), histories.get(facts.history, History.JOINED), facts.encrypted)


def read(frame: Frame, refs: Refs) -> Reading:
    if frame.raw.state_key != "":
        return Ignored("a setting of the room under a key that no room uses", refused=True)
    if frame.raw.type == "m.room.name":
        content: StateContent = decode(frame.raw.content, StateContent)
        name = " ".join(scrub(content.name or "").split())[:255]
        return make(frame, Setting(name=name), author_of(frame, refs))
    document = refs.document(f"{STATE}{frame.raw.room_id}")
    facts = _facts.decode(document) if document is not None else RoomFacts()
    return make(frame, Setting(openness=openness_of(facts)), author_of(frame, refs))


def read_tombstone(frame: Frame, refs: Refs) -> Reading:
    """Followed only when the new room itself names this one as its predecessor (matrix.md S2: CVE-2021-32659)."""
    if frame.raw.state_key != "":
        return Ignored("a tombstone under a key that no room uses", refused=True)
    content: StateContent = decode(frame.raw.content, StateContent)
    successor = content.replacement_room or ""
    if not successor.startswith("!") or len(successor.encode()) > 255:
        return Ignored("a tombstone that names no room", refused=True)
    document = refs.document(f"{PREDECESSOR}{successor}")
    if document is None or document.decode("utf-8", "replace") != frame.raw.room_id:
        return Ignored("a tombstone to a room that does not call this one its predecessor; a person has to link the new room", refused=True)
    return make(frame, Setting(successor=successor), author_of(frame, refs))


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "setting.not_carried", "A room's settings are for the people in it to choose.")
