"""Understands a raised hand and what people ask about decisions that concern them: `!report`, `why`, `appeal`, with words of any language.

Norms.md N14, 4.2, 4.7. The first word is plain letters; what comes after it is for people and commands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from bridge.model.content.report import Category

LONGEST = 500

FLAG = "🚩"
"""Put on a message, it is a report of it."""


def is_flag(key: str) -> bool:
    """With or without a variation selector."""
    return key.rstrip("\ufe0e\ufe0f") == FLAG


class Raise(msgspec.Struct, frozen=True, tag="report"):
    """`!report [category] [named] [forward] words`, in answer to what is meant, or with its address as the first of the words."""

    category: Category = Category.OTHER
    words: str = ""
    named: bool = False
    forward: bool = False
    url: str = ""


class Why(msgspec.Struct, frozen=True, tag="why"):
    """`why`, or `why ID`: what was decided about one's own, and by which norm."""

    id: str = ""


class Appealing(msgspec.Struct, frozen=True, tag="appeal"):
    """`appeal`, or `appeal ID words`: let somebody else look once more."""

    id: str = ""
    words: str = ""


Asked = Raise | Why | Appealing

_CATEGORIES = {str(category): category for category in Category}
_ALIASES: Mapping[str, Category] = {
    "ad": Category.SPAM,
    "abuse": Category.UNKIND,
    "rude": Category.UNKIND,
    "harassment": Category.UNKIND,
    "rule": Category.NORM,
    "norms": Category.NORM,
    "danger": Category.THREAT,
    "doxxing": Category.PRIVATE,
    "doxing": Category.PRIVATE,
    "child": Category.MINORS,
    "csam": Category.MINORS,
}
_ID = re.compile(r"[a-z2-7]{6,26}")


def asked(line: str, *, private: bool) -> Asked | None:
    """`line` is one line without hidden characters. None: it is something else. In private the `!` may be missing."""
    first, _, rest = line.partition(" ")
    verb = first.lower()
    if verb.startswith("!"):
        verb = verb[1:]
    elif not private:
        return None
    rest = rest.strip()[:LONGEST]
    match verb:
        case "report":
            return _raise(rest)
        case "why":
            return Why(rest.lower() if _ID.fullmatch(rest.lower()) else "")
        case "appeal":
            id_, _, words = rest.partition(" ")
            return Appealing(id_.lower(), words.strip()) if _ID.fullmatch(id_.lower()) else Appealing("", rest)
        case _:
            return None


def _raise(rest: str) -> Raise:
    words = rest.split(" ") if rest else []
    category, named, forward, url = Category.OTHER, False, False, ""
    while words:
        word = words[0].lower().strip(",.:;")
        if word.startswith(("https://", "http://")) and not url:
            url = words[0].strip(",;")
        elif word in _CATEGORIES or word in _ALIASES:
            category = _CATEGORIES.get(word) or _ALIASES[word]
        elif word == "named":
            named = True
        elif word == "forward":
            forward = True
        else:
            break
        words.pop(0)
    return Raise(category, " ".join(words), named, forward, url)


def category_of(words: str) -> Category:
    """What the words of a report from elsewhere say themselves: servers send free text, some with the number of a rule in front."""
    named = [_CATEGORIES.get(word) or _ALIASES.get(word, Category.OTHER) for word in re.findall(r"[a-z]+", words.lower())[:40]]
    telling = [category for category in named if category not in (Category.OTHER, Category.NORM)]
    return next(iter(telling), Category.NORM if Category.NORM in named else Category.OTHER)
