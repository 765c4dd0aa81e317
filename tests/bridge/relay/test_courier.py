"""What the courier promises of order, retries and bounds, step by step on a clock that stands until it is moved."""

from __future__ import annotations

import asyncio

import msgspec

from bridge.model.content import Message
from bridge.model.content.message import Mention
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId
from bridge.model.item import Delivered, Destination, Retry, Stage
from bridge.model.richtext import from_plain
from tests.bridge.relay.street import GROUP, Street, ids, when
from tests.conformance.samples import edit, event, item, reaction, server

NEAR = server("near").address
FAR = server("far").address


def reply(name: str, to: str, root: str | None = None) -> Message:
    return Message(from_plain(name), reply_to=ObjectId(to), thread=ObjectId(root or to))


# ------------------------------------------------------------------------------------------------------------- order


async def test_every_server_hears_everything_once_and_in_order(street: Street) -> None:
    await street.hear("near", "far")
    said = await street.say(*(f"said{n}" for n in range(40)))
    await street.settle()
    for name in ("near", "far"):
        assert sorted(street.taken(name)) == sorted(ids(said))
    assert set(street.letters.sends.values()) == {1}
    assert await street.store.deliveries.lanes(street.clock.now(), 10) == ()


async def test_a_reply_never_overtakes_its_parent(street: Street) -> None:
    await street.hear("near")
    root = event("root")
    replies = [event(f"reply{n}", reply(f"reply{n}", root.id)) for n in range(6)]
    others = [event(f"other{n}") for n in range(6)]
    mixed = [root, *(each for pair in zip(replies, others, strict=True) for each in pair)]
    await street.write(*(msgspec.structs.replace(item(each), thread=root.id if each in replies else each.id) for each in mixed))
    street.letters.answers[NEAR].extend([Retry("500")] + [None] * 3)
    await street.settle()
    assert root.id not in street.taken("near")
    await street.until(days=0.1, every=60)
    thread = [each for each in street.taken("near") if each in {root.id, *ids(replies)}]
    assert thread == ids([root, *replies])
    assert sorted(street.taken("near")) == sorted(ids(mixed))


async def test_no_more_than_the_patience_of_a_protocol_is_in_flight_in_one_lane(street: Street) -> None:
    await street.hear("near")
    await street.say(*(f"said{n}" for n in range(12)))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR] == 4)
    gate.set()
    await step
    assert street.letters.most_flying[NEAR] == 4
    street.letters.answers[NEAR].append(Retry("busy"))
    await street.settle()
    street.letters.most_flying.clear()
    street.clock.forward(100)
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR])
    for _ in range(100):
        await asyncio.sleep(0)
    assert street.letters.most_flying[NEAR] == 1, "after a failure one at a time"
    gate.set()
    await step


async def test_a_reply_is_written_when_the_name_of_its_parent_is_known(street: Street) -> None:
    """A homeserver names what it takes, and a reply names its parent (matrix.md section 5)."""
    street.letters.names = True
    await street.hear("near")
    root, other = event("root"), event("other")
    answer = event("answer", reply("answer", root.id))
    await street.write(item(root), item(other), msgspec.structs.replace(item(answer), thread=root.id))
    await street.settle()
    assert street.letters.parents == {item(answer).id: f"${item(root).id}"}


async def test_a_reaction_is_named_as_itself_and_an_edit_names_nothing(street: Street) -> None:
    street.letters.names = True
    await street.hear("near")
    said = event("said")
    sign, changed = reaction("sign", said), edit("changed", said, "other words")
    await street.write(item(said), item(sign), item(changed))
    await street.settle()
    copy = street.store.objects.copy
    assert await copy(ObjectId(said.id), GROUP) == f"${item(said).id}"
    assert await copy(ObjectId(sign.id), GROUP) == f"${item(sign).id}"
    assert await copy(ObjectId(changed.id), GROUP) is None


# ------------------------------------------------------------------------------------------------------------- retractions


