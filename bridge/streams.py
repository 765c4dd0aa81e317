"""What stands in the three streams and on their lanes, as the ports take it and give it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.model.ids import EventId, ItemId
from bridge.model.ids import Protocol as ProtocolName
from bridge.model.item import Destination, Item


class Stream(enum.StrEnum):
    INTAKE = "intake"
    EVENTS = "events"
    OUT = "out"


class Intake(msgspec.Struct, frozen=True):
    """Raw bytes as they came. `key`: derived from the envelope alone, a repeat has the same; `lane`: room id or the signer's host;

    `kind`: the adapter's word for what the bytes are; `signer`: the verified actor id, None where the homeserver vouches.
    """

    key: str
    lane: str
    protocol: ProtocolName
    kind: str
    body: bytes
    received_at: datetime
    signer: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """One record of the intake stream, as read back. `tries`: how often it waited for something before."""

    seq: int
    intake: Intake
    tries: int = 0


class Receipt(msgspec.Struct, frozen=True):
    """`fresh` is false when the key was known already: then nothing was written."""

    seq: int
    fresh: bool


Share = frozenset[int] | None
"""Buckets of a stream; None is all of them."""


class Backlog(msgspec.Struct, frozen=True):
    """Rows not yet done and the age of the oldest in seconds, per stream; holds open; dead letters; free disk in bytes (None where
    a database elsewhere does not say); arrivals that wait for a person (`Wait.stuck`)."""

    rows: Mapping[str, int]
    oldest: Mapping[str, float]
    holds: int
    dead: int
    disk_free: int | None
    stuck: int = 0


class LaneState(msgspec.Struct, frozen=True):
    """One lane of one destination. `first_failure_at`: since when nothing has worked; `probe`: its host's circuit is half open, send one."""

    destination: Destination
    urgent: bool
    cursor: int
    fails: int = 0
    next_at: datetime | None = None
    first_failure_at: datetime | None = None
    last_error: str = ""
    probe: bool = False


class HostState(msgspec.Struct, frozen=True):
    """The circuit of one server: closed when `fails` is 0."""

    host: str
    fails: int = 0
    next_at: datetime | None = None
    first_failure_at: datetime | None = None
    last_error: str = ""


class Queued(msgspec.Struct, frozen=True):
    """`item` None: its body was erased (taken back, or expired). `taken_back`: its object was retracted after the item was written."""

    seq: int
    item: Item | None
    taken_back: bool = False


class Window(msgspec.Struct, frozen=True):
    """The next of what a lane hears, in order. `more`: there may be something after it."""

    queued: tuple[Queued, ...]
    more: bool


class DeadLetter(msgspec.Struct, frozen=True):
    id: int
    item: ItemId
    event_id: EventId
    form: str
    destination: Destination
    why: str
    attempts: int
    at: datetime
