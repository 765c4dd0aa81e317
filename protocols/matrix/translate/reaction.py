"""On Matrix this is an `m.reaction` with an `m.annotation` relation; on the fediverse a Like or EmojiReact; here a Reaction.

https://spec.matrix.org/v1.18/client-server-api/#event-annotations-and-reactions. A custom emoji has an mxc address as its key and its name
in `shortcode` (MSC4027; bridges and Cinny write it under Beeper's name too).
"""

from __future__ import annotations

from typing import Any

from bridge.model.content.message import Emoji
from bridge.model.content.reaction import Reaction
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.emoji import as_named, source_of
from protocols.matrix.translate.frame import Frame, aim, author_of, make
from protocols.matrix.translate.outgoing import absent, ghost_for, mark_of, send
from protocols.matrix.wire import NAMED, ReactionContent, decode

__all__ = ["read", "write"]

MOST_KEY = 100
"""Bytes: an emoji of many people is 40; text reactions of a few words pass too."""


def read(frame: Frame, refs: Refs) -> Reading:
    content = decode(frame.raw.content, ReactionContent)
    relation = content.relates_to
    if relation is None or relation.rel_type != "m.annotation":
        return Ignored("a reaction to nothing: it was taken back, or was never whole")
    key = scrub(relation.key).strip()
    emoji = None
    if key.startswith("mxc://"):
        emoji = Emoji(as_named(scrub(content.shortcode or content.named or "")), key)
        key = f":{emoji.name}:"
    if not key or len(key.encode()) > MOST_KEY or "\n" in key:
        return Ignored("a reaction whose sign cannot be shown elsewhere")
    target = aim(frame, refs, relation.event_id)
    if target is None:
        return Ignored("a reaction to something in another room", refused=True)
    return make(frame, Reaction(target=target.id, key=key, emoji=emoji), author_of(frame, refs), mark=content.mark, about=relation.event_id)


def write(item: Item, reaction: Reaction, refs: Refs, me: Me) -> Wire | Omission:
    """A custom emoji whose picture cannot be had is its name."""
    copy = refs.copy(reaction.target, item.place)
    if copy is None:
        return absent(item, "reaction")
    source = source_of(reaction.emoji, refs) if reaction.emoji is not None else None
    relation = {"rel_type": "m.annotation", "event_id": copy, "key": source or reaction.key}
    named: dict[str, Any] = {"shortcode": reaction.key, NAMED: reaction.key} if source is not None else {}
    return send("m.reaction", {"m.relates_to": relation, **named, **mark_of(item, me)}, ghost_for(item, refs, me))
