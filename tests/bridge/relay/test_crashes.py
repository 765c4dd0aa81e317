"""A process that dies between any two steps of the courier, a store that fails at any of them: nothing is lost, and nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.changes import Change, PutDead
from bridge.errors import StorageError, StoreDown
from bridge.logs import configure
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.ids import ObjectId
from bridge.model.item import Dead, Item, Retry, Scope
from bridge.model.richtext import from_plain
from storage import open_memory, open_store
from tests.bridge.relay.brittle import Brittle, Death, Refusing
from tests.bridge.relay.street import GROUP, Letters, Street, Sundial, ids
from tests.conformance.samples import edit, event, item, server

NAMES = ("near", "far", "also")


class Mortal(Letters):
    """Servers outlive the process that sends to them: it can die before its letter is taken, and before it hears that it was."""

    def __init__(self) -> None:
        super().__init__(names=True)
        self.on: Callable[[str], Any] | None = None

    async def send(self, wire: Any, item: Item, destination: Any) -> Any:
        if self.on is not None:
            await self.on("before send")
        outcome = await super().send(wire, item, destination)
        if self.on is not None:
            await self.on("after send")
        return outcome


class Scene:
    """Three servers; a thread, an edit, a reaction's worth of others; one message is taken back before and one after it was sent."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.root = event("root")
        self.replies = [event(f"reply{n}", Message(from_plain(f"{n}"), ObjectId(self.root.id), ObjectId(self.root.id))) for n in range(3)]
        self.changed = edit("changed", self.root, "other words")
        self.others = [event(f"other{n}") for n in range(2)]
        self.early = event("early")
        self.sorry: list[Event] = []

    @property
    def thread(self) -> list[Event]:
        return [self.root, *self.replies[:2], self.changed, self.replies[2]]

    async def open(self) -> None:
        await self.street.hear(*NAMES)
        said = [*self.thread, *self.others, self.early]
        await self.street.write(*(msgspec.structs.replace(item(each), thread=self._thread(each)) for each in said))

    def _thread(self, each: Event) -> str:
        return self.root.id if each in self.thread else each.id

    async def take_back(self) -> None:
        self.sorry = [await self.street.take_back(self.early, "sorry early"), await self.street.take_back(self.others[0], "sorry other")]

    async def holds(self) -> None:
        """What must be true in the end, whatever happened."""
        street = self.street
        for name in NAMES:
            taken = street.taken(name)
            assert len(taken) == len(set(taken))
            assert [each for each in taken if each in ids(self.thread)] == ids(self.thread), name
            assert self.others[1].id in taken
            for said, sorry in zip((self.early, self.others[0]), self.sorry, strict=True):
                assert sorry.id in taken, name
                assert said.id not in taken or taken.index(said.id) < taken.index(sorry.id), name
        assert await street.store.deliveries.lanes(street.clock.now(), 10) == ()
        for said in [self.root, *self.replies, self.others[1]]:
            assert await street.store.objects.copy(ObjectId(said.id), GROUP) == f"${item(said).id}"


@contextlib.asynccontextmanager
async def opened(letters: Letters) -> AsyncIterator[Street]:
    configure("error", form="json", strict=True)
    clock = Sundial()
    street = Street(open_memory(clock=clock), clock, letters)
    yield street
    await street.store.close()


async def live(street: Street, death: Death | None, scene: Scene, letters: Mortal) -> bool:
    """One life of a courier, with the retractions coming in the middle of it; False when it died before it was done."""
    letters.on = death
    courier = street.another_courier(Brittle(street.store, death) if death is not None else street.store)

    async def work() -> None:
        await courier.step()
        if not scene.sorry:
            await scene.take_back()
        while await courier.step():
            pass

    working = asyncio.create_task(work())
    dying = asyncio.create_task(death.came.wait() if death is not None else asyncio.Event().wait())
    await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
    alive = working.done()
    everyone = asyncio.all_tasks() - {asyncio.current_task()}
    for task in everyone:
        task.cancel()
    results = await asyncio.gather(*everyone, return_exceptions=True)
    for each in results:
        assert each is None or not isinstance(each, Exception), each
    letters.threads.clear()
    return alive


