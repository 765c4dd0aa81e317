"""In a hall this is a `take_back` of a message, a reaction or a boost; here it is a Retraction."""

from __future__ import annotations

from bridge.model.content.retraction import Retraction
from bridge.model.ids import LOOPBACK, Native
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, aim, make, one_line
from protocols.loopback.translate.outgoing import SPEAKER_OF_THE_HOUSE, absent, act, ghost_for
from protocols.loopback.wire import TakeBack

__all__ = ["read", "write"]


def read(frame: Frame, take_back: TakeBack, refs: Refs) -> Reading:
    """`moderator`: the hall let somebody else take it back, so they are a host of the room."""
    target = aim(frame, refs, take_back.of)
    if target is None:
        return Ignored("something of another room was taken back", refused=True)
    author = target.known.author if target.known is not None else Native(LOOPBACK, take_back.author)
    mine = author == Native(LOOPBACK, frame.raw.by.id)
    return make(frame, Retraction(target=target.id, reason=one_line(take_back.reason, 500), moderator=not mine))


def write(item: Item, retraction: Retraction, refs: Refs, me: Node) -> Wire | Omission:
    """By the account that said it; what somebody of this room said, only the bot can take back."""
    copy = refs.copy(retraction.target, item.place)
    if copy is None:
        return absent(item, "retraction")
    known = refs.object(retraction.target)
    if known is not None and known.place == item.place:
        speaker: Native | None = SPEAKER_OF_THE_HOUSE
    else:
        speaker = ghost_for(item, refs, known.author if known is not None else None)
    return act(item, TakeBack(of=copy, reason=retraction.reason), speaker, me)
