"""On Matrix this is an `m.room.message` or an `m.sticker`, in a thread an `m.thread` relation; here it is a Message.

https://spec.matrix.org/v1.18/client-server-api/#mroommessage. Words that begin with a word of the bridge's own vocabulary are a Command.
"""

from __future__ import annotations

from typing import Any

from bridge.model.content.message import Message
from bridge.model.item import Item
from bridge.refs import Ignored, Needs, Reading, Refs, Wire
from protocols.matrix.ids import Me
from protocols.matrix.translate import command, edit
from protocols.matrix.translate.body import outside, read_body, whereabouts, write_body
from protocols.matrix.translate.frame import Frame, author_of, make
from protocols.matrix.translate.location import write_location
from protocols.matrix.translate.media import Show, file_of, is_media
from protocols.matrix.translate.outgoing import ghost_for, mark_of, send, show
from protocols.matrix.translate.relation import read_relation, write_relation
from protocols.matrix.translate.words import read_words
from protocols.matrix.wire import MessageContent, decode

__all__ = ["EVENT_TYPE", "read", "write"]

EVENT_TYPE = "m.room.message"


def read(frame: Frame, refs: Refs) -> Reading:
    content = decode(frame.raw.content, MessageContent)
    msgtype = "m.sticker" if frame.raw.type == "m.sticker" else content.msgtype
    if not msgtype:
        return Ignored("a message without a kind: it was taken back, or was never whole")
    if msgtype == "m.key.verification.request":
        return Ignored("a request to verify a device is between two clients")
    relation = content.relates_to
    if relation is not None and relation.rel_type == "m.replace":
        return edit.read(frame, refs, content)
    standing, author = read_relation(frame, refs, relation), author_of(frame, refs)
    if refs.missing:
        return Needs(tuple(refs.missing))  # before the words, which would be read twice
    words = read_words(content, frame.me, refs, answers=standing.answers)
    if not is_media(msgtype) and (asked := command.asked(words, frame.me)) is not None:
        answered = relation.in_reply_to if relation is not None and standing.answered is not None else None
        return command.read(frame, refs, asked, standing.answered, answered.event_id if answered is not None else None)
    message = read_body(frame, content, msgtype, words, standing)
    if message.is_empty:
        return Ignored("a message without words")
    return make(frame, message, author, mark=content.mark, thread=standing.native)


def write(item: Item, message: Message, refs: Refs, me: Me) -> Wire | Needs:
    relation = write_relation(message, refs, item.place)
    speaker = ghost_for(item, refs, me)
    if refs.missing:
        return Needs(tuple(refs.missing))  # before the words, which would be written twice
    related: dict[str, Any] = {"m.relates_to": relation} if relation is not None else {}
    alone = not (message.text or message.title or message.attachments or message.note)
    if alone and message.location is not None and (place := write_location(message.location)) is not None:
        return send(EVENT_TYPE, {**place, **outside(item.event), **mark_of(item, me), **related}, speaker)
    words = {**write_body(message, item.event, refs, me), **mark_of(item, me), **related}
    if not message.attachments:
        return send(EVENT_TYPE, words, speaker)
    silent = not (message.text or message.title or message.location)
    url, beside = whereabouts(item.event), outside(item.event)
    files = tuple(
        file_of(message, number, attachment, me, refs, url=url, more={**beside, **mark_of(item, me, number, attachment.url), **related})
        for number, attachment in enumerate(message.attachments, start=0 if silent else 1)
    )
    return show(Show(words=None if silent else words, files=files), speaker)