async def test_a_courier_that_dies_at_any_step_loses_nothing_and_sends_nothing_to_anybody_twice() -> None:
    steps = 0
    while True:
        async with opened(letters := Mortal()) as street:
            scene = Scene(street)
            await scene.open()
            alive = await live(street, Death(steps), scene, letters)
            if not alive:
                assert await live(street, None, scene, letters)
            await scene.holds()
            assert set(letters.sends.values()) <= {1, 2}
        if alive:
            break
        steps += 1
    assert steps > 60, "so many places to die at"


@settings(max_examples=40)
@given(deaths=st.lists(st.integers(0, 90), max_size=6))
async def test_however_often_it_dies(deaths: list[int]) -> None:
    async with opened(letters := Mortal()) as street:
        scene = Scene(street)
        await scene.open()
        for at in deaths:
            await live(street, Death(at), scene, letters)
        assert await live(street, None, scene, letters)
        await scene.holds()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_at_any_commit_makes_nothing_be_sent_again(when: str) -> None:
    """What is known is kept and told again; it does not matter whether the store had written it and could only not say so."""
    at = 0
    failed = True
    while failed:
        failed = False
        async with opened(letters := Mortal()) as street:
            scene = Scene(street)
            await scene.open()
            left = at

            async def fail(what: str) -> None:
                nonlocal left, failed
                if what == f"{when} commit":
                    left -= 1
                    if left < 0 and not failed:
                        failed = True
                        raise StoreDown("the disk is away")

            courier = street.another_courier(Brittle(street.store, fail))
            for turn in range(100):
                if turn == 1:
                    await scene.take_back()
                try:
                    if not await courier.step() and scene.sorry:
                        break
                except StorageError:
                    continue
            await scene.holds()
            assert set(letters.sends.values()) == {1}
        at += 1
    assert at > 2


@pytest.mark.parametrize("what", ["lanes", "windows", "host"])
async def test_a_store_that_cannot_be_read_stops_nothing_for_good(what: str) -> None:
    async with opened(letters := Mortal()) as street:
        scene = Scene(street)
        await scene.open()
        letters.answers["near.example"].extend([Retry("no answer", scope=Scope.HOST)] * 4)
        left = 3

        async def fail(call: str) -> None:
            nonlocal left
            if call == f"before {what}" and left:
                left -= 1
                raise StoreDown("the disk is away")

        courier = street.another_courier(Brittle(street.store, fail))
        for turn in range(40):
            if turn == 20:
                await scene.take_back()
            step = asyncio.create_task(courier.step())
            while not step.done():
                await asyncio.wait({step}, timeout=0.001)
                street.clock.forward(10)
            with contextlib.suppress(StorageError):
                step.result()
        street.clock.forward(100)
        while await courier.step():
            pass
        assert left == 0
        await scene.holds()


async def test_one_lane_that_cannot_be_told_keeps_no_other_from_it() -> None:
    async with opened(letters := Letters()) as street:
        await street.hear("near", "far")
        said = await street.say("said")
        letters.answers[server("near").address].append(Dead("403"))
        poisoned = True

        def refuses(change: Change) -> bool:
            return poisoned and isinstance(change, PutDead)

        courier = street.another_courier(Refusing(street.store, refuses, ZeroDivisionError()))
        with pytest.raises(StorageError):
            await courier.step()
        assert [each.destination for each in await street.store.deliveries.lanes(street.clock.now(), 10)] == [server("near")]
        with pytest.raises(StorageError):
            await courier.step()
        assert letters.sends[server("near").address, item(said[0]).id] == 1, "it rests until it can be told"
        poisoned = False
        await courier.step()
        (letter,) = await street.store.deliveries.dead_letters(10)
        assert letter.why == "403"


async def test_on_a_file_nothing_is_lost_either(tmp_path: Path) -> None:
    configure("error", form="json", strict=True)
    clock = Sundial()
    letters = Mortal()
    steps = 3
    store = open_store(tmp_path / "moot.sqlite", b"k" * 32, clock)
    street = Street(store, clock, letters)
    scene = Scene(street)
    await scene.open()
    while not await live(street, Death(steps), scene, letters):
        await street.store.close()
        street.store = open_store(tmp_path / "moot.sqlite", b"k" * 32, clock)
        steps += 7
    if not scene.sorry:
        await scene.take_back()
    assert await live(street, None, scene, letters)
    await scene.holds()
    await street.store.close()
