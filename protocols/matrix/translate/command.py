"""On Matrix this is a message that begins with a word of ours, or anything said in the bot's own conversation; here it is a Command.

Commands come from the sender's Matrix id alone: ghosts are never heard (they are echoes), and an edited message never commands
(matrix.md S4: CVE-2023-38690).
"""

from __future__ import annotations

from bridge.model.content.command import Command
from bridge.model.ids import ObjectId
from bridge.model.item import Item, Omission
from bridge.refs import Reading, Refs
from protocols import vocabulary
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, author_of, make
from protocols.matrix.translate.words import Words

__all__ = ["asked", "read", "write"]


def asked(words: Words, me: Me) -> str | None:
    """The command in words said in a room, or None. Clients complete a mention of the bot to its id or its name."""
    return vocabulary.asked(words.text.plain, (me.bot, me.bot.partition(":")[0].removeprefix("@")))


def read(frame: Frame, refs: Refs, words: str, about: ObjectId | None, native: str | None) -> Reading:
    """`about`: what the message answers, as in a reply that says `!forget this`; `native`: what Matrix calls that."""
    return make(frame, Command(words=words, about=about), author_of(frame, refs), about=native)


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "command.not_carried", "Words to the bridge stay between it and whoever said them.")
