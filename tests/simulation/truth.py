"""What people really said and did, whatever any machine made of it, and who was meant to see it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

__all__ = ["NAME", "Circle", "Said", "Sign", "Truth", "names_in"]

NAME: Final = re.compile(r"\bw\d{4}\b")
"""Every message has a name of its own in its words, and so has whatever it becomes."""

VERSION: Final = re.compile(r"\bw\d{4} v(\d+)\b")

Circle = Literal["everybody", "quiet", "nobody"]
"""Whom the author lets see it beyond where it was said: everybody; everybody, but in no public list; nobody."""


class Said(msgspec.Struct):
    """`home`: the host of the hall or of the server where it was said; `commons`: the number of the node whose conversation it belongs to.

    `at` and `taken_back` in seconds. `version` counts edits. `native`: what it is called at home. `grace`: seconds before it may leave.
    """

    number: int
    who: str
    home: str
    commons: int
    circle: Circle
    at: float
    answers: int | None = None
    version: int = 1
    taken_back: float | None = None
    native: str = ""
    grace: float = 0.0

    @property
    def name(self) -> str:
        return f"w{self.number:04}"

    @property
    def text(self) -> str:
        """As it is now."""
        return f"{self.name} v{self.version}"


class Sign(msgspec.Struct):
    """`native`: the activity by which somebody elsewhere put it there."""

    who: str
    home: str
    about: int
    key: str
    at: float
    gone: bool = False
    native: str = ""


class Truth:
    """`said` by number."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.signs: list[Sign] = []

    def say(self, who: str, home: str, commons: int, circle: Circle, *, at: float, answers: int | None = None, grace: float = 0.0) -> Said:
        said = Said(len(self.said), who, home, commons, circle, at, answers, grace=grace)
        self.said.append(said)
        return said

    def waits(self, said: Said) -> bool:
        """Does it, or anything it answers, have to be looked at or agreed to first, which nobody does?"""
        parent = said
        while parent.answers is not None and parent.circle != "nobody":
            parent = self.said[parent.answers]
        return parent.circle == "nobody"

    def named(self, name: str) -> Said:
        return self.said[int(name[1:])]

    def at(self, address: str) -> Said | None:
        """What somebody elsewhere said under this address."""
        return next((said for said in self.said if address and said.native == address), None)

    def about(self, text: str) -> Said | None:
        """What is said in these words."""
        found = NAME.search(text)
        return self.named(found[0]) if found else None


def names_in(text: str | bytes) -> Iterable[str]:
    return dict.fromkeys(NAME.findall(text.decode() if isinstance(text, bytes) else text))
