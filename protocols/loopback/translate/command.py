"""In a hall this is a `say` that begins with a word of ours; here it is a Command. Nobody is ever commanded in return."""

from __future__ import annotations

from bridge.model.content.command import Command
from bridge.model.content.message import Message
from bridge.model.item import Item, Omission
from bridge.refs import Reading, Refs
from protocols import vocabulary
from protocols.loopback.ids import BOT
from protocols.loopback.translate.frame import Frame, aim, make

__all__ = ["asked", "read", "write"]


def asked(message: Message) -> str | None:
    """The command in words said in a room, or None."""
    return vocabulary.asked(message.text.plain, (BOT,))


def read(frame: Frame, refs: Refs, words: str, answered: str) -> Reading:
    """`answered`: the message it answers, as in one that says `!forget this`."""
    target = aim(frame, refs, answered)
    return make(frame, Command(words=words, about=target.id if target is not None else None), about=answered or None)


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "command.not_carried", "Words to the bridge stay between it and whoever said them.")