async def test_a_retraction_waits_for_its_own_create_and_overtakes_everything_else(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(8)))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR] == 4)
    sorry = await street.take_back(said[0])
    later = asyncio.create_task(street.courier.step())
    for _ in range(200):
        await asyncio.sleep(0)
    assert street.letters.sends[NEAR, item(sorry, "direct").id] == 0, "its create is on its way"
    gate.set()
    await asyncio.gather(step, later)
    await street.settle()
    taken = street.taken("near")
    assert taken.index(said[0].id) < taken.index(sorry.id) < taken.index(said[5].id)
    assert sorted(taken) == sorted([*ids(said), sorry.id])


async def test_a_retraction_does_not_wait_for_what_others_said(street: Street) -> None:
    await street.hear("near")
    first = await street.say("first")
    await street.settle()
    await street.say(*(f"said{n}" for n in range(3)))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR] == 3)
    sorry = await street.take_back(first[0])
    later = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR] == 4)
    assert street.letters.sends[NEAR, item(sorry, "direct").id] == 1
    gate.set()
    await asyncio.gather(step, later)


async def test_a_retraction_is_sent_when_the_name_of_what_it_takes_back_is_known(street: Street) -> None:
    """A redaction names the event to take back, which only the answer to its create tells."""
    street.letters.names = True
    await street.hear("near")
    (said,) = await street.say("said")
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR])
    await street.take_back(said)
    copies: list[str | None] = []

    async def look(*_: object) -> Delivered:
        copies.append(await street.store.objects.copy(ObjectId(said.id), GROUP))
        return Delivered()

    street.letters.answers[NEAR].extend([None, look])
    later = asyncio.create_task(street.courier.step())
    gate.set()
    await asyncio.gather(step, later)
    await street.settle()
    assert copies == [f"${item(said).id}"]


async def test_what_was_taken_back_meanwhile_is_not_sent(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(10)))
    changed = edit("changed", said[9], "other words")
    await street.write(item(changed))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.letters.flying[NEAR] == 4)
    sorry = await street.take_back(said[9])
    gate.set()
    await step
    await street.settle()
    taken = street.taken("near")
    assert said[9].id not in taken
    assert changed.id not in taken
    assert sorry.id in taken
    assert street.count("skipped") == 2
    assert await street.store.deliveries.lanes(street.clock.now(), 10) == ()


