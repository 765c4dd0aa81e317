"""What is said in the private room of the bot and one person: every message is a Command, and nothing of it ever crosses.

The event belongs to no community and no channel (both ids empty): who speaks, and the words, tell which community is meant.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.changes import PutConversation
from bridge.model.audience import Audience
from bridge.model.content.command import Command
from bridge.model.ids import LOOPBACK, ChannelId, CommunityId, Native, ObjectId, event_id
from bridge.model.place import Channel
from bridge.ports import Node
from bridge.refs import Ignored, Read, Reading, Refs
from protocols.loopback.ids import BOT, talk_with
from protocols.loopback.translate.frame import Frame, make
from protocols.loopback.translate.words import read_words
from protocols.loopback.wire import Deed, Say
from protocols.vocabulary import first_line

__all__ = ["read"]

_NOWHERE = Channel(ChannelId(""), CommunityId(""), ())


def read(raw: Deed, received_at: datetime, refs: Refs, me: Node) -> Reading:
    """The first words of somebody also tell us that they may be written to."""
    frame = Frame(me=me, raw=raw, channel=_NOWHERE, received_at=received_at)
    if raw.by.id == BOT:
        return Ignored("the bot's own words")
    if raw.room != talk_with(raw.by.id):
        return Ignored("said by somebody else in a private conversation", refused=True)
    if not isinstance(raw.act, Say):
        return Ignored("only words are heard in a private conversation; changed words are not carried out again")
    line = first_line(read_words(raw.act.words, refs).text.plain)
    if not line:
        return Ignored("a message without words")
    author = Native(LOOPBACK, raw.by.id)
    known = refs.conversation(author)
    about = _about(raw.act.reply_to, refs, me)
    command = Command(words=line, private=True, about=about, answer_in=frame.room)
    made = make(frame, command, about=raw.act.reply_to or None)
    private = tuple(msgspec.structs.replace(event, audience=Audience.DIRECT) for event in made.events)
    return Read(private, () if known == frame.room else (PutConversation(author, frame.room),))


def _about(deed: str, refs: Refs, me: Node) -> ObjectId | None:
    """In private one may point at a message of any room."""
    if not deed or len(deed) > 255:
        return None
    source = Native(LOOPBACK, deed)
    known = refs.object_at(source)
    return known.id if known is not None else ObjectId(event_id(me.secret, source))
