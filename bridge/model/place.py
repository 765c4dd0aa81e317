"""Where something is said, and which places carry one conversation."""

from __future__ import annotations

import enum

import msgspec

from bridge.model.audience import Audience
from bridge.model.ids import ChannelId, CommunityId, Native


class PlaceKind(enum.StrEnum):
    ROOM = "room"
    """A Matrix room or a loopback place."""
    GROUP = "group"
    """A followable group this node serves."""
    FOREIGN_GROUP = "foreign_group"
    """A group on another server that people here follow and post to."""
    MODERATION = "moderation"
    """The room in which the moderators of a community work: nothing said there ever leaves it, and nothing crosses into it."""
    PERSON = "person"
    """One person elsewhere, as the far side of a direct conversation (N17)."""


class Join(enum.StrEnum):
    PUBLIC = "public"
    KNOCK = "knock"
    RESTRICTED = "restricted"
    INVITE = "invite"


class History(enum.StrEnum):
    WORLD = "world_readable"
    SHARED = "shared"
    INVITED = "invited"
    JOINED = "joined"


class Openness(msgspec.Struct, frozen=True):
    """Who can come in and read; the closed side is the default, so what we do not know never widens."""

    join: Join = Join.INVITE
    history: History = History.JOINED
    encrypted: bool = False


OPEN = Openness(Join.PUBLIC, History.WORLD)


class Place(msgspec.Struct, frozen=True):
    """One side of a conversation. `bridges`: the domains of other nodes of our kind that were seen to carry it, as their marks there say.

    `person`: of a direct conversation, who alone hears this side.
    """

    native: Native
    kind: PlaceKind
    name: str = ""
    openness: Openness = Openness()
    bridges: tuple[str, ...] = ()
    person: Native | None = None


class Channel(msgspec.Struct, frozen=True):
    """The places that carry one conversation of a community."""

    id: ChannelId
    community: CommunityId
    places: tuple[Place, ...]

    def place(self, native: Native) -> Place | None:
        return next((place for place in self.places if place.native == native), None)


class Community(msgspec.Struct, frozen=True):
    """The people a set of channels and norms belongs to; `handle` is the group's name on the fediverse."""

    id: CommunityId
    handle: str
    name: str
    about: str = ""
    retired: bool = False


def moderation_channel(community: CommunityId) -> ChannelId:
    """The channel whose one place is the community's moderation room; it carries no conversation, so it is not among a community's channels."""
    return ChannelId(f"moderation:{community}")


def ceiling(place: Place) -> Audience:
    """How far words written here may travel: the table "Place ceilings" of norms.md 3.1."""
    if place.openness.encrypted or place.kind is PlaceKind.MODERATION:
        return Audience.LOCAL
    if place.person is not None:
        return Audience.DIRECT
    if place.kind is not PlaceKind.ROOM:
        return Audience.PUBLIC
    if place.openness.join is Join.PUBLIC:
        return Audience.PUBLIC if place.openness.history is History.WORLD else Audience.UNLISTED
    return Audience.COMMUNITY


def admits(place: Place, audience: Audience) -> bool:
    """May something with this audience be shown here? "Destination ceilings" of norms.md 3.1."""
    if audience is Audience.DIRECT or place.person is not None:
        return audience is Audience.DIRECT and place.person is not None
    if audience is Audience.LOCAL or place.kind is PlaceKind.MODERATION:
        return False
    if place.kind is not PlaceKind.ROOM:
        return True
    if audience is Audience.COMMUNITY:
        return place.openness.history is not History.WORLD and place.openness.join is not Join.PUBLIC
    return True
