"""A foreign JSON object, looked at without trust: one value or many, empty strings absent, wrong types absent; never an exception.

Activitypub.md 3.4: GoToSocial sends scalars where Mastodon sends lists, PieFed 1.6 sends `inReplyTo: ""`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

MOST_MEMBERS = 200
"""Of one list: recipients, tags, attachments; what comes after is not read."""

ACTOR_TYPES = frozenset({"Person", "Group", "Service", "Application", "Organization"})
"""The types of the ActivityStreams vocabulary that can act."""


class Thing:
    """One JSON object. Two are equal when their members are."""

    __slots__ = ("members",)

    def __init__(self, members: Mapping[str, object]) -> None:
        self.members = members

    def __repr__(self) -> str:
        return f"<{self.type or 'thing'} {self.id}>"

    @property
    def id(self) -> str:
        """Its id, or "" when it has none."""
        return self.text("id")

    @property
    def type(self) -> str:
        """The first type, without the `as:` some write."""
        for value in self.many("type"):
            if isinstance(value, str) and value:
                return value.removeprefix("as:")
        return ""

    def text(self, name: str) -> str:
        """A string member; "" when it is missing, empty or something else."""
        value = self.members.get(name)
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool | None:
        value = self.members.get(name)
        return value if isinstance(value, bool) else None

    def number(self, name: str) -> float | None:
        value = self.members.get(name)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15 else None

    def many(self, name: str) -> list[object]:
        """A member as a list, whatever it is."""
        value = self.members.get(name)
        if value is None:
            return []
        return value[:MOST_MEMBERS] if isinstance(value, list) else [value]

    def ids(self, name: str) -> list[str]:
        """A member as ids: strings, or the `id` (of a Link the `href`) of objects."""
        return list(_ids(self.many(name)))

    def one_id(self, name: str) -> str:
        """The first id of a member, or ""."""
        return next(iter(self.ids(name)), "")

    def things(self, name: str) -> list[Thing]:
        return [Thing(value) for value in self.many(name) if isinstance(value, dict)]

    def thing(self, name: str) -> Thing | None:
        return next(iter(self.things(name)), None)

    def tagged(self, kind: str) -> list[Thing]:
        """The tags of one type."""
        return [tag for tag in self.things("tag") if tag.type == kind]

    def having(self, name: str, value: object) -> Thing:
        """The same, with one member replaced."""
        return Thing({**self.members, name: value})


def _ids(values: list[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            if value:
                yield value
        elif isinstance(value, dict):
            found = Thing(value)
            if named := found.id or found.text("href"):
                yield named


def decode(body: bytes) -> Thing | None:
    """Bytes as one JSON object; None when they are anything else. Bounds on size and depth are the server's, before this."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Thing(value) if isinstance(value, dict) else None
