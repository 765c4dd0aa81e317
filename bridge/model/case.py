"""What moderators look at together: one case per object, or per person and week, from the first report to the last trace (norms.md 4.5)."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NewType

import msgspec

from bridge.model.content.report import SEVERE, Category
from bridge.model.ids import CommunityId, ItemId, Native, ObjectId

CaseId = NewType("CaseId", str)
"""Derived, as every id of ours; people may type its first six characters."""


class Stage(enum.StrEnum):
    """How far a case has come; a case only ever goes on, or is merged into another."""

    RECEIVED = "received"
    SEEN = "seen"
    DECIDED = "decided"
    """Somebody decided; those concerned are being told."""
    TOLD = "told"
    """The time in which it can be appealed runs."""
    APPEALED = "appealed"
    """Somebody else looks once more."""
    CLOSED = "closed"
    MERGED = "merged"
    """It goes on in `into`."""
    PSEUDONYMISED = "pseudonymised"


OPEN = frozenset({Stage.RECEIVED, Stage.SEEN, Stage.DECIDED, Stage.TOLD, Stage.APPEALED})


class Outcome(enum.StrEnum):
    """What was decided, as its class: all that a reporter is told."""

    NOTHING = "nothing"
    NOTE = "note"
    REMOVE = "remove"
    RESTRICTION = "restriction"
    RESTORE = "restore"
    STAYS = "stays"
    """It was not shown, or not everywhere: what norms decide by themselves."""
    REFER = "refer"
    """Passed on to the author's own server."""


class Ruled(enum.StrEnum):
    """What came of an appeal."""

    STANDS = "stands"
    CHANGED = "changed"
    REVERSED = "reversed"


class Raised(msgspec.Struct, frozen=True):
    """One hand raised. `standing` as norms.context.Rank; `host` the reporter's server, which counts once for its strangers."""

    by: Native
    host: str
    standing: str
    at: datetime
    category: Category = Category.OTHER
    words: str = ""
    named: bool = False
    forward: bool = False
    counts: bool = True
    """Does it raise the priority?"""


class Opening(msgspec.Struct, frozen=True):
    """Somebody looked at the sealed copies."""

    by: Native
    at: datetime


class Appeal(msgspec.Struct, frozen=True):
    """`by` the person concerned; `due_at` when it should have been looked at. `reviewer` never decided before."""

    by: Native
    at: datetime
    due_at: datetime
    words: str = ""
    reviewer: Native | None = None
    ruled: Ruled | None = None
    ruled_at: datetime | None = None
    reason: str = ""


class Settlement(msgspec.Struct, frozen=True):
    """`by` None: it decided itself, by a norm or by the clock. `entry` is its line in the log, `undoes` the deed that would take it back."""

    outcome: Outcome
    at: datetime
    by: Native | None = None
    norm: str = ""
    reason: str = ""
    entry: str = ""
    undoes: str = ""


class Case(msgspec.Struct, frozen=True):
    """`object` what it is about, None for a case about a person in `week` (ISO, `2026-W48`); `person` whose words or deeds, None when unknown.

    `place` where it was said, `url` where people can open it. `version` grows with every change: an act names the one it saw. `due_at`: when
    time does something next, None when nothing. `flag` is our report to the author's own server. `hosts` counts strangers: each server once.
    """

    id: CaseId
    community: CommunityId
    opened_at: datetime
    object: ObjectId | None = None
    person: Native | None = None
    week: str = ""
    place: Native | None = None
    url: str = ""
    kind: str = ""
    standing: str = ""
    host: str = ""
    stage: Stage = Stage.RECEIVED
    version: int = 1
    raised: tuple[Raised, ...] = ()
    beyond: int = 0
    """Hands raised after the list of them was full."""
    seen_at: datetime | None = None
    seen_by: Native | None = None
    settlement: Settlement | None = None
    appeal: Appeal | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    into: CaseId | None = None
    sealed: bool = False
    """There are sealed copies of what was reported."""
    openings: tuple[Opening, ...] = ()
    flag: ItemId | None = None
    resolved_elsewhere: bool = False
    """That server says that it has looked."""

    @property
    def is_open(self) -> bool:
        return self.stage in OPEN

    @property
    def is_severe(self) -> bool:
        return any(one.category in SEVERE for one in self.raised)
