"""A reply on Matrix is `m.in_reply_to`, a thread `m.thread` under its root; ours are `reply_to` and `thread`.

https://spec.matrix.org/v1.18/client-server-api/#threading. A root must not have a relation itself: Synapse 1.163 answers 400
"Cannot start threads from an event with a relation".
"""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.model.content.message import Message
from bridge.model.ids import MATRIX, Native, ObjectId
from bridge.refs import Refs
from protocols.matrix.translate.frame import Frame, Target, aim
from protocols.matrix.wire import Relation

__all__ = ["Standing", "read_relation", "write_relation"]

_HOPS = 5
"""How far up a chain of answers we look for a thread that the room itself knows."""


class Standing(msgspec.Struct, frozen=True):
    """Where in the conversation something was said. `native` is the room's own word for the thread's root; `answered` is what it answers,
    when a person chose to answer it (not what a client filled in)."""

    reply_to: ObjectId | None = None
    thread: ObjectId | None = None
    native: str | None = None
    answered: ObjectId | None = None
    answers: bool = False


def read_relation(frame: Frame, refs: Refs, relation: Relation | None) -> Standing:
    """Thread and parent. What belongs to another room, or is no event id, is as if it had not been said."""
    if relation is None:
        return Standing()
    parent = aim(frame, refs, relation.in_reply_to.event_id) if relation.in_reply_to is not None else None
    if relation.rel_type == "m.thread" and (root := aim(frame, refs, relation.event_id)) is not None:
        thread = _root_of(root)
        if parent is None or relation.is_falling_back:
            return Standing(root.id, thread, relation.event_id)
        return Standing(parent.id, thread, relation.event_id, parent.id, answers=True)
    if parent is None:
        return Standing(answers=relation.in_reply_to is not None)
    return Standing(parent.id, _root_of(parent), None, parent.id, answers=True)


def _root_of(target: Target) -> ObjectId:
    """The thread's root; for something that never crossed, itself."""
    if target.known is not None and target.known.thread is not None:
        return target.known.thread
    return target.id


def write_relation(message: Message, refs: Refs, room: Native) -> dict[str, Any] | None:
    """`m.relates_to` for a message in this room, None for a root."""
    if message.thread is None:
        return None
    parent = refs.copy(message.reply_to, room) if message.reply_to not in (None, message.thread) and message.reply_to else None
    root = refs.copy(message.thread, room) or _root_known_here(message, refs, room)
    if root is None:
        # The root stayed elsewhere (its author never agreed to cross): answer the nearest thing this room has.
        return {"m.in_reply_to": {"event_id": parent}} if parent else None
    answered = parent if parent and parent != root else None
    return {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": answered is None,
        "m.in_reply_to": {"event_id": answered or refs.last_in_thread(message.thread, room) or root},
    }


def _root_known_here(message: Message, refs: Refs, room: Native) -> str | None:
    """The root as the room itself knows it, told by an ancestor that was said here: the root may never have crossed."""
    nearest = message.reply_to
    for _ in range(_HOPS):
        if nearest is None or nearest == message.thread:
            return None
        event = refs.current(nearest)
        if event is None:
            return None
        if event.place == room and event.provenance.native.protocol == MATRIX and event.provenance.thread:
            return event.provenance.thread
        nearest = event.content.reply_to if isinstance(event.content, Message) else None
    return None
