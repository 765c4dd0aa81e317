"""The courier while it runs: what can go goes without waiting for the next look, and what is known is told a moment later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from bridge.changes import Retract
from bridge.errors import StoreDown
from bridge.logs import configure
from bridge.model.capability import Patience
from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, ObjectId
from bridge.model.item import Delivered, Destination, Retry, Scope
from bridge.model.richtext import from_plain
from storage import open_memory
from tests.bridge.relay.brittle import Brittle
from tests.bridge.relay.street import Letters, Street, Sundial, ids, when
from tests.conformance.samples import event, item, server

NEAR = server("near").address
FAR = server("far").address


@contextlib.asynccontextmanager
async def running(street: Street) -> AsyncIterator[asyncio.Task[None]]:
    """Time stands still: whatever happens in here happens without a look that comes by itself."""
    task = asyncio.create_task(street.courier.run())
    await quiet()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def quiet(turns: int = 200) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def crowd(many: int, host: str = "crowd.example") -> tuple[Destination, ...]:
    return tuple(Destination(ACTIVITYPUB, f"https://{host}/u/{n}/inbox", host) for n in range(many))


async def test_what_is_written_goes_at_once_and_successes_are_told_together_a_moment_later(street: Street) -> None:
    await street.hear("near", "far")
    async with running(street):
        said = await street.say("said")
        await when(lambda: street.taken("near") == street.taken("far") == ids(said))
        await quiet()
        assert len(await street.store.deliveries.lanes(street.clock.now(), 10)) == 2, "not yet"
        street.clock.forward(0.25)
        await quiet()
        assert await street.store.deliveries.lanes(street.clock.now(), 10) == ()


async def test_a_backlog_goes_without_a_pause(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(100)))
    async with running(street):
        await when(lambda: len(street.taken("near")) == 100)
    assert sorted(street.taken("near")) == sorted(ids(said))
    assert street.letters.most_flying[NEAR] == 4


async def test_a_backlog_of_which_most_was_taken_back_goes_without_a_pause(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(60)))
    await street.store.journal.commit([Retract(ObjectId(each.id), None, street.clock.now()) for each in said[:-1]])
    async with running(street):
        await when(lambda: street.taken("near") == [said[-1].id])


async def test_a_retraction_goes_as_soon_as_its_own_create_has_landed(street: Street) -> None:
    await street.hear("near")
    async with running(street):
        street.letters.gates[NEAR] = gate = asyncio.Event()
        (said,) = await street.say("said")
        await when(lambda: street.letters.flying[NEAR] == 1)
        sorry = await street.take_back(said)
        await quiet()
        assert street.letters.flying[NEAR] == 1, "its create is on its way"
        gate.set()
        await when(lambda: sorry.id in street.taken("near"))
        assert street.taken("near") == [said.id, sorry.id]


async def test_a_retraction_of_something_else_does_not_wait(street: Street) -> None:
    await street.hear("near")
    async with running(street):
        (first,) = await street.say("first")
        await when(lambda: street.taken("near"))
        street.letters.gates[NEAR] = gate = asyncio.Event()
        await street.say("said")
        await when(lambda: street.letters.flying[NEAR] == 1)
        await street.take_back(first)
        await when(lambda: street.letters.flying[NEAR] == 2)
        gate.set()


async def test_a_reply_is_written_when_the_name_of_its_parent_is_in_the_store(street: Street) -> None:
    street.letters.names = True
    await street.hear("near")
    root = event("root")
    answer = event("answer", Message(from_plain("yes"), reply_to=ObjectId(root.id), thread=ObjectId(root.id)))
    async with running(street):
        await street.write(item(root), msgspec.structs.replace(item(answer), thread=root.id))
        await when(lambda: len(street.taken("near")) == 2)
    assert street.letters.parents == {item(answer).id: f"${item(root).id}"}


async def test_many_inboxes_of_one_server_are_served_one_after_the_other_without_a_pause(street: Street) -> None:
    await street.write(item(event("said"), roster=None, to=crowd(50)))
    async with running(street):
        await when(lambda: len(street.letters.order) == 50)
    assert street.letters.most_flying["crowd.example"] == 4


async def test_more_servers_than_may_be_sent_to_at_once_are_served_without_a_pause(street: Street) -> None:
    narrow = Street(street.store, street.clock, street.letters, sends_at_once=7)
    await street.hear(*(f"s{n}" for n in range(600)))
    await street.say("said")
    async with running(narrow):
        await when(lambda: len(street.letters.order) == 600, turns=100_000)
    assert street.letters.most_flying[""] == 7


async def test_lanes_that_found_no_room_beside_busy_ones_are_served_without_a_pause(street: Street) -> None:
    narrow = Street(street.store, street.clock, street.letters, sends_at_once=7)
    await street.hear(*(f"s{n}" for n in range(10)))
    await street.say(*(f"said{n}" for n in range(8)))
    async with running(narrow):
        await when(lambda: len(street.letters.order) == 80)
    assert street.letters.most_flying[""] == 7


async def test_an_urgent_lane_is_served_before_what_waits_for_the_same_server(street: Street) -> None:
    inboxes = crowd(30)
    first = event("first")
    await street.write(item(first, "direct", roster=None, to=(inboxes[29],)))
    await street.settle()
    street.letters.gates.update({each.address: asyncio.Event() for each in inboxes})
    await street.write(item(event("said"), roster=None, to=inboxes))
    async with running(street):
        await when(lambda: street.letters.flying["crowd.example"] == 4)
        sorry = await street.take_back(first)
        await quiet()
        for each in inboxes:
            street.letters.gates[each.address].set()
        await when(lambda: len(street.letters.order) == 32)
    events = [each.event_id for _, each in street.letters.order]
    assert events.index(sorry.id) <= 8, "the first one, the four under way, and at most the three begun beside it"


async def test_a_short_wait_is_over_when_it_is_over_and_not_at_the_next_look() -> None:
    configure("error", form="json", strict=True)
    clock = Sundial()
    street = Street(open_memory(clock=clock), clock, Letters(patience=Patience(first=0.2, longest=5.0, parallel=1)))
    await street.hear("near")
    async with running(street):
        street.letters.answers[NEAR].append(Retry("a moment"))
        said = await street.say("said")
        await when(lambda: street.count("retried"))
        await quiet()
        clock.forward(0.3)
        await when(lambda: street.taken("near") == ids(said))
    await street.store.close()


async def test_what_waited_for_a_server_that_went_down_goes_when_it_is_back(street: Street) -> None:
    inboxes = crowd(12)
    await street.write(item(event("said"), roster=None, to=inboxes))
    street.letters.always["crowd.example"] = Retry("no answer", scope=Scope.HOST)
    async with running(street):
        await when(lambda: street.count("retried") >= 1)
        await quiet()
        assert sum(street.letters.sends.values()) <= 4
        del street.letters.always["crowd.example"]
        for _ in range(8):
            street.clock.forward(40)
            await quiet()
        await when(lambda: len(street.letters.order) == 12)


async def test_an_answer_to_what_was_sent_before_a_server_went_down_is_no_sign_that_it_is_back(street: Street) -> None:
    slow, *others = crowd(12)
    street.letters.gates[slow.address] = gate = asyncio.Event()
    street.letters.always["crowd.example"] = Retry("no answer", scope=Scope.HOST)
    street.letters.always[slow.address] = Delivered()
    await street.write(item(event("said"), roster=None, to=(slow, *others)))
    async with running(street):
        await when(lambda: street.count("retried") == 3)
        await quiet()
        street.letters.gates.update({each.address: asyncio.Event() for each in others})
        street.clock.forward(80)
        await quiet()
        gate.set()
        await when(lambda: street.letters.taken[slow.address])
        await quiet()
        assert street.letters.flying["crowd.example"] == 1, "one is tried, as before"


async def test_all_inboxes_of_a_server_that_was_given_up_hear_what_is_new_when_it_is_back(street: Street) -> None:
    inboxes = crowd(12)
    await street.write(item(event("said"), roster=None, to=inboxes))
    street.letters.always["crowd.example"] = Retry("no answer", scope=Scope.HOST)
    async with running(street):
        for _ in range(9 * 8):
            street.clock.forward(3 * 3_600)
            await quiet()
        del street.letters.always["crowd.example"]
        more = event("more")
        await street.write(item(more, roster=None, to=inboxes))
        for _ in range(9):
            street.clock.forward(3 * 3_600)
            await quiet(2_000)
        assert {where for where, each in street.letters.order if each.event_id == more.id} == {each.address for each in inboxes}


async def test_a_failure_that_could_not_be_told_is_no_reason_to_try_again(street: Street) -> None:
    await street.hear("near")
    personal = Destination(ACTIVITYPUB, "https://near.example/u/sam/inbox", "near.example")
    away = True

    async def fail(what: str) -> None:
        if what == "before commit" and away:
            raise StoreDown("the disk is away")

    street.another_courier(Brittle(street.store, fail))
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    await street.write(item(event("said"), to=(personal,)))
    async with running(street):
        await when(lambda: street.count("retried") == 2)
        for _ in range(5):
            street.clock.forward(1.5)
            await quiet()
        assert set(street.letters.sends.values()) == {1}
        away = False
        for _ in range(3):
            street.clock.forward(1.5)
            await quiet()
        assert (await street.store.deliveries.host("near.example")).fails == 1


async def test_news_for_a_lane_that_is_busy_goes_beside_what_is_in_flight(street: Street) -> None:
    await street.hear("near")
    async with running(street):
        street.letters.gates[NEAR] = asyncio.Event()
        await street.say("said")
        await when(lambda: street.letters.flying[NEAR] == 1)
        await street.say("more")
        await when(lambda: street.letters.flying[NEAR] == 2)
        street.letters.gates[NEAR].set()


async def test_a_fault_in_the_loop_ends_it_loudly_and_the_next_run_goes_on_from_the_store(street: Street) -> None:
    await street.hear("near")
    real = street.clock.now
    said = await street.say("said")
    calls = 0

    def broken_once() -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ZeroDivisionError("a fault in the middle of noting")
        return real()

    street.clock.now = broken_once
    task = asyncio.create_task(street.courier.run())
    results = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)
    async with running(street):
        await when(lambda: street.taken("near") == ids(said))
        street.clock.forward(1)
        await quiet()
    assert await street.store.deliveries.lanes(real(), 10) == ()


async def test_draining_finishes_what_is_in_flight_and_begins_nothing_more(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(6)))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    async with running(street):
        await when(lambda: street.letters.flying[NEAR] == 4)
        draining = asyncio.create_task(street.courier.drain(10))
        await quiet()
        gate.set()
        await draining
        assert len(street.taken("near")) == 4
        (lane,) = await street.store.deliveries.lanes(street.clock.now(), 10)
        queued = await street.store.deliveries.read(lane, 10)
        assert [each.item and each.item.event_id for each in queued] == ids(said[4:]), "what was sent is noted"


async def test_draining_takes_no_longer_than_it_may_and_what_is_cut_off_is_sent_after_the_next_start(street: Street) -> None:
    await street.hear("near", "far")
    (said,) = await street.say("said")
    street.letters.gates[NEAR] = asyncio.Event()
    async with running(street):
        await when(lambda: street.letters.flying[NEAR] == 1 and street.taken("far"))
        draining = asyncio.create_task(street.courier.drain(10))
        await quiet()
        assert not draining.done()
        street.clock.forward(10)
        await draining
        assert street.letters.flying[NEAR] == 0
    del street.letters.gates[NEAR]
    street.another_courier()
    await street.settle()
    assert street.taken("near") == street.taken("far") == [said.id]
    assert street.letters.sends[FAR, item(said).id] == 1
