"""A small node to command: `Operations` over a few real values, for the tests of the control socket and of the command line."""

# ruff: noqa: A002  (the names are those of Operations)

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bridge.control import ControlServer
from bridge.errors import Full, OperatorError
from bridge.model.case import CaseId
from bridge.model.content.release import Ending
from bridge.model.ids import ACTIVITYPUB, MATRIX, CommunityId, EventId, ItemId, Native, ObjectId
from bridge.model.item import Destination, Omission, Stage, Standing
from bridge.model.logentry import Doing, LogEntry, Names
from bridge.model.place import Place, PlaceKind
from bridge.model.record import Hold, Record
from bridge.model.role import Role
from bridge.moderation.log import PublicLog, public
from bridge.operations import (
    CaseLine,
    CommunityLine,
    HoldLine,
    IntakeLine,
    LogProof,
    MediaLine,
    Outbound,
    Retirement,
    SeatLine,
    Status,
    hold_line,
)
from bridge.streams import Backlog, DeadLetter, LaneState

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
ROOM = Native(MATRIX, "!commons:hs.example")
GROUP = Native(ACTIVITYPUB, "https://moot.example/c/one")
SAM = Native(ACTIVITYPUB, "https://masto.example/users/sam")
NEAR = Destination(ACTIVITYPUB, "https://masto.example/inbox", "masto.example")
FAR = Destination(ACTIVITYPUB, "https://gone.example/inbox", "gone.example")

WAITING = Hold(
    event_id=EventId("k7t2mq5x3wz4n6a2b7c5d3e4fi"),
    community=CommunityId("c1"),
    object=ObjectId("k7t2mq5x3wz4n6a2b7c5d3e4fi"),
    author=SAM,
    kind="review",
    code="N05.first",
    since=NOON,
    due_at=NOON + timedelta(hours=24),
    on_expiry=Ending.RETURN,
    body=b"the words that wait",
    handle="@sam@masto.example",
)
LETTER = DeadLetter(
    id=17,
    item=ItemId("item1"),
    event_id=EventId("a2b7c5d3e4fik7t2mq5x3wz4n6"),
    form="wrap",
    destination=FAR,
    why="410 Gone",
    attempts=3,
    at=NOON,
)
LANE = LaneState(destination=NEAR, urgent=True, cursor=4, fails=2, next_at=NOON, first_failure_at=NOON, last_error="503")
CROSSED = Record(
    event_id=EventId("a2b7c5d3e4fik7t2mq5x3wz4n6"),
    community=CommunityId("c1"),
    kind="edit",
    place=ROOM,
    received_at=NOON,
    ended="crossed",
    reasons=("Bo lets everything cross.", "The room is public."),
    omissions=(Omission(EventId("a2b7c5d3e4fik7t2mq5x3wz4n6"), GROUP, "audience.not_carried", "The group cannot keep words among few."),),
    standings=(
        Standing(ItemId("item1"), "wrap", NEAR, Stage.DELIVERED),
        Standing(ItemId("item1"), "wrap", FAR, Stage.DEAD, "410 Gone", 3),
        Standing(ItemId("item2"), "direct", NEAR, Stage.WAITING, "503", 2, NOON + timedelta(minutes=4)),
        Standing(ItemId("item2"), "direct", FAR, Stage.GIVEN_UP, "silent for 7 days", 40),
    ),
)
DONE = tuple(
    LogEntry(
        f"entry{seq}",
        CommunityId("commons"),
        NOON,
        Doing("hold", norm="N05", item="message", place="open room", standing="visitor", platform="activitypub"),
        Names(whom=Native(ACTIVITYPUB, "https://a.example/u/sam"), reason="the first post"),
        seq=seq,
    )
    for seq in range(1, 7)
)

CASE = CaseLine(CaseId("k7t2mq5x3wz4n6a2b7c5d3e4fi"), "commons", "nobody has looked yet", NOON, "1 known member (weight 1)", "message")

HELD = Record(
    event_id=EventId("k7t2mq5x3wz4n6a2b7c5d3e4fi"),
    community=CommunityId("c1"),
    kind="message",
    place=GROUP,
    received_at=NOON,
    ended="held",
    reasons=("Their first words here.",),
    held_until=NOON + timedelta(hours=24),
)


PHOTO = MediaLine(
    id="b7c5d3e4fik7t2mq5x3wz4n6a2",
    address="https://media.moot.example/media/b7c5d3e4fik7t2mq5x3wz4n6a2.jpg",
    media_type="image/jpeg",
    size=91234,
    at=NOON,
    width=800,
    height=600,
)


STUCK = IntakeLine(
    number=1204,
    protocol="activitypub",
    kind="activity",
    lane="gone.example",
    received_at=NOON,
    why="could not be read, 9 times: gone.example cannot be reached",
    tries=9,
    stuck=True,
    size=2048,
)


