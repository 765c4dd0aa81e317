"""On Matrix this is an `m.room.message` with an `m.replace` relation and `m.new_content`; here it is an Edit.

https://spec.matrix.org/v1.18/client-server-api/#event-replacements. Synapse 1.163 accepts an edit of somebody else's event and only leaves it
out of aggregations, so the sender is compared here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.model.content.edit import Edit
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.matrix.ids import Me
from protocols.matrix.translate.body import read_body, write_body
from protocols.matrix.translate.frame import Frame, aim, author_of, make
from protocols.matrix.translate.outgoing import absent, ghost_for, mark_of, send
from protocols.matrix.translate.relation import Standing
from protocols.matrix.translate.words import HTML, read_words
from protocols.matrix.wire import MatrixEvent, MessageContent, dump

__all__ = ["newest", "read", "write"]


class _Bundle(msgspec.Struct):
    replace: MatrixEvent | None = msgspec.field(name="m.replace", default=None)


class _Bundled(msgspec.Struct):
    relations: _Bundle | None = msgspec.field(name="m.relations", default=None)


class _Edited(msgspec.Struct):
    sender: str = ""
    content: dict[str, Any] = {}
    unsigned: _Bundled | None = None


class _Replacement(msgspec.Struct):
    new: dict[str, Any] | None = msgspec.field(name="m.new_content", default=None)


def newest(body: bytes) -> bytes:
    """An event asked for again, with the words it has now: the homeserver bundles its latest edit and leaves its content as it was.

    https://spec.matrix.org/v1.18/client-server-api/#server-side-aggregation-of-mreplace-relationships
    """
    try:
        seen = msgspec.json.decode(body, type=_Edited)
        relations = seen.unsigned.relations if seen.unsigned is not None else None
        replaced = relations.replace if relations is not None else None
        if replaced is None or replaced.sender != seen.sender:
            return body
        content = msgspec.json.decode(replaced.content, type=_Replacement).new
        whole = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if content is None:
        return body
    if "m.relates_to" in seen.content:
        content["m.relates_to"] = seen.content["m.relates_to"]
    return dump({**whole, "content": content})


def read(frame: Frame, refs: Refs, content: MessageContent) -> Reading:
    """An edit of what we do not know is passed on: it may be waiting, and whoever holds it knows its author."""
    new = content.new_content
    if new is None or content.relates_to is None:
        return Ignored("an edit without new words", refused=True)
    target = aim(frame, refs, content.relates_to.event_id)
    if target is None:
        return Ignored("an edit of something in another room", refused=True)
    known = target.known
    if known is not None and known.author != Native(MATRIX, frame.raw.sender):
        return Ignored("an edit by somebody who did not write it", refused=True)
    words = read_words(new, frame.me, refs, answers=known is not None and known.reply_to is not None)
    standing = Standing(known.reply_to, known.thread) if known is not None else Standing()
    message = read_body(frame, new, new.msgtype or content.msgtype, words, standing)
    if not message.text:
        return Ignored("an edit without new words")
    return make(frame, Edit(target=target.id, message=message), author_of(frame, refs), mark=content.mark)


def write(item: Item, edit: Edit, refs: Refs, me: Me) -> Wire | Omission:
    """Sent without a time of its own: the newest `origin_server_ts` wins, and the homeserver's clock only goes forward."""
    copy = refs.copy(edit.target, item.place)
    if copy is None:
        return absent(item, "edit")
    new = write_body(edit.message, item.event, refs, me)
    # Who was notified of the first form is not notified again: the outer mentions stay empty.
    outer = {**new, "body": f"* {new['body']}", "m.mentions": {}}
    if "formatted_body" in new:
        outer |= {"format": HTML, "formatted_body": f"* {new['formatted_body']}"}
    outer |= {"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": copy}, **mark_of(item, me)}
    return send("m.room.message", outer, ghost_for(item, refs))
