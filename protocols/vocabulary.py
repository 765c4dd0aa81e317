"""The words that begin a command, and one line of what was said, the same wherever text is typed; nothing hidden passes for a word of ours.

Norms.md Part 4. A second line never becomes a second command (matrix.md S20: CVE-2022-29166).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from protocols.htmltree import scrub

__all__ = ["VOCABULARY", "asked", "first_line"]

VOCABULARY: Final = frozenset(
    {"!moot", "!cross", "!forget", "!export", "!look", "!who", "!grace", "!report", "!why", "!appeal", "!knocks", "!write"}
)
"""`!local` is not among them: it is said to the room, and keeps the message there."""

MOST_LINE: Final = 500
"""Characters; no command is longer."""

_BIDI = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_END = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]")


def first_line(text: str) -> str:
    """One line without characters that hide or turn others."""
    line = next((line for line in _END.split(text.strip()) if line.strip()), "")
    return " ".join(_BIDI.sub("", scrub(line)).split())[:MOST_LINE]


def asked(text: str, called: Iterable[str]) -> str | None:
    """The command in plain words said in a room, or None. `called`: what the bot is called there; a leading mention of it is left aside."""
    line = first_line(text)
    names = "|".join(re.escape(name) for name in called)
    mention = re.match(rf"@?(?:{names})\s*[:,]?\s+", line, re.IGNORECASE)
    if mention is not None:
        line = line[mention.end() :]
    return line if line.split(" ")[0].lower() in VOCABULARY else None
