"""In a hall this is a `say`, in a thread one that names its root; here it is a Message, or a Command when it begins with a word of ours."""

from __future__ import annotations

import msgspec

from bridge.model.content.message import Message
from bridge.model.ids import Native, ObjectId
from bridge.model.item import Item
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate import command
from protocols.loopback.translate.frame import Frame, Target, aim, make
from protocols.loopback.translate.outgoing import act, ghost_for
from protocols.loopback.translate.words import read_words, write_words
from protocols.loopback.wire import Say

__all__ = ["read", "write"]


class _Standing(msgspec.Struct, frozen=True):
    """Where in the conversation it was said."""

    reply_to: ObjectId | None = None
    thread: ObjectId | None = None


def read(frame: Frame, say: Say, refs: Refs) -> Reading:
    standing = _standing(frame, say, refs)
    message = read_words(say.words, refs, reply_to=standing.reply_to, thread=standing.thread)
    order = command.asked(message)
    if order is not None:
        return command.read(frame, refs, order, say.reply_to)
    if message.is_empty:
        return Ignored("a message without words")
    return make(frame, message, thread=say.thread or None)


def _standing(frame: Frame, say: Say, refs: Refs) -> _Standing:
    """Parent and root; an answer outside a thread begins or continues the thread of what it answers."""
    parent = aim(frame, refs, say.reply_to)
    root = aim(frame, refs, say.thread)
    if root is not None:
        return _Standing((parent or root).id, _root_of(root))
    return _Standing(parent.id, _root_of(parent)) if parent is not None else _Standing()


def _root_of(target: Target) -> ObjectId:
    return target.known.thread if target.known is not None and target.known.thread is not None else target.id


def write(item: Item, message: Message, refs: Refs, me: Node) -> Wire:
    """Under the copies of its root and of what it answers, as far as the room has them."""
    say = Say(
        words=write_words(message, refs),
        reply_to=_copy(message.reply_to, refs, item.place),
        thread=_copy(message.thread, refs, item.place),
    )
    return act(item, say, ghost_for(item, refs), me)


def _copy(object_id: ObjectId | None, refs: Refs, room: Native) -> str:
    return (refs.copy(object_id, room) or "") if object_id is not None else ""
