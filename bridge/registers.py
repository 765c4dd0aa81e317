"""The ports of what is kept about people: standing, direct conversations, cases, and the log of what was done; and of norms."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bridge.model.case import Case, CaseId
from bridge.model.event import Event
from bridge.model.ids import ChannelId, CommunityId, Native, ObjectId
from bridge.model.logentry import LogEntry
from bridge.model.portal import Door, Portal
from bridge.model.role import Seat
from bridge.norms.counters import Count
from bridge.norms.decision import ModeOp
from bridge.norms.origins import Origin
from bridge.norms.standing import Tenure, Vouch
from bridge.norms.version import Version
from bridge.streams import Share

__all__ = ["Cases", "Log", "Norms", "People", "Portals", "Seats"]


class Cases(Protocol):
    """What moderators look at, opened; at rest all of it is sealed."""

    async def case(self, case: CaseId) -> Case | None: ...

    async def case_about(self, community: CommunityId, object_id: ObjectId | None, person: Native | None, week: str) -> Case | None:
        """The newest case about this object, or about this person in that week, merged ones excepted."""
        ...

    async def cases(self, community: CommunityId, limit: int, *, is_open: bool = True) -> tuple[Case, ...]:
        """Newest first; without `is_open` also those that are over."""
        ...

    async def case_called(self, community: CommunityId, beginning: str) -> Case | None:
        """The one case whose id begins so; None when there is none, or several."""
        ...

    async def due(self, now: datetime, limit: int, share: Share = None) -> tuple[Case, ...]:
        """Those with which time has something to do, the longest due first."""
        ...

    async def next_due(self, share: Share = None) -> datetime | None: ...

    async def naming(self, person: Native, limit: int) -> tuple[Case, ...]:
        """Cases that name this person in any way."""
        ...

    async def evidence(self, case: CaseId) -> tuple[Event, ...]:
        """The sealed copies, opened. Whoever asks for them says who looks, and writes that down."""
        ...


class Log(Protocol):
    """What was done, per community one chain (norms.md 4.6)."""

    async def entries(self, community: CommunityId, after: int, limit: int) -> tuple[LogEntry, ...]:
        """In order, those with a greater `seq`; `names` None where they were cut."""
        ...

    async def entry(self, community: CommunityId, beginning: str) -> LogEntry | None:
        """The one entry whose id begins so; None when there is none, or several."""
        ...

    async def concerning(self, person: Native, limit: int) -> tuple[LogEntry, ...]:
        """What concerns this person, newest first."""
        ...

    async def head(self, community: CommunityId) -> LogEntry | None:
        """The last entry."""
        ...


class Portals(Protocol):
    """Direct conversations, and whom people let knock (N17). `Directory.channel` and `channel_of` find them as channels too."""

    async def portal(self, id: ChannelId) -> Portal | None: ...  # noqa: A002  (as in Portal)

    async def portal_at(self, room: Native) -> Portal | None: ...

    async def of(self, person: Native, limit: int) -> tuple[Portal, ...]:
        """Theirs, on either side, newest first."""
        ...

    async def knocks(self, person: Native, since: datetime) -> tuple[int, int]:
        """How many knocked at this person, or this person at others, from then on, and how many of these are unanswered."""
        ...

    async def rooms(self, after: str, limit: int) -> tuple[Portal, ...]:
        """Those with a room, ordered by id, after the id given."""
        ...

    async def door(self, person: Native) -> Door | None: ...


class People(Protocol):
    """Who somebody, or a server, is to a community (norms.md 3.3, N05, N09), and the modes that it is in."""

    async def tenure(self, actor: Native, community: CommunityId) -> Tenure:
        """One look-up, also of who has none."""
        ...

    async def vouches_by(self, actor: Native, community: CommunityId) -> tuple[Vouch, ...]:
        """Those that have not ended."""
        ...

    async def acquainted(self, one: Native, other: Native, community: CommunityId) -> bool:
        """Did `one` answer `other`, or let them in, within 90 days?"""
        ...

    async def origin(self, host: str, community: CommunityId) -> Origin | None: ...

    async def origins(self, community: CommunityId) -> tuple[Origin, ...]: ...

    async def modes(self, community: CommunityId) -> tuple[ModeOp, ...]:
        """Those that have not ended."""
        ...


class Seats(Protocol):
    """Who looks after which community (norms.md 4.1). Those that are over are there too, for a while."""

    async def in_community(self, community: CommunityId) -> tuple[Seat, ...]: ...

    async def held_by(self, person: Native) -> tuple[Seat, ...]:
        """In whatever community."""
        ...


class Norms(Protocol):
    """Every version of every norm file, and what norms count."""

    async def current(self) -> tuple[Version, ...]:
        """The last version of each file, by name."""
        ...

    async def history(self, name: str) -> tuple[Version, ...]:
        """Every version of one file, the first first."""
        ...

    async def counters(self, keys: tuple[str, ...]) -> dict[str, Count]:
        """Those that there are; one look-up for all."""
        ...
