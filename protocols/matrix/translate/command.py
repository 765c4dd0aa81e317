"""On Matrix this is a message that begins with a word of ours, or anything said in the bot's own conversation; here it is a Command.

Commands come from the sender's Matrix id alone: ghosts are never heard (they are echoes), and an edited message never commands
(matrix.md S4 and S20: CVE-2023-38690, CVE-2022-29166: a second line must not become a second command).
"""

from __future__ import annotations

import re

from bridge.model.content.command import Command
from bridge.model.ids import ObjectId
from bridge.model.item import Item, Omission
from bridge.ports import Reading, Refs
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, author_of, make
from protocols.matrix.translate.words import Words

__all__ = ["VOCABULARY", "asked", "first_line", "read", "write"]

VOCABULARY = frozenset({"!moot", "!cross", "!forget", "!who", "!grace"})
"""`!local` is not among them: it is said to the room, and keeps the message there."""

_MOST = 500
_BIDI = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def first_line(text: str) -> str:
    """One line without characters that hide or turn others."""
    line = next((line for line in re.split(r"[\n\r\x0b\x0c\x85\u2028\u2029]", text.strip()) if line.strip()), "")
    return " ".join(_BIDI.sub("", scrub(line)).split())[:_MOST]


def asked(words: Words, me: Me) -> str | None:
    """The command in words said in a room, or None. A leading mention of the bot, as clients complete it, is left aside."""
    line = first_line(words.text.plain)
    name = me.bot.partition(":")[0].removeprefix("@")
    called = re.match(rf"(?:{re.escape(me.bot)}|@?{re.escape(name)})\s*[:,]?\s+", line, re.IGNORECASE)
    if called is not None:
        line = line[called.end() :]
    return line if line.split(" ")[0].lower() in VOCABULARY else None


def read(frame: Frame, refs: Refs, words: str, about: ObjectId | None) -> Reading:
    """`about`: what the message answers, as in a reply that says `!forget this`."""
    return make(frame, Command(words=words, about=about), author_of(frame, refs))


def write(item: Item) -> Omission:
    return Omission(item.event_id, item.place, "command.not_carried", "Words to the bridge stay between it and whoever said them.")
