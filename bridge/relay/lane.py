"""One lane at work: what of it is in flight, what may go next, and how far everything is done; pure, so that any order of answers can be tried.

Engine.md section 9, "Ordering": at most so many in flight, never two of one thread, the cursor is the low-water mark, after a failure one
at a time. What is begun is begun in the same breath in which it was read, so nothing that was taken back before the reading is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from bridge.changes import AdvanceLane, Change, EndDestination, FailLane, GiveUp, SnoozeLane
from bridge.model.content import Edit
from bridge.model.ids import ObjectId
from bridge.model.item import Destination, Item
from bridge.streams import LaneState, Queued, Window

__all__ = ["WINDOW", "Ending", "Flight", "Host", "Key", "Lane", "Settlement"]

Key = tuple[Destination, bool]
"""A destination, and whether it is its urgent lane."""

Ending = FailLane | SnoozeLane | GiveUp | EndDestination
"""Why nothing more of a lane is begun for now."""

WINDOW = 16
"""Items of one lane looked at from its cursor: how far those of other threads can go ahead of a slow one."""


class Flight(msgspec.Struct, frozen=True):
    """One item on its way. `lane_turn` and `host_turn`: how many failures had been counted when it began; a later failure of the same
    outage is not another one, and a success from before does not end it."""

    seq: int
    item: Item
    lane_turn: int
    host_turn: int


class Settlement(msgspec.Struct, frozen=True):
    """What the store is to learn of one lane: changes, then how far it is, then why it rests. `landed`: whose threads wait until it knows."""

    changes: tuple[Change, ...]
    advance: AdvanceLane | None
    ending: Ending | None
    landed: tuple[int, ...]


class Host:
    """A server: how much goes there at once, and whether it answers. `limit`: items in flight while it does."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.flying = 0
        self.turn = 0
        """Failures counted."""
        self.unsettled: set[FailLane] = set()
        """Of these, those that the store does not know yet."""
        self.has_recovered = False
        """It answered again, which the store does not know yet."""
        self.is_down = False
        """It did not answer, and the store has not said since that it may be tried."""
        self.is_probed = False
        """Its circuit is half open: one item at a time."""
        self.waiting: deque[Lane] = deque()
        self.lanes: set[Lane] = set()

    @property
    def room(self) -> int:
        return 0 if self.is_down else (1 if self.is_probed else self.limit) - self.flying


