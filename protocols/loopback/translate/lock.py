"""In a hall this is a `close` of a conversation by a host of the room, or its opening; on the fediverse a Lock; here a Lock too."""

from __future__ import annotations

from bridge.model.content.lock import Lock
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, aim, make, one_line
from protocols.loopback.translate.outgoing import SPEAKER_OF_THE_HOUSE, absent, act
from protocols.loopback.wire import Close

__all__ = ["read", "write"]


def read(frame: Frame, close: Close, refs: Refs) -> Reading:
    """The hall let them, so they are a host of the room."""
    target = aim(frame, refs, close.of)
    if target is None:
        return Ignored("a conversation of another room was closed", refused=True)
    return make(frame, Lock(target.id, locked=not close.opened, reason=one_line(close.reason, 500)), about=close.of)


def write(item: Item, lock: Lock, refs: Refs, me: Node) -> Wire | Omission:
    copy = refs.copy(lock.target, item.place)
    if copy is None:
        return absent(item, "lock")
    return act(item, Close(of=copy, opened=not lock.locked, reason=lock.reason), SPEAKER_OF_THE_HOUSE, me)