async def test_a_create_that_failed_is_not_tried_again_after_it_was_taken_back(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    street.letters.answers[NEAR].append(Retry("500"))
    await street.settle()
    sorry = await street.take_back(said)
    await street.settle()
    await street.until(days=0.1, every=60)
    assert street.taken("near") == [sorry.id]
    assert street.letters.sends[NEAR, item(said).id] == 1


# ------------------------------------------------------------------------------------------------------------- bounds


async def test_one_slow_server_holds_up_nobody(street: Street) -> None:
    street.letters.gates[NEAR] = asyncio.Event()
    names = [f"s{n}" for n in range(300)]
    await street.hear("near", *names)
    await street.say("said")
    running = asyncio.create_task(street.courier.run())
    await when(lambda: sum(len(street.taken(name)) for name in names) == 300)
    await street.say("more")
    await when(lambda: sum(len(street.taken(name)) for name in names) == 600)
    assert street.taken("near") == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_server_with_many_inboxes_leaves_room_for_the_others(street: Street) -> None:
    street.courier = street.another_courier()
    crowd = [Destination(ACTIVITYPUB, f"https://crowd.example/u/{n}/inbox", "crowd.example") for n in range(600)]
    await street.hear("near")
    street.letters.gates.update({each.address: asyncio.Event() for each in crowd})
    await street.write(item(event("first"), roster=None, to=tuple(crowd)))
    (said,) = await street.say("said")
    running = asyncio.create_task(street.courier.run())
    await when(lambda: street.taken("near") == [said.id])
    assert street.letters.most_flying["crowd.example"] == 4
    for each in crowd:
        street.letters.gates[each.address].set()
    await when(lambda: all(street.letters.taken[each.address] for each in crowd), turns=200_000)
    assert street.letters.most_flying["crowd.example"] == 4
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_no_more_is_in_flight_than_the_operator_allows(street: Street) -> None:
    street.courier = Street(street.store, street.clock, street.letters, sends_at_once=10).courier
    names = [f"s{n}" for n in range(50)]
    await street.hear(*names)
    await street.say("said")
    await street.settle()
    assert street.letters.most_flying[""] == 10
    assert all(len(street.taken(name)) == 1 for name in names)


async def test_fan_out_writes_nothing_per_follower_but_cursors(street: Street) -> None:
    await street.hear(*(f"s{n}" for n in range(100)))
    before = await street.rows()
    await street.say("said")
    await street.settle()
    after = await street.rows()
    assert {table: after[table] - before[table] for table in after if after[table] != before[table]} == {
        "out": 1,
        "out_roster": 1,
        "reach": 1,
    }


async def test_what_a_thousand_servers_hear_is_written_once(street: Street) -> None:
    await street.hear(*(f"s{n}" for n in range(100)))
    await street.say("said", "more")
    await street.settle()
    assert set(street.letters.written.values()) == {1}


async def test_what_failed_is_written_anew(street: Street) -> None:
    """A parent whose name was not known at first is named at the next try."""
    await street.hear("near")
    root = event("root")
    answer = event("answer", reply("answer", root.id))
    await street.write(item(answer))
    street.letters.answers[NEAR].append(Retry("500"))
    await street.settle()
    street.clock.forward(100)
    await street.settle()
    assert street.letters.written[item(answer).id] == 2


# ------------------------------------------------------------------------------------------------------------- our own faults


async def test_what_we_cannot_write_is_a_dead_letter_with_the_reason_and_the_lane_goes_on(street: Street) -> None:
    await street.hear("near")
    broken, fine = event("broken"), event("fine")
    await street.write(item(broken, "broken"), item(fine))
    await street.settle()
    assert street.taken("near") == [fine.id]
    (letter,) = await street.store.deliveries.dead_letters(10)
    assert letter.why == "Something went wrong inside this bridge (ZeroDivisionError); its log says what."


async def test_what_makes_sending_fail_in_our_own_code_is_given_up_after_five_tries(street: Street) -> None:
    await street.hear("near")
    said = await street.say("said", "more")
    street.letters.answers[NEAR].extend([ZeroDivisionError("our own fault"), None, *[ZeroDivisionError("our own fault")] * 4])
    await street.settle()
    await street.until(days=1, every=60)
    assert street.taken("near") == [said[1].id]
    (letter,) = await street.store.deliveries.dead_letters(10)
    assert (letter.event_id, letter.attempts) == (said[0].id, 5)


async def test_what_cannot_be_said_there_is_left_out_with_its_reason(street: Street) -> None:
    await street.hear("near", "far")
    said, more = event("said"), event("more")
    await street.write(item(said, "impossible"), item(more))
    await street.settle()
    assert street.taken("near") == street.taken("far") == [more.id]
    (omission,) = await street.store.decisions.omissions(said.id)
    assert (omission.code, omission.text) == ("kind.not_carried", "Nobody here can read it.")


async def test_somebody_who_is_mentioned_and_whose_server_is_silent_delays_nobody(street: Street) -> None:
    await street.hear("near")
    kim = Native(ACTIVITYPUB, "https://silent.example/u/kim")
    street.letters.unreachable.add(kim.id)
    said = event("said", Message(from_plain("hello Kim"), mentions=(Mention(kim, "Kim"),)))
    await street.write(item(said))
    await street.settle()
    assert street.taken("near") == [said.id]


async def test_what_is_for_a_protocol_that_is_switched_off_waits(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    adapter = street.adapters.pop(ACTIVITYPUB)
    await street.settle()
    (standing,) = await street.store.deliveries.standings(said.id)
    assert (standing.stage, standing.why) == (Stage.WAITING, "This node does not speak activitypub now.")
    street.adapters[ACTIVITYPUB] = adapter
    await street.until(days=0.1)
    assert street.taken("near") == [said.id]
