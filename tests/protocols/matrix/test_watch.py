"""What the homeserver lost on the way, left behind or brings in another order is found, and comes in the order in which it was said."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec

from bridge.changes import AppendItem, FailLane, PutChannel, PutCommunity
from bridge.model.ids import MATRIX
from bridge.model.place import Community
from bridge.streams import Intake
from protocols.matrix.appservice import key_of
from protocols.matrix.watch import Watch
from tests.protocols.matrix.homeserver import Standin
from tests.protocols.matrix.house import HERE, House, house
from tests.protocols.matrix.world import CHANNEL, ME, NOW, ROOM, item, matrix_event, words

__all__ = ["house"]

COMMONS = Community(CHANNEL.community, "commons", "The Commons")


async def link(house: House) -> None:
    await house.store.journal.commit([PutCommunity(COMMONS), PutChannel(CHANNEL)])


def history(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [matrix_event(event_id=f"$e{number}") for number in range(first, first + count)]


def joined() -> dict[str, Any]:
    return matrix_event("m.room.member", {"membership": "join"}, state_key=ME.bot, sender=ME.bot, event_id="$joined")


async def arrived(house: House) -> list[str]:
    entries = await house.store.journal.read_intake(ROOM.id, 10_000)
    return [msgspec.json.decode(entry.intake.body)["event_id"] for entry in entries]


async def test_what_was_lost_is_found_in_its_order(house: House) -> None:
    """Finding F1, over more than one page, with events that did arrive among the lost ones."""
    events = history(250)
    house.homeserver.timeline[ROOM.id] = [joined(), *events]
    for number in (0, 1, 240):
        body = msgspec.json.encode(events[number])
        entry = Intake(key_of(ME.secret, f"$e{number}"), ROOM.id, MATRIX, "event", body, NOW)
        await house.store.journal.accept([entry])
    assert await house.adapter.reconciler.room(ROOM.id) == 247
    expected = [f"$e{number}" for number in range(250) if number not in {0, 1, 240}]
    assert [event for event in await arrived(house) if event not in {"$e0", "$e1", "$e240"}] == expected
    assert await house.adapter.reconciler.room(ROOM.id) == 0


async def test_what_was_said_before_the_bot_came_is_not_read(house: House) -> None:
    house.homeserver.timeline[ROOM.id] = [*history(5), joined(), *history(2, first=10)]
    await house.adapter.reconciler.room(ROOM.id)
    assert await arrived(house) == ["$e10", "$e11"]


async def test_a_known_page_ends_the_search(house: House) -> None:
    house.homeserver.timeline[ROOM.id] = [joined(), *history(450)]
    await house.adapter.reconciler.room(ROOM.id)
    before = house.homeserver.count("GET", "/messages")
    house.homeserver.timeline[ROOM.id] += history(3, first=1000)
    assert await house.adapter.reconciler.room(ROOM.id) == 3
    assert house.homeserver.count("GET", "/messages") - before == 2


async def test_pages_that_go_in_circles_come_to_an_end(house: House) -> None:
    """Trap S12: CVE-2026-45076."""
    house.homeserver.be_rude("GET", "/messages", *[(200, {"chunk": [], "end": str(number % 2)}, {}) for number in range(200)])
    assert await house.adapter.reconciler.room(ROOM.id) == 0
    assert house.homeserver.count("GET", "/messages") <= 50


async def test_one_room_that_refuses_does_not_keep_the_others_from_being_read(house: House) -> None:
    house.homeserver.timeline[ROOM.id] = [joined(), *history(1)]
    house.homeserver.be_rude("GET", "!bad/messages", (403, {"errcode": "M_FORBIDDEN"}, {}))
    assert await house.adapter.reconciler.rooms(["!bad", ROOM.id]) == 1


async def test_two_processes_that_start_at_once_have_one_room_for_their_heartbeat(house: House) -> None:
    taken = (400, {"errcode": "M_ROOM_IN_USE", "error": "Room alias already taken"}, {})
    unknown = (404, {"errcode": "M_NOT_FOUND", "error": "no such alias"}, {})
    house.homeserver.aliases["#_moot_control:hs.test"] = "!control:hs.test"
    house.homeserver.be_rude("GET", "/directory/room/", unknown)
    house.homeserver.be_rude("POST", "/createRoom", taken)
    await house.adapter.reconciler.flush()
    assert house.homeserver.count("PUT", "!control:hs.test/state/org.folkmoot.heartbeat") == 1


async def test_after_the_homeserver_was_away_everything_is_gone_through(house: House) -> None:
    """Findings F6 and F7: the rooms are compared; then what waits inside it is set free by an event, and by a ping."""
    await link(house)
    watch = house.adapter.watch
    await watch.once()
    assert watch.recoveries == 1
    await watch.once()
    assert watch.recoveries == 1
    house.homeserver.timeline[ROOM.id] = [joined(), *history(2)]
    watch.suspect("its numbers began again")
    house.homeserver.asked.clear()
    await watch.once()
    steps = [asked.path for asked in house.homeserver.asked]
    order = [next(number for number, path in enumerate(steps) if part in path) for part in ("messages", "org.folkmoot.heartbeat", "ping")]
    assert order == sorted(order)
    assert await arrived(house) == ["$e0", "$e1"]


async def test_a_silent_homeserver_is_noticed_and_waited_for(house: House) -> None:
    watch = house.adapter.watch
    await watch.once()
    port = house.homeserver.server.port
    await house.homeserver.server.close()
    await watch.once()
    assert watch.recoveries == 1
    back = Standin(port)
    back.accounts, back.devices, back.members = house.homeserver.accounts, house.homeserver.devices, house.homeserver.members
    await back.server.start_server()
    await watch.once()
    await back.server.close()
    assert watch.recoveries == 2


async def test_while_the_homeserver_may_be_retrying_what_it_left_behind_comes_before_what_it_brings(house: House) -> None:
    """Synapse 1.163 may store an event as unsent just when it ends its retries; it then sends what comes later, and that one not at all."""
    watch = house.adapter.watch
    await link(house)
    await watch.once()
    house.homeserver.timeline[ROOM.id] = [joined(), *history(3)]
    await watch.settled([ROOM.id], again=False)
    assert await arrived(house) == ["$e0", "$e1", "$e2"]

    house.clock.at += timedelta(seconds=4)
    await watch.settled([ROOM.id], again=True)
    house.clock.at += timedelta(seconds=4)
    await watch.once()
    house.homeserver.timeline[ROOM.id] = [joined(), *history(4)]
    await watch.settled([ROOM.id], again=False)
    assert await arrived(house) == ["$e0", "$e1", "$e2", "$e3"], "it was still retrying four seconds ago"

    house.clock.at += timedelta(seconds=2)
    house.homeserver.timeline[ROOM.id] = [joined(), *history(5)]
    await watch.once()
    assert await arrived(house) == ["$e0", "$e1", "$e2", "$e3", "$e4"], "one last look"
    asked = len(house.homeserver.asked)
    await watch.settled([ROOM.id], again=False)
    assert len(house.homeserver.asked) == asked, "and then nothing is asked any more"


async def test_after_a_process_of_the_node_was_lost_the_others_do_not_trust_the_order_in_which_things_come(house: House) -> None:
    """What the lost one could not take comes to another as if it were new, and what was left behind at that moment does not come at all."""
    await link(house)
    adapter, lost = house.adapter, ["nobody yet"]
    watch = Watch(
        *(adapter.me, adapter.client, adapter.reconciler, adapter._conversations),
        directory=house.store.directory,
        clock=house.clock,
        introduce=adapter._introduce,
        awaken=adapter._awaken,
        registration="folkmoot",
        losses=lambda: len(lost),
    )
    await watch.once()
    house.clock.at += timedelta(seconds=6)
    await watch.once()
    house.homeserver.timeline[ROOM.id] = [joined(), *history(1)]
    await watch.settled([ROOM.id], again=False)
    assert await arrived(house) == [], "nothing hints at anything"

    lost.append("it was killed")
    await watch.settled([ROOM.id], again=False)
    assert await arrived(house) == ["$e0"]
    house.homeserver.timeline[ROOM.id] = [joined(), *history(2)]
    house.clock.at += timedelta(seconds=6)
    await watch.once()
    assert await arrived(house) == ["$e0", "$e1"], "its retries are over as a rule"
    house.homeserver.timeline[ROOM.id] = [joined(), *history(3)]
    house.clock.at += timedelta(seconds=80)
    await watch.settled([ROOM.id], again=False)
    assert await arrived(house) == ["$e0", "$e1", "$e2"], "it may have waited a minute for an answer"
    house.clock.at += timedelta(seconds=5)
    await watch.once()
    assert watch.is_sure


async def test_a_homeserver_that_cannot_be_asked_is_not_refused_what_it_brings(house: House) -> None:
    watch = house.adapter.watch
    await link(house)
    await watch.once()
    await house.homeserver.server.close()
    await watch.settled([ROOM.id], again=False)
    assert not watch.is_settled


async def test_nothing_is_taken_before_the_rooms_were_compared_for_the_first_time(house: House) -> None:
    await link(house)
    early = asyncio.create_task(house.adapter.watch.settled([ROOM.id], again=False))
    await asyncio.sleep(0)
    assert not early.done()
    await house.adapter.watch.once()
    await asyncio.wait_for(early, 5)


async def test_what_waits_for_a_homeserver_that_was_away_goes_as_soon_as_it_is_back(house: House) -> None:
    """The courier would try again when its own schedule says, up to half a minute later."""
    watch, store = house.adapter.watch, house.store
    await watch.once()
    later = house.clock.now() + timedelta(seconds=30)
    await store.journal.commit([AppendItem(msgspec.structs.replace(item(words("hello")), to=(HERE,)), house.clock.now())])
    await store.journal.commit([FailLane(HERE, False, "no answer", later, house.clock.now(), host=True)])
    assert await store.deliveries.lanes(house.clock.now(), 10) == ()
    watch.suspect("a request was not answered")
    await watch.once()
    assert [lane.destination for lane in await store.deliveries.lanes(house.clock.now(), 10)] == [HERE]


async def test_the_watch_stops_at_whatever_moment_it_is_told_to(house: House) -> None:
    for steps in range(40):
        house.adapter.watch.look()
        task = asyncio.create_task(house.adapter.watch.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def test_the_watch_goes_on_beat_after_beat(house: House) -> None:
    task = asyncio.create_task(house.adapter.watch.run())
    async with asyncio.timeout(10):
        while house.homeserver.count("GET", "versions") < 5:
            assert not task.done()
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_two_questions_for_invitations_are_the_same(house: House) -> None:
    """Synapse 1.163 gives its answer to the same first /sync again for two minutes."""
    for _ in range(2):
        await house.adapter.watch.once()
        house.adapter.watch.look()
    asked = [asked.url for asked in house.homeserver.asked if "/sync" in asked.path]
    assert len(set(asked)) == len(asked) == 2


async def test_every_two_minutes_the_rooms_are_compared_without_any_hint(house: House) -> None:
    await link(house)
    watch = house.adapter.watch
    await watch.once()
    house.clock.at += timedelta(seconds=10)
    await watch.once()
    house.homeserver.timeline[ROOM.id] = [joined(), *history(1)]
    house.clock.at += timedelta(seconds=60)
    await watch.once()
    assert await arrived(house) == []
    house.clock.at += timedelta(seconds=61)
    await watch.once()
    assert await arrived(house) == ["$e0"]


async def test_the_bots_own_room_is_made_once(house: House) -> None:
    await house.adapter.reconciler.flush()
    await house.adapter.reconciler.flush()
    assert house.homeserver.count("POST", "createRoom") == 1
