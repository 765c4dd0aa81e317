"""On Matrix a custom emoji is an `img` in the words, or an mxc address as the sign of a reaction; here it is an Emoji that the text calls `:name:`.

MSC2545 (`data-mx-emoticon`) and MSC4027 (reactions); matrix.md 12.2. Its picture is the homeserver's own file on both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bridge.model.content.message import Emoji
from bridge.refs import Refs

__all__ = ["FILE", "MOST_EMOJIS", "Emojis", "as_named", "shown_as", "source_of"]

FILE: Final = "matrix-file:"
"""Before the address of a picture on the web, the need for it as the homeserver has it (an mxc address)."""

MOST_EMOJIS: Final = 20
"""Of one message; further ones are their names."""

_MXC = re.compile(r"mxc://[A-Za-z0-9.:\[\]-]{1,255}/[A-Za-z0-9_-]{1,255}")


def as_named(called: str) -> str:
    """What a picture is called, as every side can write it: Mastodon 4 and GoToSocial 0.20 know letters, digits and `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", called.strip().strip(":"))[:60] or "emoji"


class Emojis:
    """Collects the pictures of one message; two of one name are told apart by a number."""

    def __init__(self) -> None:
        self._by_source: dict[str, Emoji] = {}

    @property
    def found(self) -> tuple[Emoji, ...]:
        return tuple(self._by_source.values())

    def name(self, source: str, called: str) -> str:
        """The words that stand for it in the text."""
        if not _MXC.fullmatch(source):
            return called
        known = self._by_source.get(source)
        if known is None:
            name = as_named(called)
            if len(self._by_source) >= MOST_EMOJIS:
                return f":{name}:"
            taken = {emoji.name for emoji in self._by_source.values()}
            name = next(one for one in (name, *(f"{name}_{number}" for number in range(2, MOST_EMOJIS + 2))) if one not in taken)
            known = self._by_source[source] = Emoji(name, source)
        return f":{known.name}:"


def shown_as(emojis: tuple[Emoji, ...], refs: Refs) -> Callable[[str], str | None] | None:
    """For a name the file to show; None where there is none of that name, or its picture cannot be had."""
    if not emojis:
        return None
    sources = {emoji.name: source_of(emoji, refs) for emoji in emojis[:MOST_EMOJIS]}
    return sources.get


def source_of(emoji: Emoji, refs: Refs) -> str | None:
    """The homeserver's address of its picture, given to it where it comes from elsewhere."""
    if emoji.url.startswith("mxc://"):
        return emoji.url if _MXC.fullmatch(emoji.url) else None
    found = refs.document(f"{FILE}{emoji.url}")
    return found.decode() if found else None
