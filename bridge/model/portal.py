"""A direct conversation of one of our people with one person elsewhere, and whom they let knock (norms.md N17).

Design section 3: a portal is only the room of a direct conversation. It carries two people's words and nobody else's.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.model.ids import ChannelId, CommunityId, Native, derive
from bridge.model.place import Channel, Place, PlaceKind


class Stance(enum.StrEnum):
    """What the member said to it."""

    KNOCKS = "knocks"
    """Nothing yet, or not now: what was written waits."""
    OPEN = "open"
    CLOSED = "closed"
    """Never."""
    ENDED = "ended"
    """The member left: the next message knocks. What was said can still be taken back."""


class Callers(enum.StrEnum):
    """Who may knock with words; whoever is not named knocks without (`nobody`: not at all)."""

    NOBODY = "nobody"
    PEOPLE = "people"
    """Those this member talks with in the community."""
    MEMBERS = "members"
    EVERYONE = "everyone"


class Door(msgspec.Struct, frozen=True):
    """One member's own setting, for all of this node. `strangers_after`: until then nobody unknown knocks. `warned`: since when they know
    that those who run both servers can read private words."""

    person: Native
    callers: Callers = Callers.PEOPLE
    strangers_after: datetime | None = None
    warned: datetime | None = None


class Portal(msgspec.Struct, frozen=True):
    """`community` is the one whose norms hold: that of the member's name elsewhere. `room` once there was one. `since`: when it was knocked, or
    begun; `begun`: by the member."""

    id: ChannelId
    community: CommunityId
    member: Native
    correspondent: Native
    stance: Stance
    since: datetime
    room: Native | None = None
    begun: bool = False


def portal_id(secret: bytes, member: Native, correspondent: Native) -> ChannelId:
    """The same two people always have the same portal, and nobody without the node's secret can tell from its id who they are."""
    return ChannelId(derive(secret, "portal", str(member), str(correspondent)))


def far_side(id_: ChannelId, person: Native) -> Native:
    """What we call the side of a person elsewhere: their address alone would be the same place for everybody they write to."""
    return Native(person.protocol, f"direct/{id_}")


def portal_at(place: Native) -> ChannelId | None:
    """The reverse of `far_side`; None for every other place."""
    head, slash, id_ = place.id.partition("/")
    return ChannelId(id_) if head == "direct" and slash and id_ else None


def channel_of(portal: Portal) -> Channel:
    """The two places that carry it; the room is a mere name as long as there is none."""
    room = portal.room or far_side(portal.id, portal.member)
    return Channel(
        portal.id,
        portal.community,
        (
            Place(far_side(portal.id, portal.correspondent), PlaceKind.PERSON, person=portal.correspondent),
            Place(room, PlaceKind.ROOM, person=portal.member),
        ),
    )


def code_of(id_: ChannelId) -> str:
    """What the member calls a knock: `k7fd`."""
    return id_[:4]
