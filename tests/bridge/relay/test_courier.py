"""What the courier promises of order, retries and bounds, step by step on a clock that stands until it is moved."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import msgspec

from bridge.changes import PutFollow, WakeHost
from bridge.model.content import Message
from bridge.model.content.message import Mention
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId
from bridge.model.item import Dead, Delivered, Destination, Retry, Scope, Skipped, Snooze, Stage
from bridge.model.record import Follow
from bridge.model.richtext import from_plain
from tests.bridge.relay.street import GROUP, Letters, Street, ids, when
from tests.conformance.samples import NOW, edit, event, follower, item, reaction, server

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


# ------------------------------------------------------------------------------------------------------------- retries


async def test_what_failed_is_tried_again_later_and_later(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    tries: list[timedelta] = []

    async def fail(*_: object) -> Retry:
        tries.append(street.clock.now() - NOW)
        return Retry("500")

    street.letters.always[NEAR] = fail
    await street.settle()
    await street.until(days=0.5, every=5)
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(tries)]
    for number, gap in enumerate(gaps):
        expected = min(60.0 * 2**number, 21_600.0)
        assert 0.8 * expected <= gap <= 1.2 * expected + 5, gaps
    assert len(gaps) >= 8
    del street.letters.always[NEAR]
    await street.until(days=0.5, every=60)
    assert street.taken("near") == [said.id]


async def test_a_peer_that_says_when_to_come_back_is_not_asked_sooner(street: Street) -> None:
    await street.hear("near")
    await street.say("said")
    street.letters.answers[NEAR].append(Retry("429", after=600.0))
    await street.settle()
    street.clock.forward(599)
    assert await street.settle() == 0
    street.clock.forward(1)
    await street.settle()
    assert len(street.taken("near")) == 1


async def test_a_failure_of_one_moment_counts_once_however_much_was_in_flight(street: Street) -> None:
    await street.hear("near")
    await street.say(*(f"said{n}" for n in range(4)))
    street.letters.answers[NEAR].extend([Retry("no answer", scope=Scope.HOST)] * 4)
    await street.settle()
    assert (await street.store.deliveries.host("near.example")).fails == 1
    street.clock.forward(72)
    (lane,) = await street.store.deliveries.lanes(street.clock.now(), 10)
    assert lane.fails == 1


async def test_a_snooze_is_no_failure(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    street.letters.answers[NEAR].append(Snooze(30.0, "not yet"))
    await street.settle()
    assert await street.store.deliveries.next_due() == street.clock.now() + timedelta(seconds=30)
    street.clock.forward(30)
    (lane,) = await street.store.deliveries.lanes(street.clock.now(), 10)
    assert (lane.fails, lane.first_failure_at) == (0, None)
    await street.settle()
    assert street.taken("near") == [said.id]


async def test_a_success_of_before_does_not_hide_a_failure(street: Street) -> None:
    """One of four in flight fails first; what the others say after that is older news."""
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(4)))
    failed = asyncio.Event()

    async def fail(*_: object) -> Retry:
        return Retry("500")

    async def succeed_later(*_: object) -> Delivered:
        await failed.wait()
        return Delivered()

    street.letters.answers[NEAR].extend([succeed_later, fail, succeed_later, succeed_later])
    step = asyncio.create_task(street.courier.step())
    await when(lambda: street.count("retried"))
    failed.set()
    await step
    assert await street.settle() == 0, "the lane rests"
    street.clock.forward(100)
    (lane,) = await street.store.deliveries.lanes(street.clock.now(), 10)
    assert lane.fails == 1
    await street.settle()
    assert sorted(street.taken("near")) == sorted(ids(said))
    assert set(street.letters.sends.values()) == {1, 2}, "only what failed was sent again"


# ------------------------------------------------------------------------------------------------------------- circuits


async def test_a_server_that_does_not_answer_is_probed_by_one_item_and_its_circuit_closes_again(street: Street) -> None:
    await street.hear("near")
    personal = [Destination(ACTIVITYPUB, f"https://near.example/u/{n}/inbox", "near.example") for n in range(5)]
    said = [event(f"said{n}") for n in range(3)]
    await street.write(*(item(each, to=tuple(personal)) for each in said))
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    await street.settle()
    sends = sum(street.letters.sends.values())
    assert sends <= 4, "at most four at once to one server"
    assert street.metrics.registry.get_sample_value("folkmoot_circuits_open", {"protocol": "activitypub"}) == 1
    for _ in range(6):
        street.clock.forward(3 * 3_600)
        street.letters.most_flying.clear()
        before = sum(street.letters.sends.values())
        await street.settle()
        assert sum(street.letters.sends.values()) - before <= 1
        assert street.letters.most_flying["near.example"] <= 1
    del street.letters.always["near.example"]
    street.clock.forward(7 * 3_600)
    await street.settle()
    assert (await street.store.deliveries.host("near.example")).fails == 0
    assert street.metrics.registry.get_sample_value("folkmoot_circuits_open", {"protocol": "activitypub"}) == 0
    await street.until(days=1)
    for where in (NEAR, *(each.address for each in personal)):
        assert [each.event_id for each in street.letters.taken[where]] == ids(said), where


async def test_another_server_does_not_feel_it(street: Street) -> None:
    await street.hear("near", "far")
    said = await street.say(*(f"said{n}" for n in range(5)))
    street.letters.always["far.example"] = Retry("no answer", scope=Scope.HOST)
    await street.settle()
    assert sorted(street.taken("near")) == sorted(ids(said))
    assert street.taken("far") == []


async def test_a_server_that_speaks_to_us_is_tried_at_once(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    street.letters.answers[NEAR].append(Retry("no answer", scope=Scope.HOST))
    await street.settle()
    await street.store.journal.commit([WakeHost("near.example")])
    await street.settle()
    assert street.taken("near") == [said.id]


async def test_a_probe_that_skips_says_nothing_of_the_server(street: Street) -> None:
    await street.hear("near")
    await street.say("said", "more")
    street.letters.answers[NEAR].extend([Retry("no answer", scope=Scope.HOST)] * 2)
    await street.settle()
    first = await street.store.deliveries.host("near.example")
    street.letters.answers[NEAR].extend([Skipped("they hear it elsewhere"), Retry("no answer", scope=Scope.HOST)])
    street.clock.forward(80)
    await street.settle()
    host = await street.store.deliveries.host("near.example")
    assert (host.fails, host.first_failure_at) == (first.fails + 1, first.first_failure_at)
    assert street.taken("near") == []


# ------------------------------------------------------------------------------------------------------------- giving up


async def test_a_dead_server_costs_one_row_for_a_week_and_ends_as_one_gap_while_the_others_go_on(street: Street) -> None:
    await street.hear("dead", "near")
    street.letters.always["dead.example"] = Retry("no answer", scope=Scope.HOST)
    said = []
    for hour in range(24 * 8):
        said += await street.say(f"said{hour}")
        await street.settle()
        street.clock.forward(3_600)
        await street.settle()
    assert street.taken("near") == ids(said)
    counts = await _rows(street, "hosts", "gaps", "dead", "lanes")
    assert counts["hosts"] == 1
    assert counts["gaps"] >= 1
    assert counts["dead"] == 0, "no letter of its own for each of 192 items"
    assert counts["lanes"] == 4
    assert sum(count for (where, _), count in street.letters.sends.items() if "dead" in where) < 60
    early = await street.store.deliveries.standings(said[0].id)
    stages = {each.destination: each.stage for each in early}
    assert stages == {server("dead"): Stage.GIVEN_UP, server("near"): Stage.DELIVERED}
    given_up = next(each for each in early if each.destination == server("dead"))
    assert given_up.why == "Nothing came through for 7 days; at last: no answer"


async def test_a_week_without_an_answer_ends_as_exactly_one_gap(street: Street) -> None:
    await street.hear("dead")
    street.letters.always["dead.example"] = Retry("no answer", scope=Scope.HOST)
    await street.say(*(f"said{n}" for n in range(50)))
    await street.until(days=8)
    assert await _rows(street, "gaps", "dead") == {"gaps": 1, "dead": 0}
    assert await street.store.deliveries.lanes(street.clock.now() + timedelta(days=9), 10) == ()
    del street.letters.always["dead.example"]
    (said,) = await street.say("said again")
    await street.until(days=1)
    assert street.taken("dead") == [said.id], "a server that is back hears what is new"


async def test_all_lanes_of_a_server_that_is_silent_for_a_week_are_given_up_together(street: Street) -> None:
    await street.hear("near")
    personal = [Destination(ACTIVITYPUB, f"https://near.example/u/{n}/inbox", "near.example") for n in range(10)]
    await street.write(item(event("said"), to=tuple(personal)))
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    await street.until(days=7.5)
    assert (await _rows(street, "gaps"))["gaps"] == 11
    assert await street.store.deliveries.lanes(street.clock.now() + timedelta(days=9), 100) == ()


async def test_a_retraction_is_tried_for_thirty_days_and_is_then_a_dead_letter(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    await street.settle()
    street.letters.always[NEAR] = Retry("500")
    await street.take_back(said)
    await street.until(days=29, every=3_600)
    assert await street.store.deliveries.dead_letters(10) == ()
    await street.until(days=2, every=3_600)
    (letter,) = await street.store.deliveries.dead_letters(10)
    assert letter.why == "Nothing came through for 30 days; at last: 500"
    assert letter.attempts > 100


async def test_a_refusal_for_good_is_a_dead_letter_and_the_lane_goes_on(street: Street) -> None:
    await street.hear("near")
    said = await street.say("said", "more")
    street.letters.answers[NEAR].append(Dead("near.example answered 403"))
    await street.settle()
    assert street.taken("near") == [said[1].id]
    (letter,) = await street.store.deliveries.dead_letters(10)
    assert (letter.event_id, letter.why, letter.attempts) == (said[0].id, "near.example answered 403", 1)


async def test_an_inbox_that_is_gone_ends_with_its_follows_and_nobody_is_asked_again(street: Street) -> None:
    await street.hear("near", "far")
    sam = follower("sam", "near")
    await street.store.journal.commit([PutFollow(Follow(sam, GROUP, "https://near.example/f/1", NOW, NOW))])
    said = await street.say("said", "more")
    street.letters.always[NEAR] = Dead("near.example answered 410: the account has ended.", gone=True)
    await street.settle()
    await street.say("and more")
    await street.settle()
    assert sum(count for (where, _), count in street.letters.sends.items() if where == NEAR) <= 2
    assert await street.store.directory.follow(sam, GROUP) is None
    assert len(street.taken("far")) == 3
    (standing,) = [each for each in await street.store.deliveries.standings(said[0].id) if each.destination == server("near")]
    assert (standing.stage, standing.why) == (Stage.GIVEN_UP, "near.example answered 410: the account has ended.")
    assert await street.store.deliveries.dead_letters(10) == ()
    await street.take_back(said[0])
    await street.settle()
    assert street.letters.flying[NEAR] == 0


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
    before = await _rows(street)
    await street.say("said")
    await street.settle()
    after = await _rows(street)
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


# ------------------------------------------------------------------------------------------------------------- running


async def test_while_it_runs_what_is_written_goes_at_once_and_successes_are_noted_a_moment_later(street: Street) -> None:
    await street.hear("near", "far")
    running = asyncio.create_task(street.courier.run())
    said = await street.say("said")
    await when(lambda: street.taken("near") == street.taken("far") == ids(said))
    assert len(await street.store.deliveries.lanes(street.clock.now(), 10)) == 2, "not yet"
    for _ in range(50):
        await asyncio.sleep(0)
    street.clock.forward(0.25)
    for _ in range(50):
        await asyncio.sleep(0)
    assert await street.store.deliveries.lanes(street.clock.now(), 10) == ()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_short_wait_is_over_when_it_is_over_and_not_at_the_next_look() -> None:
    from bridge.logs import configure
    from bridge.model.capability import Patience
    from storage import open_memory
    from tests.bridge.relay.street import Sundial

    configure("error", form="json", strict=True)
    clock = Sundial()
    street = Street(open_memory(clock=clock), clock, Letters(patience=Patience(first=0.2, longest=5.0, parallel=1)))
    await street.hear("near")
    running = asyncio.create_task(street.courier.run())
    street.letters.answers[NEAR].append(Retry("a moment"))
    said = await street.say("said")
    await when(lambda: street.count("retried"))
    for _ in range(50):
        await asyncio.sleep(0)
    clock.forward(0.3)
    await when(lambda: street.taken("near") == ids(said))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await street.store.close()


async def test_draining_finishes_what_is_in_flight_and_begins_nothing_more(street: Street) -> None:
    await street.hear("near")
    said = await street.say(*(f"said{n}" for n in range(6)))
    street.letters.gates[NEAR] = gate = asyncio.Event()
    running = asyncio.create_task(street.courier.run())
    await when(lambda: street.letters.flying[NEAR] == 4)
    draining = asyncio.create_task(street.courier.drain(10))
    await asyncio.sleep(0)
    gate.set()
    await draining
    assert len(street.taken("near")) == 4
    (lane,) = await street.store.deliveries.lanes(street.clock.now(), 10)
    queued = await street.store.deliveries.read(lane, 10)
    assert [each.item and each.item.event_id for each in queued] == ids(said[4:]), "what was sent is noted"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_draining_does_not_wait_longer_than_it_may_and_what_is_cut_off_is_sent_after_the_next_start(street: Street) -> None:
    await street.hear("near", "far")
    (said,) = await street.say("said")
    street.letters.gates[NEAR] = asyncio.Event()
    running = asyncio.create_task(street.courier.run())
    await when(lambda: street.letters.flying[NEAR] == 1 and street.taken("far"))
    draining = asyncio.create_task(street.courier.drain(10))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not draining.done()
    street.clock.forward(10)
    await draining
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert street.letters.flying[NEAR] == 0
    del street.letters.gates[NEAR]
    street.another_courier()
    await street.settle()
    assert street.taken("near") == street.taken("far") == [said.id]
    assert street.letters.sends[FAR, item(said).id] == 1


async def _rows(street: Street, *tables: str) -> dict[str, int]:
    from sqlalchemy import func, select

    from storage.schema import metadata

    chosen = [table for table in metadata.sorted_tables if not tables or table.name in tables]

    def count(connection: object) -> dict[str, int]:
        return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in chosen}  # type: ignore[attr-defined]

    return await street.store.database.read(count)
