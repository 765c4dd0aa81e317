"""The `Deliveries` port as the courier uses it: many lanes at once, waits that are no failures, and destinations that have ended."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from bridge.changes import (
    AdvanceLane,
    AppendItem,
    EndDestination,
    FailLane,
    JoinRoster,
    LeaveRoster,
    Park,
    PutFollow,
    Retract,
    SnoozeLane,
    WakeHost,
)
from bridge.model.ids import ObjectId, RosterId
from bridge.model.item import Stage
from bridge.model.record import Follow, Wait
from bridge.streams import LaneState
from storage import SqlStore
from storage.windows import SPAN
from tests.conformance.homes import Home
from tests.conformance.samples import FOLLOWERS, GROUP, NOW, event, follower, intake, item, later, reaction, retraction, server

NEAR, FAR = server("near"), server("far")
SAM, KIM = follower("sam", "near"), follower("kim", "far")
OTHERS = RosterId("followers:others")


async def lane_of(store: SqlStore, name: str = "near", *, at: datetime = NOW) -> LaneState | None:
    found = [each for each in await store.deliveries.lanes(at, 100) if each.destination == server(name) and not each.urgent]
    return found[0] if found else None


async def test_what_is_passed_over_says_nothing_of_how_a_server_is(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, SAM), *(AppendItem(item(event(f"said{n}")), NOW) for n in range(2))])
    await store.journal.commit([FailLane(NEAR, False, "no answer", later(60), NOW, host=True)])
    lane = await lane_of(store, at=later(60))
    assert lane is not None
    first, second = await store.deliveries.read(lane, 10)
    await store.journal.commit([AdvanceLane(NEAR, False, first.seq, answered=False)])
    assert await lane_of(store, at=later(59)) is None
    after = await lane_of(store, at=later(60))
    assert after is not None
    assert (after.cursor, after.fails, after.first_failure_at, after.last_error) == (first.seq, 1, NOW, "no answer")
    assert (await store.deliveries.host(NEAR.host)).fails == 1
    await store.journal.commit([AdvanceLane(NEAR, False, second.seq, answered=False)])
    assert await lane_of(store, at=later(60)) is None, "a lane with nothing left sleeps all the same"


async def test_a_lane_says_when_its_server_is_only_to_be_probed(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, SAM), AppendItem(item(event("said")), NOW)])
    fresh = await lane_of(store)
    await store.journal.commit([FailLane(NEAR, False, "no answer", later(60), NOW, host=True)])
    half_open = await lane_of(store, at=later(60))
    await store.journal.commit([WakeHost(NEAR.host)])
    woken = await lane_of(store)
    assert [each is not None and each.probe for each in (fresh, half_open, woken)] == [False, True, False]


async def test_a_snoozed_lane_waits_and_no_failure_is_counted(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, SAM), AppendItem(item(event("said")), NOW)])
    snooze = SnoozeLane(NEAR, False, "busy with something else", later(30))
    await store.journal.commit([snooze, snooze])
    assert await lane_of(store, at=later(29)) is None
    assert await store.deliveries.next_due() == later(30)
    lane = await lane_of(store, at=later(30))
    assert lane is not None
    assert (lane.fails, lane.first_failure_at, lane.last_error) == (0, None, "busy with something else")


async def test_a_destination_that_has_ended_hears_nothing_more_and_its_follows_end(store: SqlStore) -> None:
    said, more = event("said"), event("more")
    await store.journal.commit(
        [
            JoinRoster(FOLLOWERS, NEAR, SAM),
            JoinRoster(OTHERS, NEAR, SAM),
            JoinRoster(FOLLOWERS, FAR, KIM),
            PutFollow(Follow(SAM, GROUP, "https://near.example/f/1", NOW, NOW)),
            PutFollow(Follow(KIM, GROUP, "https://far.example/f/1", NOW, NOW)),
            AppendItem(item(said), NOW),
        ]
    )
    ending = EndDestination(NEAR, "410, and the account has ended", NOW)
    await store.journal.commit([ending, ending])
    await store.journal.commit([AppendItem(item(more), NOW), AppendItem(item(retraction("sorry", more), "direct", urgent=True), NOW)])
    assert {each.destination for each in await store.deliveries.lanes(NOW, 10)} == {FAR}
    assert [each.actor for each in await store.directory.followers(GROUP, "", 10)] == [KIM]
    stages = {each.destination: each for each in await store.deliveries.standings(said.id)}
    assert (stages[NEAR].stage, stages[NEAR].why) == (Stage.GIVEN_UP, "410, and the account has ended")
    assert stages[FAR].stage is Stage.WAITING
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, SAM), AppendItem(item(event("back")), NOW)])
    lane = await lane_of(store)
    assert lane is not None, "whoever comes back is heard again"


@pytest.mark.parametrize("seed", range(6))
async def test_windows_of_many_lanes_are_what_each_lane_reads_alone(store: SqlStore, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{n}" for n in range(6)]
    rosters = [FOLLOWERS, OTHERS]
    said = [event(f"first{seed}")]
    for n in range(60):
        name = chance.choice(names)
        match chance.randrange(8):
            case 0:
                await store.journal.commit([JoinRoster(chance.choice(rosters), server(name), follower("sam", name))])
            case 1:
                await store.journal.commit([LeaveRoster(chance.choice(rosters), follower("sam", name))])
            case 2 | 3 | 4:
                said.append(event(f"said{seed}-{n}"))
                to = tuple(server(each) for each in chance.sample(names, chance.randrange(3)))
                await store.journal.commit([AppendItem(item(said[-1], roster=chance.choice([*rosters, None]), to=to), NOW)])
            case 5:
                of = chance.choice(said)
                sorry = retraction(f"sorry{seed}-{n}", of)
                await store.journal.commit(
                    [Retract(ObjectId(of.id), None, NOW), AppendItem(item(sorry, "direct", urgent=True, reached=True), NOW)]
                )
            case 6:
                lots = [item(reaction(f"sign{seed}-{n}-{k}", said[0]), roster=chance.choice(rosters)) for k in range(SPAN)]
                await store.journal.commit([AppendItem(each, NOW) for each in lots])
            case _:
                for lane in await store.deliveries.lanes(NOW, 100):
                    queued = await store.deliveries.read(lane, chance.randrange(1, 9))
                    if chance.random() < 0.5:
                        await store.journal.commit([AdvanceLane(lane.destination, lane.urgent, queued[-1].seq)])
    lanes = [
        *await store.deliveries.lanes(NOW, 100),
        *(LaneState(server(name), urgent, cursor) for name in names for urgent in (False, True) for cursor in (0, 30, 10**6)),
    ]
    for limit in (1, 4, 16):
        for lane, window in zip(lanes, await store.deliveries.windows(lanes, limit), strict=True):
            alone = await store.deliveries.read(lane, 10_000)
            assert window.queued == alone[: len(window.queued)], (lane, limit)
            assert len(window.queued) <= limit
            assert window.queued or not alone, "never empty while there is any"
            assert window.more or len(window.queued) == len(alone)


async def test_what_many_lanes_hear_is_the_same_value_for_all(store: SqlStore) -> None:
    await store.journal.commit([JoinRoster(FOLLOWERS, NEAR, SAM), JoinRoster(FOLLOWERS, FAR, KIM), AppendItem(item(event("said")), NOW)])
    one, other = await store.deliveries.windows(await store.deliveries.lanes(NOW, 10), 16)
    assert one.queued[0].item is other.queued[0].item


async def test_an_entry_knows_whether_an_earlier_one_of_its_lane_waits(store: SqlStore, home: Home) -> None:
    first, second, other = await store.journal.accept([intake("a"), intake("b"), intake("c", lane="!other:hs.example")])
    lane = "!room:hs.example"
    await store.journal.commit([Park(Wait(first.seq, later(60), "its author could not be fetched", 1))])
    store = await home.reopen()
    assert await store.journal.waits_ahead(lane, second.seq)
    assert not await store.journal.waits_ahead(lane, first.seq), "it does not wait for itself"
    assert not await store.journal.waits_ahead("!other:hs.example", other.seq)
    await store.journal.commit([Park(Wait(first.seq, None, "our bug 17", stuck=True))])
    assert not await store.journal.waits_ahead(lane, second.seq), "what waits for a person holds up nothing"
