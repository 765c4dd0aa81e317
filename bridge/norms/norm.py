"""One norm is a sentence people agreed to and a pure function that helps to keep it; here is its shape, and what an event is to a norm."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import assert_never

import msgspec

from bridge.model.content import (
    Appointment,
    Boost,
    Command,
    Content,
    Edit,
    Lock,
    Membership,
    Message,
    Notice,
    Profile,
    Reaction,
    Release,
    Report,
    Restoration,
    Retraction,
    Sanction,
    Setting,
    Sighting,
)
from bridge.model.content.membership import Change
from bridge.model.event import Event
from bridge.norms.context import Context
from bridge.norms.decision import Finding


class Norm(msgspec.Struct, frozen=True):
    """`id` as `N01`; `title` and `rule` are what people read; `stage` orders only which reason is named first (norms.md 3.2).

    `judge` is total, gives no finding where the norm has nothing to say, and never lifts what another norm found.
    """

    id: str
    title: str
    rule: str
    stage: int
    judge: Callable[[Event, Context], tuple[Finding, ...]]


class Footing(enum.Enum):
    """What an event is to a norm."""

    SPEAKS = "speaks"
    """New words. A content type that nobody gave a footing of its own belongs here: the rules of a post."""
    REVISES = "revises"
    REACTS = "reacts"
    """A sign or a boost: no words, and nothing without its target."""
    SHOWS = "shows"
    """A face, a coming: no words either."""
    TAKES_BACK = "takes back"
    """Deletion, undo, leaving: always passes (invariant I6)."""
    INWARD = "inward"
    """Between a person and the bridge, or the bridge and itself; what moderators do."""


_LEAVING = frozenset({Change.UNFOLLOW, Change.LEAVE, Change.REJECTED})


def footing(content: Content) -> Footing:
    """The one place where norms look at content types; mypy names a type that is missing."""
    match content:
        case Message():
            return Footing.SPEAKS
        case Edit():
            return Footing.REVISES
        case Reaction() | Boost():
            return Footing.REACTS
        case Retraction():
            return Footing.TAKES_BACK
        case Membership(change=change):
            return Footing.TAKES_BACK if change in _LEAVING else Footing.SHOWS
        case Profile(ended=ended):
            return Footing.TAKES_BACK if ended else Footing.SHOWS
        case Command() | Release() | Setting() | Sighting() | Notice() | Report():
            return Footing.INWARD
        case Sanction() | Lock() | Restoration() | Appointment():
            # A moderator's act is decided by `bridge/moderation/deciding.py`, never by a norm.
            return Footing.INWARD
        case _:
            assert_never(content)


def words_of(content: Content) -> Message | None:
    """The words a message or an edit brings."""
    match content:
        case Message():
            return content
        case Edit(message=message):
            return message
        case _:
            return None
