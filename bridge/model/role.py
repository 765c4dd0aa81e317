"""Who holds which seat in a community, and until when."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.model.ids import CommunityId, Native


class Role(enum.StrEnum):
    """Norms.md 4.1, the least first. Who is nothing of these is a member, and may still report, appeal, propose and vouch."""

    CURATOR = "curator"
    HOST = "host"
    MODERATOR = "moderator"
    ADMIN = "admin"


MODERATES = frozenset({Role.MODERATOR, Role.ADMIN})
"""Those whom a group names as its moderators, so that forum servers give them their buttons."""


class Seat(msgspec.Struct, frozen=True):
    """`actor` is a protocol identity, a Matrix user id or an actor's URL, and never a name. `by` gave it: an identity, or `operator`.

    `until` None only for an admin: every other seat ends by itself. `topic`: what a curator looks after, "" for everything.
    """

    community: CommunityId
    actor: Native
    role: Role
    since: datetime
    until: datetime | None
    by: str
    topic: str = ""

    def holds(self, now: datetime) -> bool:
        """Is it held at this moment?"""
        return self.since <= now and (self.until is None or now < self.until)
