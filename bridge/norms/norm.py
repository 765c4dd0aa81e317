"""One norm is a sentence people agreed to and a pure function that helps to keep it; here is its shape, and what an event is to a norm."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from bridge.model.audience import Audience
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
from bridge.norms.decision import CounterOp, Finding

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds: parameters that are lengths of time are whole seconds, written as `90s`, `15m`, `12h` or `7d` in a norm file."""

MOST_COUNTERS = 6
"""Of one norm for one event (norms.md 3.11)."""


class Stricter(enum.StrEnum):
    """Which way a number protects more; a narrower scope may only go there where consent is concerned (norms.md 3.4)."""

    MORE = "more"
    LESS = "less"


class Params(msgspec.Struct, frozen=True):
    """What a community may set about a norm; every field has a default and bounds. A norm with nothing to set has just this."""


def number(least: float, most: float, stricter: Stricter | None = None) -> msgspec.Meta:
    """The bounds of a plain number, and which way it is stricter."""
    return msgspec.Meta(ge=least, le=most, extra={"stricter": stricter})


def span(least: int, most: int, stricter: Stricter | None = None) -> msgspec.Meta:
    """The bounds of a length of time in whole seconds, and which way it is stricter."""
    return msgspec.Meta(ge=least, le=most, extra={"span": True, "stricter": stricter})


class Level(enum.StrEnum):
    """How deep a norm lies. Constitutional ones are never switched off, nor loosened by a narrower scope."""

    CONSTITUTIONAL = "constitutional"
    MACRO = "macro"
    MESO = "meso"


Judging = Callable[[Event, Context, Any], tuple[Finding, ...]]
Counting = Callable[[Event, Context, Any], tuple[CounterOp, ...]]


class Norm(msgspec.Struct, frozen=True):
    """`id` as `N01`; `name` as `consent`, its id in norm files; `title`, `rule`, `why` are what people read; `stage` orders only which
    reason is named first (norms.md 3.2).

    `judge` is total, gives no finding where the norm has nothing to say, and never lifts what another norm found. `params` is the type of its
    third argument. `counts` names what this event adds to, before judging: `context.counters` then holds the values with this event in them.
    `revision` changes when the behaviour does: `builtin:N01/1`.
    """

    id: str
    title: str
    rule: str
    stage: int
    judge: Judging
    level: Level = Level.MACRO
    name: str = ""
    params: type[Params] = Params
    counts: Counting | None = None
    why: str = ""
    revision: int = 1

    @property
    def uses(self) -> str:
        return f"builtin:{self.id}/{self.revision}"


BETWEEN_TWO = frozenset({"loops", "N01", "audience", "grace", "N13", "N17"})
"""Norms that also judge words of two people: the transport, what the people themselves chose, and what persons decided about them. What two say
to each other is otherwise no community's business; above all no moderator ever looks at it first."""


def concerns(norm: Norm, event: Event) -> bool:
    """Has the norm anything to do with words of this audience?"""
    return event.audience is not Audience.DIRECT or norm.id in BETWEEN_TWO


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
