"""What a place can carry, as data: `plan` reads this and nothing else about a protocol."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from bridge.model.audience import Audience


class Hearers(enum.StrEnum):
    """Who receives one form of an event."""

    ROSTER = "roster"
    """Everyone who hears the place: the group's followers, the one room."""
    INVOLVED = "involved"
    """The author of what is answered or reacted to, and the people mentioned, where they live on this protocol; plus the place's own route."""
    AUTHOR = "author"
    """Only the author of the event (an Accept, a Reject, a private answer)."""
    PERSON = "person"
    """The one person whom a direct conversation reaches, and nobody else whoever is named in it."""
    REACHED = "reached"
    """Everyone who hears the place, everyone involved, and everyone who ever received the object; of a face that ended, anything of theirs."""


class Born(enum.StrEnum):
    """Where the event's author lives, as this place sees it."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    ANYWHERE = "anywhere"


class Carry(msgspec.Struct, frozen=True):
    """One form in which a content type goes to a place.

    `by_place`: the place speaks (a group announces), else the author's ghost does. `roots_only`: only for what starts a thread.
    `back_home`: also sent when the event was born in this very place (a group announces its followers' posts to everyone).
    """

    form: str
    hearers: Hearers
    by_place: bool = False
    born: Born = Born.ELSEWHERE
    roots_only: bool = False
    ends: bool = False
    """Only for a face that ended; other forms are for all that goes on."""
    removes: bool = False
    """Only for what a moderator removed."""
    urgent: bool = False
    keep_days: int = 7


class Capabilities(msgspec.Struct, frozen=True):
    """`carries`: content tag → forms; a tag that is missing cannot go there (`omission` says why in plain words, `{kind}` filled in).

    `audiences`: the levels the place can keep; anything closer is an omission `audience.not_carried`. `max_text`: characters of HTML.
    """

    carries: Mapping[str, tuple[Carry, ...]]
    audiences: frozenset[Audience]
    attachments: bool = True
    fetches: bool = False
    """People there fetch files themselves, so each needs an address that is open to them."""
    edits: bool = True
    max_text: int = 60_000
    omission: str = "This place has no way to show a {kind}."


class Patience(msgspec.Struct, frozen=True):
    """How often a protocol's servers are tried again: `first` seconds doubling to `longest`; `parallel` items in flight per lane.

    A peer on the open internet gets engine.md's minute-to-six-hours; the operator's own homeserver is asked again within a second.
    """

    first: float = 60.0
    longest: float = 21_600.0
    parallel: int = 4