class Lane:
    """`parallel`: items in flight at once while nothing fails."""

    def __init__(self, state: LaneState, host: Host, parallel: int) -> None:
        self.state = state
        self.host = host
        self.parallel = parallel
        self.upto = state.cursor
        """Everything up to here is done."""
        self.turn = 0
        """Failures counted."""
        self.more = True
        """There may be something to begin."""
        self.is_queued = False
        self.is_down = False
        self.ending: Ending | None = None
        self._saved = state.cursor
        self._answered = False
        self._changes: list[Change] = []
        self._order: deque[int] = deque()
        self._done: set[int] = set()
        self._flying: dict[int, Flight] = {}
        self._landing: dict[int, Item] = {}

    @property
    def destination(self) -> Destination:
        return self.state.destination

    @property
    def key(self) -> Key:
        return self.state.destination, self.state.urgent

    @property
    def sibling(self) -> Key:
        """The other lane of the same destination."""
        return self.state.destination, not self.state.urgent

    @property
    def attempt(self) -> int:
        """Which try in a row the next one is."""
        return self.state.fails + 1

    @property
    def busy(self) -> int:
        return len(self._flying) + len(self._landing)

    @property
    def may_begin(self) -> bool:
        """May there be something, and is there room in this lane for it?"""
        return self.more and not self.is_down and self.busy < self._allowed

    @property
    def is_dirty(self) -> bool:
        """Does it know something that the store does not?"""
        return bool(self._changes or self.ending or self._landing or self.upto > self._saved)

    @property
    def is_idle(self) -> bool:
        """Nothing would be lost by forgetting it: the store says when there is more."""
        return not (self.is_dirty or self._flying or self._done or self.is_queued) and (self.is_down or self.host.is_down or not self.more)

    @property
    def standpoint(self) -> LaneState:
        """For reading on from where it is, which the store may not know yet."""
        return msgspec.structs.replace(self.state, cursor=self.upto)

    @property
    def _allowed(self) -> int:
        return 1 if self.state.fails else self.parallel

    def renew(self, state: LaneState) -> None:
        """As the store knows it now; it may be tried."""
        self.state = state
        self.is_down = False
        self.more = True
        self._saved = max(self._saved, state.cursor)
        self.upto = max(self.upto, state.cursor)
        self._done = {seq for seq in self._done if seq > self.upto}

    def tells_of(self, item: Item) -> bool:
        """Is what `item` is about under way here, or a newer form of it? A retraction waits for its own create."""
        under_way = [*(flight.item for flight in self._flying.values()), *self._landing.values()]
        return any(
            ObjectId(other.event_id) == item.object or (isinstance(other.event.content, Edit) and other.object == item.object)
            for other in under_way
        )

    def begin(self, window: Window, room: int, waits: Callable[[Item], bool]) -> tuple[list[Flight], list[Queued]]:
        """What of the window goes now, in flight from here on, and what is passed over because it was taken back.

        `room`: how many at most. `waits`: not yet, for a reason outside this lane; then nothing of its thread goes either.
        """
        ahead = [queued for queued in window.queued if queued.seq > self.upto]
        self._order = deque(queued.seq for queued in ahead)
        self.more = window.more
        allowed = min(room, self._allowed - self.busy)
        under_way = [*(flight.item for flight in self._flying.values()), *self._landing.values()]
        taken = {one for item in under_way for one in _strands(item)}
        begun: list[Flight] = []
        passed: list[Queued] = []
        for queued in ahead:
            item = queued.item
            if queued.seq in self._flying or queued.seq in self._done:
                continue
            if item is None or queued.taken_back:
                passed.append(queued)
                continue
            if len(begun) >= allowed:
                self.more = True
                break
            follows = not taken.isdisjoint(_strands(item)) or waits(item)
            taken.update(_strands(item))
            if follows:
                self.more = True
                continue
            begun.append(Flight(queued.seq, item, self.turn, self.host.turn))
        self._flying.update((flight.seq, flight) for flight in begun)
        self._done.update(queued.seq for queued in passed)
        self.host.flying += len(begun)
        self._advance()
        return begun, passed

    def land(self, flight: Flight, *changes: Change, answered: bool = False, named: bool = False) -> None:
        """It is done. `answered`: by the server, which is well. `named`: what comes after it in its thread waits until the store knows."""
        self._leave(flight)
        if flight.seq in self._order:
            # Not so when the lane was given up meanwhile.
            self._done.add(flight.seq)
        self._changes += changes
        if named:
            self._landing[flight.seq] = flight.item
        if answered and self.is_current(flight):
            self._answered = True
            self.state = msgspec.structs.replace(self.state, fails=0, first_failure_at=None)
        self._advance()

    def put_back(self, flight: Flight) -> None:
        """As if it had never begun."""
        self._leave(flight)
        self.more = True

    def is_current(self, flight: Flight) -> bool:
        """Did it begin after the last failure of its lane and of its server?"""
        return flight.lane_turn == self.turn and flight.host_turn == self.host.turn

    def silent_since(self, host_first_failure_at: datetime | None) -> datetime | None:
        """Since when nothing has come through, here or anywhere on its server."""
        known = [at for at in (self.state.first_failure_at, host_first_failure_at) if at is not None]
        return min(known, default=None)

    def rest(self, ending: Ending, *changes: Change) -> None:
        """Nothing more is begun until the store says that it may; before that it is told `changes`."""
        if self.ending is not None:
            self._changes.append(self.ending)
        self.is_down = True
        self.ending = ending
        self._changes += changes
        for failure in (ending, *changes):
            if isinstance(failure, FailLane) and failure.host:
                self._close_off(failure)
        if isinstance(ending, FailLane):
            self.turn += 1
            since = self.state.first_failure_at or ending.at
            self.state = msgspec.structs.replace(self.state, fails=self.state.fails + 1, first_failure_at=since)
        elif isinstance(ending, GiveUp | EndDestination):
            self.turn += 1
            self._done.clear()
            self._order.clear()

    def take(self) -> Settlement:
        """What the store is to learn now; given back when it could not."""
        advance = AdvanceLane(*self.key, self.upto, self._answered) if self.upto > self._saved else None
        taken = Settlement(tuple(self._changes), advance, self.ending, tuple(self._landing))
        self._changes = []
        if advance is not None:
            self._answered = False
        return taken

    def give_back(self, taken: Settlement) -> None:
        self._changes[:0] = taken.changes
        self._answered = self._answered or (taken.advance is not None and taken.advance.answered)

    def settled(self, taken: Settlement) -> None:
        """The store knows."""
        if taken.advance is not None:
            self._saved = max(self._saved, taken.advance.upto)
        if self.ending is taken.ending:
            self.ending = None
        for seq in taken.landed:
            self._landing.pop(seq, None)
        self.host.unsettled.difference_update(each for each in (*taken.changes, taken.ending) if isinstance(each, FailLane))
        if taken.advance is not None and taken.advance.answered:
            self.host.has_recovered = False

    def _close_off(self, failure: FailLane) -> None:
        """The server does not answer: none of its lanes begins anything until the store says when."""
        self.host.turn += 1
        self.host.unsettled.add(failure)
        self.host.is_down = True
        self.host.has_recovered = False

    def _leave(self, flight: Flight) -> None:
        del self._flying[flight.seq]
        self.host.flying -= 1

    def _advance(self) -> None:
        while self._order and self._order[0] in self._done:
            self.upto = self._order.popleft()
            self._done.discard(self.upto)


def _strands(item: Item) -> tuple[str, str]:
    """Whatever shares one of these goes one after the other.

    An edit or a sign knows what it is about, and not always the thread that its object was said in.
    """
    return item.thread, item.object
