"""What a person takes back at once, and how far that has come: one row from the order to the last receipt (norms.md N02)."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec

from bridge.model.actor import Actor
from bridge.model.ids import CommunityId, EventId, Native, ObjectId


class Scope(enum.StrEnum):
    THIS = "this"
    THREAD = "thread"
    SINCE = "since"
    ME = "me"
    """Everything, in every community of this node, and the name besides."""


class Phase(enum.StrEnum):
    ASKED = "asked"
    """Waits for the typed code."""
    WAITING = "waiting"
    """The person may still cancel."""
    RUNNING = "running"
    """Retractions are being written, a bounded number at a time."""
    ENDING = "ending"
    """All are written; waits until all are carried out here."""
    COUNTING = "counting"
    """Waits for the first answers of the servers."""
    OPEN = "open"
    """The first receipt is given; who has not answered is asked again."""
    CLOSING = "closing"
    """The last receipt is given, and leaves."""
    DONE = "done"


class Answer(enum.StrEnum):
    """What one server says, from best to worst."""

    ACCEPTED = "accepted"
    GONE = "gone"
    REFUSED = "refused"
    SILENT = "silent"


class Withdrawal(msgspec.Struct, frozen=True):
    """`id` is the event of the order. `alias` stands for the person from the moment it runs (`Scope.ME`; else it is themselves).

    `since` and `about` narrow the scope. `reached`: the ordinal up to which retractions are written; `count`: how many. `servers`: the answer
    of each as last counted. `clean`: no table names the person any more. `ran_at`: when everything was carried out here.
    """

    id: EventId
    community: CommunityId
    person: Actor
    scope: Scope
    phase: Phase
    at: datetime
    due_at: datetime
    alias: Native
    since: datetime | None = None
    about: ObjectId | None = None
    answer_in: Native | None = None
    reached: int = 0
    count: int = 0
    servers: tuple[tuple[str, Answer], ...] = ()
    clean: bool = True
    ran_at: datetime | None = None


class Terms(msgspec.Struct, frozen=True):
    """Parameters of N02: what asks for a typed code, how long one may cancel, how long servers are asked again, how long a code holds."""

    confirm_over: int = 200
    cancel_window: timedelta = timedelta(minutes=10)
    asked_again: timedelta = timedelta(days=30)
    code_holds: timedelta = timedelta(hours=1)
