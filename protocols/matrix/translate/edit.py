"""On Matrix this is an `m.room.message` with an `m.replace` relation and `m.new_content`; here it is an Edit.

https://spec.matrix.org/v1.18/client-server-api/#event-replacements. Synapse 1.163 accepts an edit of somebody else's event and only leaves it
out of aggregations, so the sender is compared here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.model.content.edit import Edit
from bridge.model.content.message import Message
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.matrix.ids import Me
from protocols.matrix.translate.body import outside, read_body, whereabouts, write_body
from protocols.matrix.translate.frame import Frame, aim, author_of, make
from protocols.matrix.translate.media import File, Gone, Show, file_of
from protocols.matrix.translate.outgoing import absent, ghost_for, mark_of, send, show
from protocols.matrix.translate.relation import Standing, write_relation
from protocols.matrix.translate.words import HTML, read_words
from protocols.matrix.wire import MatrixEvent, MessageContent, dump

__all__ = ["newest", "read", "replacing", "write"]


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
    if message.is_empty:
        return Ignored("an edit without new words")
    return make(frame, Edit(target=target.id, message=message), author_of(frame, refs), mark=content.mark)


def write(item: Item, edit: Edit, refs: Refs, me: Me) -> Wire | Omission:
    """Sent without a time of its own: the newest `origin_server_ts` wins, and the homeserver's clock only goes forward."""
    copy = refs.copy(edit.target, item.place)
    if copy is None:
        return absent(item, "edit")
    parts = refs.parts(edit.target, item.place)
    if parts or edit.message.attachments:
        return show(_files(item, edit, refs, me, copy), ghost_for(item, refs, me))
    words = replacing(write_body(edit.message, item.event, refs, me), copy)
    return send("m.room.message", {**words, **mark_of(item, me)}, ghost_for(item, refs, me))


def replacing(new: dict[str, Any], event: str) -> dict[str, Any]:
    """The newer form of one event, with what clients show that do not know edits."""
    # Who was notified of the first form is not notified again: the outer mentions stay empty.
    outer = {**new, "body": f"* {new['body']}", "m.mentions": {}}
    if "formatted_body" in new:
        outer |= {"format": HTML, "formatted_body": f"* {new['formatted_body']}"}
    return {**outer, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": event}}


def _files(item: Item, edit: Edit, refs: Refs, me: Me, copy: str) -> Show:
    """Words and files together: what changed is replaced, what is new comes after it, what is not shown any more is taken back.

    Where a file is the first event itself, new words go beside it as its caption.
    """
    message, url = edit.message, whereabouts(item.event)
    parts = refs.parts(edit.target, item.place)
    first = next((part for part in parts if part.number == 0), None)
    left = {part.source: part for part in parts}
    known, current = refs.object(edit.target), refs.current(edit.target)
    standing = current.content if current is not None and isinstance(current.content, Message) else Message(message.text)
    relation = write_relation(standing, refs, item.place) if known is not None else None
    related: dict[str, Any] = {"m.relates_to": relation} if relation is not None else {}
    following = max((part.number for part in parts), default=0) + 1
    files: list[File] = []
    shows_first = False
    for attachment in message.attachments:
        part = left.pop(attachment.url, None)
        number = part.number if part is not None else following
        following += part is None
        caption = message.text.plain if number == 0 else ""
        shows_first = shows_first or number == 0
        more = outside(item.event) if part is not None else {**outside(item.event), **mark_of(item, me, number, attachment.url), **related}
        file = file_of(message, number, attachment, me, refs, url=url, more=more, caption=caption)
        if part is None:
            files.append(file)
        elif part.digest != file.digest:
            files.append(msgspec.structs.replace(file, replaces=part.native))
    words = None
    if first is None or not shows_first:
        words = {**replacing(write_body(message, item.event, refs, me), copy), **mark_of(item, me)}
    return Show(words, tuple(files), tuple(Gone(part.number, "" if part.number == 0 else part.native) for part in left.values()))
