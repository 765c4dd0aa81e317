"""In a hall this is a `boost`, shown under what it passes on; on the fediverse a person's Announce; here a Boost."""

from __future__ import annotations

from bridge.model.content.boost import Boost
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback import wire
from protocols.loopback.translate.frame import Frame, aim, make
from protocols.loopback.translate.outgoing import absent, act, ghost_for

__all__ = ["read", "write"]


def read(frame: Frame, boost: wire.Boost, refs: Refs) -> Reading:
    target = aim(frame, refs, boost.of)
    if target is None:
        return Ignored("a boost of something in another room", refused=True)
    return make(frame, Boost(target=target.id), about=boost.of)


def write(item: Item, boost: Boost, refs: Refs, me: Node) -> Wire | Omission:
    copy = refs.copy(boost.target, item.place)
    if copy is None:
        return absent(item, "boost")
    return act(item, wire.Boost(of=copy), ghost_for(item, refs), me)
