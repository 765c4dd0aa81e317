"""What the reader promises of lanes, commits and crashes: everything accepted is read once, in order, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.changes import EraseEvent, PutActor
from bridge.errors import StorageError, StoreDown, Unreachable
from bridge.logs import configure
from bridge.model.capability import Patience
from bridge.model.ids import MATRIX, Native
from bridge.refs import Awaits, Ignored, Read
from storage import open_memory
from tests.bridge.relay.brittle import Brittle, Death
from tests.bridge.relay.script import Desk, Script, asks, comes_to, person, points_at, says
from tests.bridge.relay.street import Sundial, when
from tests.conformance.samples import NOW, edit, event

NOBODY = Ignored("it is about nothing that is known here")


async def test_what_was_accepted_is_read_once_and_in_the_order_of_its_lane(desk: Desk) -> None:
    await desk.take(*(says(f"one{n}") for n in range(100)))
    await desk.take(*(says(f"two{n}") for n in range(5)), lane="two")
    await desk.settle()
    names = await desk.names()
    assert [name for name in names if name.startswith("one")] == [f"one{n}" for n in range(100)]
    assert [name for name in names if name.startswith("two")] == [f"two{n}" for n in range(5)]
    assert set(Counter(desk.script.reads).values()) == {1}
    assert await desk.is_done()
    assert await desk.reader.step() is False


async def test_the_events_of_an_entry_are_erased_with_it(desk: Desk) -> None:
    await desk.take(says("said"))
    await desk.settle()
    (said,) = await desk.events()

    await desk.store.journal.commit([EraseEvent(said.id, "kept local")])
    assert (await desk.ended())["said"][2], "the raw bytes went with it"


async def test_entries_of_one_lane_share_a_commit(desk: Desk) -> None:
    commits: list[str] = []

    async def count(what: str) -> None:
        if what == "before commit":
            commits.append(what)

    desk.another_reader(Brittle(desk.store, count))
    await desk.take(*(says(f"said{n}") for n in range(64)))
    await desk.settle()
    assert len(await desk.names()) == 64
    assert len(commits) == 1


async def test_what_one_reading_changes_the_next_one_sees(desk: Desk) -> None:
    bo = person("@bo:hs.example")
    seen: list[object] = []

    def look(found: object) -> Ignored:
        seen.extend([found] if found is not None else [])
        return Ignored("seen")

    await desk.take(says("said", None, PutActor(bo, NOW)), asks("asked", "@bo:hs.example", look))
    await desk.settle()
    assert seen == [bo]
    assert desk.script.fetched == {}


async def test_somebody_is_fetched_once_for_all_they_say(desk: Desk) -> None:
    desk.script.people[Native(MATRIX, "@bo:hs.example")] = person("@bo:hs.example")
    await desk.take(*(asks(f"said{n}", "@bo:hs.example") for n in range(10)))
    await desk.settle()
    assert len(await desk.names()) == 10
    assert desk.script.fetched == {"@bo:hs.example": 1}


async def test_what_is_not_for_here_leaves_its_reason_and_no_bytes(desk: Desk) -> None:
    await desk.take(comes_to("other", Ignored("no community here")), comes_to("forged", Ignored("O8: forged", refused=True)))
    await desk.settle()
    assert await desk.ended() == {"other": ("no community here", False, True), "forged": ("O8: forged", True, True)}
    assert await desk.is_done()


async def test_a_change_that_is_no_event_ends_its_entry_too(desk: Desk) -> None:
    await desk.take(comes_to("face", Read((), (PutActor(person("@bo:hs.example"), NOW),))))
    await desk.settle()
    assert await desk.store.directory.actor(Native(MATRIX, "@bo:hs.example")) is not None
    assert await desk.ended() == {"face": ("noted; nothing in it is to be passed on", False, True)}


# ------------------------------------------------------------------------------------------------------------- lanes


async def test_a_slow_server_holds_up_no_other_lane_and_not_what_came_before_it(desk: Desk) -> None:
    desk.script.gates["@slow:hs.example"] = gate = asyncio.Event()
    async with running(desk):
        await desk.take(says("before"), asks("slow", "@slow:hs.example"), says("after"))
        await desk.take(says("other"), lane="two")
        await when(lambda: desk.script.asking)
        await when(lambda: len(desk.script.reads) == 2)
        await quiet()
        assert sorted(await desk.names()) == ["before", "other"]
        await desk.take(says("another"), lane="two")
        await when(lambda: b"another" in desk.script.reads)
        gate.set()
        await when(lambda: b"after" in desk.script.reads)
    assert [name for name in await desk.names() if name in {"before", "slow", "after"}] == ["before", "slow", "after"]


async def test_no_more_than_sixteen_lanes_are_at_work(desk: Desk) -> None:
    desk.script.gates["@slow:hs.example"] = gate = asyncio.Event()
    for n in range(30):
        await desk.take(asks(f"slow{n}", "@slow:hs.example"), lane=f"lane{n}")
    async with running(desk):
        await when(lambda: desk.script.asking == 16)
        await quiet()
        assert desk.script.most_asking == 16
        gate.set()
        await when(lambda: len(desk.script.reads) == 30)


# ------------------------------------------------------------------------------------------------------------- crashes


async def test_a_reader_that_dies_at_any_step_loses_nothing_and_reads_nothing_into_the_journal_twice() -> None:
    configure("error", form="json", strict=True)
    steps = 0
    alive = False
    while not alive:
        clock = Sundial()
        desk = Desk(open_memory(clock=clock), clock)
        said = event("said")
        desk.script.people[Native(MATRIX, "@bo:hs.example")] = person("@bo:hs.example")
        await desk.take(says("first"), asks("said", "@bo:hs.example"), comes_to("other", Ignored("no community here")), says("last"))
        await desk.take(points_at("change", "said", Read((edit("change", said, "other words"),))), lane="two")
        await desk.take(comes_to("child", Awaits(Native(MATRIX, "$never"), 60.0)), lane="two")
        death = Death(steps)
        reader = desk.another_reader(Brittle(desk.store, death))

        async def work(reader: Any = reader) -> None:
            while await reader.step():
                pass

        working = asyncio.create_task(work())
        dying = asyncio.create_task(death.came.wait())
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
        alive = working.done()
        everyone = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everyone:
            task.cancel()
        await asyncio.gather(*everyone, return_exceptions=True)
        desk.another_reader()
        await desk.settle()
        assert sorted(await desk.names()) == ["change", "first", "last", "said"]
        assert [name for name in await desk.names() if name in {"first", "said", "last"}] == ["first", "said", "last"]
        assert await desk.is_done()
        assert set(await desk.waits()) == {"child"}
        assert (await desk.ended())["other"] == ("no community here", False, True)
        await desk.store.close()
        steps += 1
    assert steps > 15


async def test_a_store_that_fails_stops_a_lane_where_it_was_and_no_other(desk: Desk) -> None:
    async def fail(what: str) -> None:
        if what == "before read_intake":
            raise StoreDown("the disk is away")

    await desk.take(says("said"))
    reader = desk.another_reader(Brittle(desk.store, fail))
    with pytest.raises(StorageError):
        await reader.step()
    assert not await desk.is_done()
    desk.another_reader()
    await desk.settle()
    assert await desk.names() == ["said"]


# ------------------------------------------------------------------------------------------------------------- running


async def test_while_it_runs_what_is_accepted_is_read_at_once(desk: Desk) -> None:
    async with running(desk):
        await desk.take(says("said"))
        await when(lambda: desk.script.reads)
        await quiet()
        assert await desk.names() == ["said"]


async def test_while_it_runs_what_waits_is_read_just_when_its_time_has_come() -> None:
    configure("error", form="json", strict=True)
    clock = Sundial()
    desk = Desk(open_memory(clock=clock), clock, Script(Patience(first=0.4, longest=30.0)))
    desk.script.unreachable["@bo:hs.example"] = Unreachable("hs.example does not answer")
    async with running(desk):
        await desk.take(asks("said", "@bo:hs.example"))
        await when(lambda: desk.script.fetched)
        await quiet()
        desk.script.unreachable.clear()
        desk.clock.forward(0.5)
        await when(lambda: desk.script.reads)
    await desk.store.close()


async def test_while_it_runs_what_comes_for_a_busy_lane_is_read_as_soon_as_that_is_free(desk: Desk) -> None:
    desk.script.gates["@slow:hs.example"] = gate = asyncio.Event()
    async with running(desk):
        await desk.take(asks("slow", "@slow:hs.example", lambda _: Ignored("nobody")))
        await when(lambda: desk.script.asking)
        await desk.take(comes_to("after", Ignored("no")))
        await quiet()
        gate.set()
        await when(lambda: len(desk.script.reads) == 2)


async def test_while_it_runs_a_long_backlog_is_read_without_a_pause(desk: Desk) -> None:
    await desk.take(*(comes_to(f"said{n}", Ignored("no")) for n in range(200)))
    async with running(desk):
        await when(lambda: len(desk.script.reads) == 200)


async def test_a_store_in_trouble_is_waited_out(desk: Desk) -> None:
    away = True

    async def fail(what: str) -> None:
        if what == "before commit" and away:
            raise StoreDown("the disk is away")

    desk.another_reader(Brittle(desk.store, fail))
    async with running(desk):
        await desk.take(says("said"))
        for n in range(20):
            await desk.take(says(f"more{n}"))
            await quiet(50)
        assert desk.script.reads.count(b"said") == 1, "it is not asked again and again, whatever comes meanwhile"
        away = False
        for _ in range(3):
            await quiet()
            desk.clock.forward(1)
        assert await desk.names() == ["said", *(f"more{n}" for n in range(20))]


async def test_what_was_read_is_counted(desk: Desk) -> None:
    await desk.take(says("said"), comes_to("other", Ignored("no")), comes_to("forged", Ignored("O8: forged", refused=True)))
    await desk.take(comes_to("child", Awaits(Native(MATRIX, "$never"), 60.0)))
    await desk.settle()

    def count(content: str, outcome: str) -> float | None:
        labels = {"protocol": MATRIX, "content": content, "outcome": outcome}
        return desk.metrics.registry.get_sample_value("folkmoot_events_read_total", labels)

    assert [count("message", "read"), count("none", "ignored"), count("none", "refused"), count("none", "deferred")] == [1, 1, 1, 1]


@contextlib.asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.reader.run())
    await quiet()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def quiet(turns: int = 200) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
