"""In a hall this is a `react`; on the fediverse a Like or EmojiReact; here a Reaction."""

from __future__ import annotations

from bridge.model.content.reaction import Reaction
from bridge.model.item import Item, Omission
from bridge.ports import Node
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.loopback.translate.frame import Frame, aim, make, one_line
from protocols.loopback.translate.outgoing import absent, act, ghost_for
from protocols.loopback.wire import React

__all__ = ["read", "write"]

MOST_KEY = 100
"""Bytes: an emoji of many people is 40."""


def read(frame: Frame, react: React, refs: Refs) -> Reading:
    key = one_line(react.key, MOST_KEY)
    if not key or len(key.encode()) > MOST_KEY:
        return Ignored("a reaction whose sign cannot be shown elsewhere")
    target = aim(frame, refs, react.of)
    if target is None:
        return Ignored("a reaction to something in another room", refused=True)
    return make(frame, Reaction(target=target.id, key=key, emoji=react.emoji), about=react.of)


def write(item: Item, reaction: Reaction, refs: Refs, me: Node) -> Wire | Omission:
    copy = refs.copy(reaction.target, item.place)
    if copy is None:
        return absent(item, "reaction")
    return act(item, React(of=copy, key=reaction.key, emoji=reaction.emoji), ghost_for(item, refs), me)
