"""Promises the list of everything an operator can ask of a node, as one Protocol: the control socket and the command line follow it.

Arguments are plain texts and numbers, results frozen structs without anybody's words. `bridge/app.py` implements it; `bridge/control.py`
offers it on a unix socket, method by method, so adding one here is all that a new operation needs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from bridge.model.case import CaseId
from bridge.model.content.release import Ending
from bridge.model.ids import EventId, Native
from bridge.model.logentry import LogEntry
from bridge.model.place import Place
from bridge.model.record import Hold, Record
from bridge.model.role import Role
from bridge.moderation.log import PublicLog
from bridge.streams import Backlog, DeadLetter, LaneState

__all__ = [
    "CaseLine",
    "CommunityLine",
    "HoldLine",
    "IntakeLine",
    "LogProof",
    "MediaLine",
    "Operations",
    "Outbound",
    "Retirement",
    "SeatLine",
    "Status",
    "hold_line",
]


class CommunityLine(msgspec.Struct, frozen=True):
    """A community as its operator sees it. `address` is what people follow, as `@commons@moot.example`."""

    handle: str
    name: str
    address: str
    places: tuple[Place, ...] = ()
    followers: int = 0
    retired: bool = False
    moderation: Place | None = None
    """The room in which its moderators work."""


class LogProof(msgspec.Struct, frozen=True):
    """`head` and `entries` as far as the chain holds; `broken` is the first entry that does not fit, None when all do."""

    head: str
    entries: int
    broken: int | None = None
    why: str = ""


class CaseLine(msgspec.Struct, frozen=True):
    """A case as its operator sees it. `raised`: how many raised a hand, by standing; `outcome` "" while nobody has decided."""

    id: CaseId
    community: str
    stage: str
    opened_at: datetime
    raised: str
    about: str
    outcome: str = ""
    due_at: datetime | None = None


class SeatLine(msgspec.Struct, frozen=True):
    """A seat as its operator sees it. `until` None: an admin's, which does not end by itself."""

    actor: Native
    handle: str
    role: Role
    since: datetime
    until: datetime | None
    by: str
    topic: str = ""


class Retirement(msgspec.Struct, frozen=True):
    """What retiring set in motion: so many accounts of ours (the group, people, ghosts) are being taken back everywhere."""

    handle: str
    accounts: int


class HoldLine(msgspec.Struct, frozen=True):
    """A hold without the words that wait. `code` names the reason, `reason` says it; `community` is its handle."""

    event_id: EventId
    community: str
    author: Native
    handle: str
    kind: str
    code: str
    reason: str
    since: datetime
    due_at: datetime
    on_expiry: Ending


class Outbound(msgspec.Struct, frozen=True):
    """What is not there yet: lanes with something still to send, and what will never arrive."""

    lanes: tuple[LaneState, ...]
    dead: tuple[DeadLetter, ...]


class Status(msgspec.Struct, frozen=True):
    """The node at a glance. `running` is false when nobody runs it and the command line opened the store itself."""

    domain: str
    version: str
    running: bool
    communities: int
    backlog: Backlog
    started_at: datetime | None = None


class MediaLine(msgspec.Struct, frozen=True):
    """A file we serve for a member, without whose it is. `removed_at`, `why`: taken down."""

    id: str
    address: str
    media_type: str
    size: int
    at: datetime
    width: int | None = None
    height: int | None = None
    removed_at: datetime | None = None
    why: str = ""


class IntakeLine(msgspec.Struct, frozen=True):
    """Something that arrived and could not be read yet, without its words. `lane`: the room or the server it came from; `stuck`: it waits

    for a person and is not tried by itself.
    """

    number: int
    protocol: str
    kind: str
    lane: str
    received_at: datetime
    why: str
    tries: int
    stuck: bool
    due_at: datetime | None = None
    size: int = 0


