"""The life of a delivery under any order of events, against a model that keeps a plain list per lane."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from bridge.changes import AdvanceLane, AppendItem, Change, FailLane, GiveUp, JoinRoster, LeaveRoster, PutDead, Requeue, Retract
from bridge.model.event import Event
from bridge.model.ids import ObjectId
from bridge.model.item import Dead, Destination, Item
from bridge.streams import LaneState
from storage import SqlStore
from tests.conformance.homes import ClusterHome, FileHome, Hand, Home, MemoryHome
from tests.conformance.samples import FOLLOWERS, NOW, edit, event, follower, item, later, retraction, server

T = TypeVar("T")

NAMES = ("near", "far", "also")
LANES = [(name, urgent) for name in NAMES for urgent in (False, True)]
PEOPLE = [(who, name) for who in ("sam", "kim") for name in NAMES]


class Model:
    """Per lane the items still to come, each with the object it speaks of; who is on the roster; who may know of each object."""

    def __init__(self) -> None:
        self.queues: dict[tuple[str, bool], list[tuple[str | None, str]]] = {lane: [] for lane in LANES}
        self.members: set[tuple[str, str]] = set()
        self.knows: dict[str, set[str]] = {}
        self.retracted: set[str] = set()
        self.resting: dict[tuple[str, bool], int] = {}
        self.letters: dict[str, tuple[str, str, str]] = {}

    @property
    def roster(self) -> set[str]:
        return {name for _, name in self.members}

    def append(self, sent: Item, about: str, to: set[str]) -> None:
        is_retraction = sent.urgent
        hearers = self.roster | to
        if not is_retraction:
            self.knows.setdefault(about, set()).update(hearers)
        if sent.reached:
            hearers |= self.knows.get(about, set())
        born_dead = about in self.retracted and not is_retraction
        for name in hearers:
            self.queues[name, sent.urgent].append((None if born_dead else sent.id, about))

    def join(self, person: tuple[str, str]) -> None:
        self.members.add(person)
        for knowing in self.knows.values():
            knowing.add(person[1])

    def lanes(self, now: int) -> set[tuple[str, bool]]:
        return {lane for lane, queue in self.queues.items() if queue and self.resting.get(lane, 0) <= now}


class Deliveries(RuleBasedStateMachine):
    """Runs on memory; `FileDeliveries` on a file, where a restart really opens it again."""

    said = Bundle("said")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.count = itertools.count()
        self.now = 0
        self.home: Home = self.make_home()
        self.store: SqlStore = self.run(self.home.open())

    def make_home(self) -> Home:
        return MemoryHome(Path(), Hand(NOW))

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def commit(self, *changes: Change, times: int = 1) -> None:
        for _ in range(times):
            self.run(self.store.journal.commit(changes))

    def queued(self, lane: tuple[str, bool]) -> list[tuple[int, str | None, bool]]:
        """What the store says this lane still has to hear."""
        state = self.state(lane)
        return [(each.seq, each.item and each.item.id, each.taken_back) for each in self.run(self.store.deliveries.read(state, 500))]

    def state(self, lane: tuple[str, bool]) -> LaneState:
        found = [
            each for each in self.run(self.store.deliveries.lanes(later(10**6), 500)) if (self.name(each.destination), each.urgent) == lane
        ]
        return found[0] if found else LaneState(server(lane[0]), lane[1], 2**40)

    @staticmethod
    def name(destination: Destination) -> str:
        return destination.host.partition(".")[0]

    @initialize(target=said)
    def begin(self) -> object:
        return multiple()

    @rule(person=st.sampled_from(PEOPLE), times=st.integers(1, 2))
    def join(self, person: tuple[str, str], times: int) -> None:
        self.commit(JoinRoster(FOLLOWERS, server(person[1]), follower(*person)), times=times)
        if person not in self.model.members:
            self.model.join(person)

    @rule(person=st.sampled_from(PEOPLE), times=st.integers(1, 2))
    def leave(self, person: tuple[str, str], times: int) -> None:
        self.commit(LeaveRoster(FOLLOWERS, follower(*person)), times=times)
        self.model.members.discard(person)

    @rule(target=said, to=st.sets(st.sampled_from(NAMES), max_size=2), times=st.integers(1, 2))
    def say(self, to: set[str], times: int) -> Event:
        said = event(f"said{next(self.count)}")
        sent = item(said, to=tuple(server(name) for name in sorted(to)))
        self.commit(AppendItem(sent, later(self.now)), times=times)
        self.model.append(sent, said.id, to)
        return said

    @rule(said=said, to=st.sets(st.sampled_from(NAMES), max_size=1), reached=st.booleans())
    def edit(self, said: Event, to: set[str], reached: bool) -> None:
        changed = edit(f"edit{next(self.count)}", said, "other words")
        sent = item(changed, to=tuple(server(name) for name in sorted(to)), reached=reached)
        self.commit(AppendItem(sent, later(self.now)))
        self.model.append(sent, said.id, to)

    @rule(said=said, times=st.integers(1, 2))
    def take_back(self, said: Event, times: int) -> None:
        sent = item(retraction(f"sorry{next(self.count)}", said), "direct", urgent=True, reached=True)
        self.commit(Retract(ObjectId(said.id), said.provenance.native, later(self.now)), AppendItem(sent, later(self.now)), times=times)
        self.model.retracted.add(said.id)
        self.model.append(sent, said.id, set())

    @rule(lane=st.sampled_from(LANES), many=st.integers(1, 3), times=st.integers(1, 2))
    def advance(self, lane: tuple[str, bool], many: int, times: int) -> None:
        waiting = self.queued(lane)[:many]
        if waiting:
            self.commit(AdvanceLane(server(lane[0]), lane[1], waiting[-1][0]), times=times)
            del self.model.queues[lane][: len(waiting)]
            self.model.resting.pop(lane, None)

    @rule(lane=st.sampled_from(LANES), seconds=st.integers(1, 100), times=st.integers(1, 2))
    def fail(self, lane: tuple[str, bool], seconds: int, times: int) -> None:
        if self.model.queues[lane]:
            self.now += 1
            self.commit(FailLane(server(lane[0]), lane[1], "500", later(self.now + seconds), later(self.now)), times=times)
            self.model.resting[lane] = self.now + seconds

    @rule(seconds=st.integers(1, 100))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule(lane=st.sampled_from(LANES), times=st.integers(1, 2))
    def give_up(self, lane: tuple[str, bool], times: int) -> None:
        self.commit(GiveUp(server(lane[0]), lane[1], "nothing for 7 days", later(self.now)), times=times)
        self.model.queues[lane].clear()
        self.model.resting.pop(lane, None)

    @rule(lane=st.sampled_from(LANES))
    def die(self, lane: tuple[str, bool]) -> None:
        waiting = self.run(self.store.deliveries.read(self.state(lane), 1))
        if waiting and waiting[0].item is not None and not waiting[0].taken_back:
            sent = waiting[0].item
            self.now += 1
            self.commit(
                PutDead(sent, server(lane[0]), Dead("403"), 1, later(self.now)), AdvanceLane(server(lane[0]), lane[1], waiting[0].seq)
            )
            _, about = self.model.queues[lane].pop(0)
            self.model.resting.pop(lane, None)
            self.model.letters[f"{sent.id} {lane}"] = (sent.id, about, lane[0])

    @precondition(lambda self: self.model.letters)
    @rule(data=st.data(), times=st.integers(1, 2))
    def requeue(self, data: st.DataObject, times: int) -> None:
        letter = data.draw(st.sampled_from(sorted(self.run(self.store.deliveries.dead_letters(100)), key=lambda each: each.id)))
        self.now += 1
        self.commit(Requeue(letter.id, later(self.now)), times=times)
        name = self.name(letter.destination)
        for urgent in (False, True):
            found = self.model.letters.get(f"{letter.item} {(name, urgent)}")
            if found is not None and (urgent or found[1] not in self.model.retracted):
                del self.model.letters[f"{letter.item} {(name, urgent)}"]
                self.model.queues[name, urgent].append((found[0], found[1]))

    @rule()
    def restart(self) -> None:
        self.store = self.run(self.home.reopen())

    @rule()
    def sweep(self) -> None:
        self.run(self.store.sweep(later(self.now)))

    @invariant()
    def every_lane_hears_what_it_is_owed_in_order(self) -> None:
        for lane, queue in self.model.queues.items():
            waiting = self.queued(lane)
            assert [about for _, about, _ in waiting] == [sent for sent, _ in queue], lane
            assert [back for _, _, back in waiting] == [not lane[1] and about in self.model.retracted for _, about in queue], lane

    @invariant()
    def exactly_the_lanes_with_something_to_hear_are_awake(self) -> None:
        lanes = self.run(self.store.deliveries.lanes(later(self.now), 500))
        assert {(self.name(each.destination), each.urgent) for each in lanes} == self.model.lanes(self.now)
        due = self.run(self.store.deliveries.next_due())
        assert (due is not None) is any(self.model.queues.values())

    def teardown(self) -> None:
        self.run(self.home.close())
        self.loop.close()


class FileDeliveries(Deliveries):
    def make_home(self) -> Home:
        self.folder = tempfile.TemporaryDirectory()
        return FileHome(Path(self.folder.name), Hand(NOW))

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class ClusterDeliveries(Deliveries):
    def make_home(self) -> Home:
        return ClusterHome(Path(), Hand(NOW))


COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large], "print_blob": True}

TestDeliveriesInMemory = Deliveries.TestCase
TestDeliveriesInMemory.settings = settings(max_examples=60, stateful_step_count=40, **COMMON)  # type: ignore[arg-type]
TestDeliveriesOnFile = FileDeliveries.TestCase
TestDeliveriesOnFile.settings = settings(max_examples=8, stateful_step_count=25, **COMMON)  # type: ignore[arg-type]
TestDeliveriesOnCluster = ClusterDeliveries.TestCase
TestDeliveriesOnCluster.settings = settings(max_examples=6, stateful_step_count=25, **COMMON)  # type: ignore[arg-type]
