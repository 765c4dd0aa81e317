"""Says where and for whom a norm holds: which channels, which kinds of event, which standings; an exemption is from this norm alone."""

from __future__ import annotations

import enum
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
from bridge.norms.context import Context, Rank

EVERYWHERE = "*"


class Kind(enum.StrEnum):
    """What sort of event it is, in the words of norms.md 3.1."""

    POST = "post"
    REPLY = "reply"
    EDIT = "edit"
    DELETE = "delete"
    REACTION = "reaction"
    BOOST = "boost"
    FOLLOW = "follow"
    JOIN = "join"
    LEAVE = "leave"
    PROFILE = "profile"
    POLL = "poll"
    REPORT = "report"
    MOD_ACTION = "mod_action"


def kind_of(content: Content) -> Kind:
    """A kind that is added to the model gets the rules of a post, and mypy names it here."""
    match content:
        case Message(reply_to=reply_to, poll=poll):
            return Kind.REPLY if reply_to is not None else Kind.POLL if poll else Kind.POST
        case Edit():
            return Kind.EDIT
        case Retraction():
            return Kind.DELETE
        case Reaction():
            return Kind.REACTION
        case Boost():
            return Kind.BOOST
        case Membership(change=change):
            if change in (Change.LEAVE, Change.UNFOLLOW, Change.REJECTED):
                return Kind.LEAVE
            return Kind.FOLLOW if change is Change.FOLLOW else Kind.JOIN
        case Profile():
            return Kind.PROFILE
        case Report():
            return Kind.REPORT
        case Sanction() | Lock() | Restoration() | Appointment():
            return Kind.MOD_ACTION
        case Command() | Release() | Setting() | Sighting() | Notice():
            return Kind.POST
        case _:
            assert_never(content)


class Scope(msgspec.Struct, frozen=True):
    """Empty `kinds` and `who` mean all. `places` are names of channels or of rooms in them, `*` for all; `not_who` are exempt from this norm."""

    places: frozenset[str] = frozenset({EVERYWHERE})
    kinds: frozenset[Kind] = frozenset()
    who: frozenset[Rank] = frozenset()
    not_who: frozenset[Rank] = frozenset()

    def covers(self, event: Event, context: Context) -> bool:
        rank = context.author.rank
        if self.kinds and kind_of(event.content) not in self.kinds:
            return False
        if rank in self.not_who or (self.who and rank not in self.who):
            return False
        return EVERYWHERE in self.places or not self.places.isdisjoint((event.channel, event.place.id, context.origin.name.lower()))


ALL = Scope()