class Operations(Protocol):
    """Everything raises OperatorError when the operator can fix it: an unknown handle, id or place, a name that is taken."""

    async def community_create(self, *, handle: str, name: str) -> CommunityLine: ...

    async def community_link(self, *, handle: str, place: str) -> CommunityLine:
        """`place` as people write it: a Matrix room id or alias, `@group@server`, or `loopback:name`."""
        ...

    async def community_unlink(self, *, handle: str, place: str) -> CommunityLine: ...

    async def community_moderation(self, *, handle: str, place: str) -> CommunityLine:
        """`place` is where the community's moderators work from now on: nothing said there ever leaves it. Empty: nowhere any more."""
        ...

    async def community_retire(self, *, handle: str) -> Retirement:
        """For good: the group, its people and its ghosts are deleted everywhere, and the handle is never given out again."""
        ...

    async def communities(self) -> tuple[CommunityLine, ...]: ...

    async def events(self, *, limit: int, community: str) -> tuple[Record, ...]:
        """Newest first; `community` is a handle, or empty for all."""
        ...

    async def event(self, *, id: str) -> Record:  # noqa: A002  (what people call it)
        ...

    async def deliveries(self, *, limit: int) -> Outbound: ...

    async def retry(self, *, id: int) -> DeadLetter:  # noqa: A002
        """Sends the item of one dead letter again, to that destination alone."""
        ...

    async def holds(self, *, limit: int, community: str) -> tuple[HoldLine, ...]:
        """What waits for a person or for time, the longest waiting first."""
        ...

    async def release(self, *, id: str) -> HoldLine:  # noqa: A002
        """Lets a held event cross, in its place in the thread; its author is let in."""
        ...

    async def return_(self, *, id: str, reason: str) -> HoldLine:  # noqa: A002
        """Gives a held event back to its author, with the reason."""
        ...

    async def log_show(self, *, community: str, limit: int, names: bool) -> tuple[LogEntry, ...]:
        """The last entries, oldest first; with `names` also whom they concern, for whoever runs the node."""
        ...

    async def log_verify(self, *, community: str) -> LogProof:
        """Does every entry follow from the one before?"""
        ...

    async def log_public(self, *, community: str) -> PublicLog:
        """What everybody may see."""
        ...

    async def cases(self, *, community: str, limit: int) -> tuple[CaseLine, ...]:
        """Newest first, without names and words."""
        ...

    async def case_say(self, *, community: str, id: str, words: str) -> CaseLine:  # noqa: A002
        """What an admin says of a case, as moderators say it in their room: `removed`, `nothing`, `reversed` …, then a reason."""
        ...

    async def roles(self, *, handle: str) -> tuple[SeatLine, ...]:
        """Who looks after a community now, the highest seat first."""
        ...

    async def role_grant(self, *, handle: str, who: str, role: str, days: int | None, topic: str) -> SeatLine:
        """`who`: a Matrix id, an actor's address, or `@name@server` of somebody this node has met. `days` None: the role's usual term."""
        ...

    async def role_end(self, *, handle: str, who: str, role: str) -> SeatLine: ...

    async def media(self, *, limit: int) -> tuple[MediaLine, ...]:
        """Files that other servers can fetch from here, and those that were taken down, newest first."""
        ...

    async def media_remove(self, *, id: str, reason: str) -> MediaLine:  # noqa: A002
        """Takes a file down, by its id or its address, and whatever else has the same bytes; it is never kept again."""
        ...

    async def intake(self, *, limit: int) -> tuple[IntakeLine, ...]:
        """What arrived and could not be read yet; what waits for a person first."""
        ...

    async def intake_retry(self, *, number: int) -> IntakeLine:
        """Reads it again now, as if it had just come."""
        ...

    async def intake_drop(self, *, number: int, reason: str) -> IntakeLine:
        """Gives it up: its bytes are erased, the reason stays."""
        ...

    async def status(self) -> Status: ...


def hold_line(hold: Hold, *, community: str, reason: str) -> HoldLine:
    """A hold as people see it; `community` is the handle, `reason` the sentence of `hold.code`."""
    return HoldLine(
        event_id=hold.event_id,
        community=community,
        author=hold.author,
        handle=hold.handle or hold.author.id,
        kind=hold.kind,
        code=hold.code,
        reason=reason,
        since=hold.since,
        due_at=hold.due_at,
        on_expiry=hold.on_expiry,
    )
