"""What people decided about somebody, or about a server, in a community, until when, and why."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.model.ids import CommunityId, Native, Protocol

SERVER = Protocol("server")
"""The pseudo-protocol of `Restriction.whom` that is a whole server: `Native(SERVER, "a.example")`."""


class Measure(enum.StrEnum):
    """Norms.md N13, the mildest first.

    Of a server, LIMIT holds its strangers' items, and BLOCK refuses it; a person can be limited, rest, or be banned.
    """

    LIMIT = "limit"
    REST = "rest"
    BAN = "ban"
    BLOCK = "block"


class Restriction(msgspec.Struct, frozen=True):
    """`id` is that of the act that set it. `until` None only for what two people decided. `norm` is a norm's id, or `host's request`.

    `ended`: when it was lifted, or when what it changed elsewhere was undone because its time was over.
    """

    id: str
    community: CommunityId
    whom: Native
    measure: Measure
    since: datetime
    until: datetime | None
    norm: str
    reason: str
    by: Native
    ended: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Is it in force at this moment? Its end needs nobody to do anything (invariant I4)."""
        return self.ended is None and self.since <= now and (self.until is None or now < self.until)

    @property
    def is_server(self) -> bool:
        return self.whom.protocol == SERVER


def server(host: str) -> Native:
    """A whole server as `Restriction.whom`, in lower case."""
    return Native(SERVER, host.lower())