class Desk:
    """Keeps what it is told and finds it again, as a node does."""

    def __init__(self) -> None:
        self.lines: dict[str, CommunityLine] = {}
        self.held = {WAITING.event_id: hold_line(WAITING, community="commons", reason="Their first words here.")}
        self.files = {PHOTO.id: PHOTO}
        self.seats: dict[str, SeatLine] = {}
        self.parked = {STUCK.number: STUCK}
        self.told: list[str] = []
        self.full = False

    async def community_create(self, *, handle: str, name: str) -> CommunityLine:
        if handle in self.lines:
            raise OperatorError(f"the handle {handle} is taken", remedy="Choose another; handles are never given out again.")
        self.lines[handle] = CommunityLine(handle, name, f"@{handle}@moot.example")
        return self.lines[handle]

    async def community_link(self, *, handle: str, place: str) -> CommunityLine:
        line = self._line(handle)
        self.lines[handle] = msgspec.structs.replace(line, places=(*line.places, Place(Native(MATRIX, place), PlaceKind.ROOM)))
        return self.lines[handle]

    async def community_unlink(self, *, handle: str, place: str) -> CommunityLine:
        line = self._line(handle)
        self.lines[handle] = msgspec.structs.replace(line, places=tuple(one for one in line.places if one.native.id != place))
        return self.lines[handle]

    async def community_retire(self, *, handle: str) -> Retirement:
        self.lines[handle] = msgspec.structs.replace(self._line(handle), retired=True)
        return Retirement(handle, 5)

    async def communities(self) -> tuple[CommunityLine, ...]:
        return tuple(self.lines.values())

    async def events(self, *, limit: int, community: str) -> tuple[Record, ...]:
        self.told.append(f"events {limit} {community}")
        return (HELD, CROSSED)[:limit]

    async def event(self, *, id: str) -> Record:
        for record in (HELD, CROSSED):
            if record.event_id == id:
                return record
        raise OperatorError(f"there is no event {id}", remedy="folkmoot events list shows the newest.")

    async def deliveries(self, *, limit: int) -> Outbound:
        if self.full:
            raise Full("the disk is full")
        return Outbound((LANE,), (LETTER,))

    async def retry(self, *, id: int) -> DeadLetter:
        if id != LETTER.id:
            raise OperatorError(f"there is no dead letter {id}", remedy="folkmoot deliveries list shows them.")
        return LETTER

    async def holds(self, *, limit: int, community: str) -> tuple[HoldLine, ...]:
        return tuple(self.held.values())[:limit]

    async def release(self, *, id: str) -> HoldLine:
        return self.held.pop(EventId(id))

    async def return_(self, *, id: str, reason: str) -> HoldLine:
        self.told.append(reason)
        return self.held.pop(EventId(id))

    async def community_moderation(self, *, handle: str, place: str) -> CommunityLine:
        room = Place(Native(MATRIX, place), PlaceKind.MODERATION) if place else None
        self.lines[handle] = msgspec.structs.replace(self._line(handle), moderation=room)
        return self.lines[handle]

    async def log_show(self, *, community: str, limit: int, names: bool) -> tuple[LogEntry, ...]:
        self._line(community)
        return tuple(one if names else msgspec.structs.replace(one, names=None) for one in DONE)[-limit:]

    async def log_verify(self, *, community: str) -> LogProof:
        self._line(community)
        return LogProof("f" * 64, 1, 2, "it was changed after it was written") if self.full else LogProof("f" * 64, 2)

    async def log_public(self, *, community: str) -> PublicLog:
        self._line(community)
        return public(DONE)

    async def cases(self, *, community: str, limit: int) -> tuple[CaseLine, ...]:
        self._line(community)
        return (CASE,)[:limit]

    async def case_say(self, *, community: str, id: str, words: str) -> CaseLine:
        self._line(community)
        self.told.append(f"{id} {words}")
        return msgspec.structs.replace(CASE, outcome="it was taken down")

    async def roles(self, *, handle: str) -> tuple[SeatLine, ...]:
        self._line(handle)
        return tuple(self.seats.values())

    async def role_grant(self, *, handle: str, who: str, role: str, days: int | None, topic: str) -> SeatLine:
        self._line(handle)
        until = None if days is None else NOON + timedelta(days=days)
        self.seats[who] = SeatLine(Native(MATRIX, who), who, Role(role), NOON, until, "operator", topic)
        return self.seats[who]

    async def role_end(self, *, handle: str, who: str, role: str) -> SeatLine:
        if who not in self.seats:
            raise OperatorError(f"{who} is no {role} of {handle}", remedy="`folkmoot roles list` shows who holds which seat.")
        return self.seats.pop(who)

    async def media(self, *, limit: int) -> tuple[MediaLine, ...]:
        return tuple(self.files.values())[:limit]

    async def media_remove(self, *, id: str, reason: str) -> MediaLine:
        if id not in self.files:
            raise OperatorError(f"there is no file {id!r}", remedy="`folkmoot media list` shows what is served.")
        self.files[id] = msgspec.structs.replace(self.files[id], removed_at=NOON, why=reason)
        return self.files[id]

    async def intake(self, *, limit: int) -> tuple[IntakeLine, ...]:
        return tuple(self.parked.values())[:limit]

    async def intake_retry(self, *, number: int) -> IntakeLine:
        if number not in self.parked:
            raise OperatorError(f"nothing waits under the number {number}", remedy="`folkmoot intake list` shows what does.")
        self.parked[number] = msgspec.structs.replace(self.parked[number], stuck=False, due_at=NOON, tries=0)
        return self.parked[number]

    async def intake_drop(self, *, number: int, reason: str) -> IntakeLine:
        self.told.append(reason)
        return self.parked.pop(number)

    async def status(self) -> Status:
        backlog = Backlog({"intake": 0, "events": 0, "out": 7}, {"intake": 0.0, "events": 0.0, "out": 90.0}, 1, 1, 12_000_000_000)
        return Status("moot.example", "0.1.0", True, len(self.lines), backlog, NOON)

    def _line(self, handle: str) -> CommunityLine:
        if handle not in self.lines:
            raise OperatorError(f"there is no community {handle}", remedy="folkmoot community list shows them.")
        return self.lines[handle]


@contextlib.contextmanager
def running(desk: Desk, socket: Path) -> Iterator[Desk]:
    """A node that answers on its control socket, in a thread with a loop of its own, as another process would."""
    ready = threading.Event()
    stops: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        async with ControlServer(desk, socket):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield desk
    finally:
        stops[0]()
        thread.join()
