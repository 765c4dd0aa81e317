"""What a moderator does, whichever way they took: a sign on a card, a line of text, their own client's button, the desk, the command line."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec

from bridge.model.ids import EventId, Native, ObjectId


class Deed(enum.StrEnum):
    """The vocabulary of norms.md 4.2, in its words."""

    RELEASE = "release"
    RETURN = "return"
    HOLD = "hold"
    NOTE = "note"
    SLOW = "slow"
    COOL = "cool"
    GUARD = "guard"
    SHELTER = "shelter"
    SHUTTERS = "shutters"
    LOCK = "lock"
    UNLOCK = "unlock"
    WARN = "warn"
    LIMIT = "limit"
    REST = "rest"
    BAN = "ban"
    LIFT = "lift"
    REMOVE = "remove"
    RESTORE = "restore"
    SERVER_LIMIT = "server limit"
    SERVER_BLOCK = "server block"
    SERVER_LIFT = "server lift"
    CASE = "case"
    WHY = "why"
    LOG = "log"
    UNDO = "undo"
    CONFIRM = "confirm"
    """A code, for what asked for one."""
    SECOND = "second"
    """The second person's yes to what needs two."""
    REFUSE = "refuse"
    """The second person's no."""
    GRANT = "grant"
    """A seat is given (`Add` to the moderators collection)."""
    END = "end"
    """A seat is ended (`Remove` from it)."""


class Via(enum.StrEnum):
    """Which way it came (norms.md 4.2)."""

    CARD = "card"
    ROOM = "room"
    DIRECT = "direct"
    NATIVE = "native"
    WEB = "web"
    COMMAND_LINE = "command line"


class Act(msgspec.Struct, frozen=True):
    """`id` is the event that gave it. `object` is what it is about, `person` whom, `server` a host name in lower case.

    `span` None: the default of the deed; `forever`: without an end, which two people decide. `norm` is an id as `N08`, "" when none was
    named. `about` is the id of the card, case, act or restriction it names, or the typed code. `seen`: the version of the case its author
    had before them, None when there was none. `tidy`: what the person said goes too (`removeData`). `words`: the rest of a `case …` line.
    """

    id: EventId
    deed: Deed
    by: Native
    at: datetime
    via: Via
    object: ObjectId | None = None
    person: Native | None = None
    server: str = ""
    span: timedelta | None = None
    forever: bool = False
    norm: str = ""
    reason: str = ""
    topic: str = ""
    about: str = ""
    seen: int | None = None
    tidy: bool = False
    words: str = ""
