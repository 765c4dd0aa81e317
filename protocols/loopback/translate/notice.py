"""What the bridge says to one person: in a hall a `say` by the bot in their own talk, or only a neutral sign on a message. Never read."""

from __future__ import annotations

from bridge.model.content.message import Manner, Message
from bridge.model.content.notice import Notice
from bridge.model.ids import LOOPBACK, ObjectId
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Refs, Wire
from protocols.loopback.ids import is_talk, talk_with
from protocols.loopback.translate.outgoing import SPEAKER_OF_THE_HOUSE, absent, act
from protocols.loopback.translate.words import write_words
from protocols.loopback.wire import React, Say

__all__ = ["write"]


def write(item: Item, notice: Notice, refs: Refs, me: Node) -> Wire | Omission:
    """A notice without words is its sign; one to a community is said in the room it names."""
    said_here = notice.answer_in is not None and notice.answer_in.protocol == LOOPBACK
    if notice.to.protocol != LOOPBACK and not said_here:
        return Omission(item.event_id, item.place, "notice.elsewhere", "This person does not live in the built-in place.")
    if not notice.text:
        found = _where(item, notice.about, refs)
        if found is None:
            return absent(item, "sign")
        room, deed = found
        return act(item, React(of=deed, key=notice.sign), SPEAKER_OF_THE_HOUSE, me, room=room)
    answer_in = notice.answer_in
    room = answer_in.id if answer_in is not None and answer_in.protocol == LOOPBACK else talk_with(notice.to.id)
    say = Say(words=write_words(Message(text=notice.text, manner=Manner.NOTICE), refs))
    return act(item, say, SPEAKER_OF_THE_HOUSE, me, room=room)


def _where(item: Item, about: ObjectId | None, refs: Refs) -> tuple[str, str] | None:
    """Room and message the sign goes on. What stays in its room is no object of ours: the notice's own origin tells where it is."""
    known = refs.object(about) if about is not None else None
    if known is not None:
        return (known.place.id, known.native.id) if known.place.protocol == LOOPBACK else None
    born, place = item.event.provenance.native, item.event.place
    if born.protocol == LOOPBACK and place.protocol == LOOPBACK and not is_talk(place.id):
        return place.id, born.id
    return None
