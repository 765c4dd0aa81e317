"""In a hall this is a `revise` with the whole new words; here it is an Edit."""

from __future__ import annotations

from bridge.model.content.edit import Edit
from bridge.model.ids import LOOPBACK, Native
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, aim, make
from protocols.loopback.translate.outgoing import absent, act, ghost_for
from protocols.loopback.translate.words import read_words, write_words
from protocols.loopback.wire import Revise

__all__ = ["read", "write"]


def read(frame: Frame, revise: Revise, refs: Refs) -> Reading:
    """An edit of what we do not know is passed on: it may be waiting, and whoever holds it knows its author."""
    target = aim(frame, refs, revise.of)
    if target is None:
        return Ignored("an edit of something in another room", refused=True)
    known = target.known
    if known is not None and known.author != Native(LOOPBACK, frame.raw.by.id):
        return Ignored("an edit by somebody who did not write it", refused=True)
    reply_to, thread = (known.reply_to, known.thread) if known is not None else (None, None)
    message = read_words(revise.words, refs, reply_to=reply_to, thread=thread)
    if message.is_empty:
        return Ignored("an edit without new words")
    return make(frame, Edit(target=target.id, message=message))


def write(item: Item, edit: Edit, refs: Refs, me: Node) -> Wire | Omission:
    copy = refs.copy(edit.target, item.place)
    if copy is None:
        return absent(item, "edit")
    return act(item, Revise(of=copy, words=write_words(edit.message, refs)), ghost_for(item, refs), me)
