"""What leaves: one outgoing item, where it goes, and what came of it."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.model.event import Event
from bridge.model.ids import CommunityId, EventId, ItemId, Native, ObjectId, Protocol, RosterId


class Destination(msgspec.Struct, frozen=True, order=True):
    """Where a request goes: an ActivityPub inbox URL, a Matrix room id, a loopback place. Circuit and pace are per `host`."""

    protocol: Protocol
    address: str
    host: str


class Item(msgspec.Struct, frozen=True):
    """One outgoing item, stored once whatever the number of its receivers.

    `form` is a word of the adapter's capabilities (`send`, `wrap`, `boost`, `direct`, `accept`, `say` …); `by` is who speaks (an actor we stand
    for, or a community as `folkmoot:{id}`); receivers are everyone in `roster` when it was written, plus `to`. Urgent items overtake
    ordinary ones of the same destination. `thread` keeps order: two items of one thread are never in flight together.
    """

    id: ItemId
    event_id: EventId
    community: CommunityId
    object: ObjectId
    thread: str
    place: Native
    form: str
    by: Native
    event: Event
    urgent: bool = False
    roster: RosterId | None = None
    to: tuple[Destination, ...] = ()
    reached: bool = False
    """Also everyone who ever received an item of this object; of a face that ended, anything its person said."""
    keep_days: int = 7


class Delivered(msgspec.Struct, frozen=True, tag="delivered"):
    """It is there; `native` is what the place calls its copy, where it has a name of its own (a Matrix event id)."""

    native: str | None = None


class Snooze(msgspec.Struct, frozen=True, tag="snooze"):
    """Not a failure: ask again after `seconds`."""

    seconds: float
    why: str = ""


class Scope(enum.StrEnum):
    LANE = "lane"
    HOST = "host"


class Retry(msgspec.Struct, frozen=True, tag="retry"):
    """Failed for now. `scope` HOST: the server did not answer at all, so its other lanes wait too. `after` in seconds, if the peer said."""

    why: str
    after: float | None = None
    scope: Scope = Scope.LANE


class Dead(msgspec.Struct, frozen=True, tag="dead"):
    """Will never succeed; `gone` when the destination itself has ended (410)."""

    why: str
    gone: bool = False


class Skipped(msgspec.Struct, frozen=True, tag="skipped"):
    """Rightly not sent: taken back meanwhile, or nothing to do there."""

    why: str


Outcome = Delivered | Snooze | Retry | Dead | Skipped


class Omission(msgspec.Struct, frozen=True):
    """Something that could not cross, with a reason a person can read. `code` as `audience.not_carried`."""

    event_id: EventId
    place: Native
    code: str
    text: str


SILENCE = "Nothing came through"
"""How the reason of a dead letter begins whose server never answered: it has not refused anything."""


class Stage(enum.StrEnum):
    """Where one item stands at one destination, for people to read."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    GIVEN_UP = "given_up"


class Standing(msgspec.Struct, frozen=True):
    """One item at one destination; `at` and `why` where there is something to say."""

    item: ItemId
    form: str
    destination: Destination
    stage: Stage
    why: str = ""
    attempts: int = 0
    next_at: datetime | None = None
