"""When the courier tries again, whom it spares meanwhile, and how it ends: on a clock that stands until it is moved."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bridge.changes import PutFollow, Retract, WakeHost
from bridge.model.ids import ACTIVITYPUB
from bridge.model.item import Dead, Delivered, Destination, Retry, Scope, Skipped, Snooze, Stage
from bridge.model.record import Follow
from bridge.streams import LaneState
from tests.bridge.relay.street import GROUP, Street, ids, when
from tests.conformance.samples import NOW, event, follower, item, server

NEAR = server("near").address


# ------------------------------------------------------------------------------------------------------------- retries


def one_after_the_other(street: Street) -> Callable[..., Awaitable[Retry]]:
    """No answer, told of each send a little later than of the one before."""
    turns = itertools.count(0, 30)

    async def fail(*_: object) -> Retry:
        for _ in range(next(turns)):
            await asyncio.sleep(0)
        street.clock.forward(0.001)
        return Retry("no answer", scope=Scope.HOST)

    return fail


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

    street.letters.answers[NEAR].extend([one_after_the_other(street)] * 4)
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


async def test_a_failure_of_several_inboxes_in_one_moment_counts_once_for_their_server(street: Street) -> None:
    inboxes = tuple(Destination(ACTIVITYPUB, f"https://near.example/u/{n}/inbox", "near.example") for n in range(4))

    street.letters.always["near.example"] = one_after_the_other(street)
    await street.write(item(event("said"), roster=None, to=inboxes))
    await street.settle()
    assert sum(street.letters.sends.values()) == 4
    assert (await street.store.deliveries.host("near.example")).fails == 1


async def test_a_snooze_does_not_shorten_the_wait_after_a_failure(street: Street) -> None:
    await street.hear("near")
    await street.say("said", "more")
    failed = asyncio.Event()

    async def fail(*_: object) -> Retry:
        failed.set()
        return Retry("429", after=600.0)

    async def snooze(*_: object) -> Snooze:
        await failed.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        return Snooze(5.0, "not yet")

    street.letters.answers[NEAR].extend([fail, snooze])
    await street.settle()
    street.clock.forward(599)
    assert await street.settle() == 0


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


async def test_what_is_new_for_a_server_that_was_silent_for_days_does_not_begin_with_minutes(street: Street) -> None:
    await street.hear("near")
    (said,) = await street.say("said")
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    await street.until(days=2)
    sends = sum(street.letters.sends.values())
    await street.take_back(said)
    await street.until(days=1, every=60)
    assert sum(street.letters.sends.values()) - sends <= 6


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


async def test_a_fault_of_our_own_says_nothing_of_the_server(street: Street) -> None:
    await street.hear("near")
    await street.say("said")
    street.letters.answers[NEAR].append(Retry("no answer", scope=Scope.HOST))
    await street.settle()
    first = await street.store.deliveries.host("near.example")
    (said,) = await street.store.deliveries.read(LaneState(server("near"), False, 0), 1)
    assert said.item is not None
    await street.store.journal.commit([Retract(said.item.object, None, street.clock.now())])
    await street.write(item(event("broken"), "broken"), item(event("more")))
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    street.clock.forward(80)
    await street.settle()
    host = await street.store.deliveries.host("near.example")
    assert len(await street.store.deliveries.dead_letters(10)) == 1
    assert (host.fails, host.first_failure_at) == (2, first.first_failure_at)


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
    counts = await street.rows("hosts", "gaps", "dead", "lanes")
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
    assert await street.rows("gaps", "dead") == {"gaps": 1, "dead": 0}
    host = await street.store.deliveries.host("dead.example")
    assert host.fails == sum(street.letters.sends.values()) - 3, "each try counted, the first four as one"
    assert await street.store.deliveries.lanes(street.clock.now() + timedelta(days=9), 10) == ()
    await street.say("into the void")
    await street.until(days=0.5)
    assert await street.rows("gaps", "dead") == {"gaps": 2, "dead": 0}, "a server silent for so long gets one try, not another week"
    del street.letters.always["dead.example"]
    (said,) = await street.say("said again")
    await street.until(days=1)
    assert street.taken("dead") == [said.id], "a server that is back hears what is new"


@pytest.mark.parametrize("urgent", [False, True])
async def test_all_lanes_of_a_server_that_is_silent_for_a_week_are_given_up_together(street: Street, urgent: bool) -> None:
    """Only one lane is ever tried, and that is the one of a retraction where there is one; the others' week ends all the same."""
    await street.hear("near")
    first = event("first")
    await street.write(item(first))
    await street.settle()
    personal = [Destination(ACTIVITYPUB, f"https://near.example/u/{n}/inbox", "near.example") for n in range(10)]
    await street.write(item(event("said"), to=tuple(personal)))
    if urgent:
        await street.take_back(first)
    street.letters.always["near.example"] = Retry("no answer", scope=Scope.HOST)
    await street.settle()
    for _ in range(int(7.5 * 48)):
        before = sum(street.letters.sends.values())
        street.clock.forward(1_800)
        await street.settle()
        assert sum(street.letters.sends.values()) - before <= 1
    assert (await street.rows("gaps"))["gaps"] == 11
    waiting = [lane.urgent for lane in await street.store.deliveries.lanes(street.clock.now() + timedelta(days=1), 100)]
    assert waiting == ([True] if urgent else []), "a retraction is tried for longer"
    street.letters.always.clear()
    await street.until(days=0.5)
    await street.settle()
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


async def test_when_an_inbox_is_gone_nothing_else_is_begun_there(street: Street) -> None:
    await street.hear("near")
    earlier = await street.say(*(f"earlier{n}" for n in range(6)))
    await street.settle()
    street.letters.always[NEAR] = Dead("near.example answered 410: the account has ended.", gone=True)
    before = sum(street.letters.sends.values())
    for each in earlier:
        await street.take_back(each)
    await street.say("said")
    await street.settle()
    assert sum(street.letters.sends.values()) - before == 4
