"""Says what a server is to a community: unknown until conversations with it were let in, then known; limits and blocks are people's (N13).

Norms.md N09, server states.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec

from bridge.model.ids import CommunityId

KNOWN_DAYS = 7
KNOWN_RELEASED = 3
KNOWN_ACTORS = 2


class ServerState(enum.StrEnum):
    UNKNOWN = "unknown"
    KNOWN = "known"
    LIMITED = "limited"
    BLOCKED = "blocked"


class Origin(msgspec.Struct, frozen=True):
    """What is kept of a server. `first_at`: its first item was let in; `released`, `actors`: how many were, and of how many people, both
    counted no further than they matter. `waved_at`: a member let somebody from there in themselves. `member_at`: a member lives there.
    `added_at`: an administrator said so."""

    community: CommunityId
    host: str
    first_at: datetime | None = None
    released: int = 0
    actors: int = 0
    waved_at: datetime | None = None
    member_at: datetime | None = None
    added_at: datetime | None = None


def state_of(origin: Origin | None, now: datetime, *, days: int = KNOWN_DAYS) -> ServerState:
    """Three released items of two people over seven days, a member there, or an administrator's word. One wave by a member counts double,
    and is enough for the small servers of one or two people: a week later the server is known."""
    if origin is None:
        return ServerState.UNKNOWN
    if origin.member_at is not None or origin.added_at is not None:
        return ServerState.KNOWN
    week = timedelta(days=days)
    if origin.waved_at is not None and now - origin.waved_at >= week:
        return ServerState.KNOWN
    long = origin.first_at is not None and now - origin.first_at >= week
    enough = origin.released >= KNOWN_RELEASED and origin.actors >= KNOWN_ACTORS
    return ServerState.KNOWN if long and enough else ServerState.UNKNOWN


def let_in(origin: Origin | None, community: CommunityId, host: str, now: datetime, *, first: bool, waved: bool, member: bool) -> Origin:
    """After one more item from there was let in. `first`: its author's first; `member`: they are one now."""
    old = origin or Origin(community, host)
    return msgspec.structs.replace(
        old,
        first_at=old.first_at or now,
        released=min(old.released + (2 if waved else 1), KNOWN_RELEASED),
        actors=min(old.actors + first, KNOWN_ACTORS),
        waved_at=old.waved_at or (now if waved else None),
        member_at=old.member_at or (now if member else None),
    )
